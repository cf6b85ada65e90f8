-- expand 0.1
-- Processes hold checked credentials in memory: every change that can make one refuse, or answer otherwise, is notified
-- in its transaction, by triggers, so that no statement of any version and no operator can forget it. The payload is the
-- id of a user or an organization. What only permits more (an unlock) need not be notified, because memory never refuses.
-- Cascades (trigger depth above zero) are left out: the row that they follow has notified.
create function latchkey.tell_changed_user() returns trigger language plpgsql as $$
begin
  perform pg_catalog.pg_notify('latchkey_changes', coalesce(old.user_id, new.user_id));
  return null;
end $$;
create function latchkey.tell_changed_organization() returns trigger language plpgsql as $$
begin
  perform pg_catalog.pg_notify('latchkey_changes', coalesce(old.organization_id, new.organization_id));
  return null;
end $$;
create function latchkey.tell_changed_id() returns trigger language plpgsql as $$
begin
  perform pg_catalog.pg_notify('latchkey_changes', old.id);
  return null;
end $$;

create trigger tell_update after update of ended_at, token_hash, organization_id, authenticated_at, expires_at, idle_seconds, amr, limited_to
  on latchkey.sessions for each row
  when (pg_trigger_depth() = 0 and
    (old.ended_at, old.token_hash, old.organization_id, old.authenticated_at, old.expires_at, old.idle_seconds, old.amr, old.limited_to)
    is distinct from
    (new.ended_at, new.token_hash, new.organization_id, new.authenticated_at, new.expires_at, new.idle_seconds, new.amr, new.limited_to))
  execute function latchkey.tell_changed_user();
create trigger tell_delete after delete on latchkey.sessions for each row
  when (pg_trigger_depth() = 0 and old.ended_at is null)
  execute function latchkey.tell_changed_user();

create trigger tell_update after update of revoked_at, expires_at, scopes, token_hash, organization_id on latchkey.api_keys for each row
  when (pg_trigger_depth() = 0 and
    (old.revoked_at, old.expires_at, old.scopes, old.token_hash, old.organization_id) is distinct from
    (new.revoked_at, new.expires_at, new.scopes, new.token_hash, new.organization_id))
  execute function latchkey.tell_changed_user();
create trigger tell_delete after delete on latchkey.api_keys for each row
  when (pg_trigger_depth() = 0 and old.revoked_at is null)
  execute function latchkey.tell_changed_user();

-- a pending user has no credential that is valid
create trigger tell_update after update of username, full_name, locale, status, roles, locked_at, locked_until on latchkey.users for each row
  when (old.status <> 'pending' and
    (old.username, old.full_name, old.locale, old.status, old.roles, old.locked_at, old.locked_until) is distinct from
    (new.username, new.full_name, new.locale, new.status, new.roles, new.locked_at, new.locked_until))
  execute function latchkey.tell_changed_id();
create trigger tell_delete after delete on latchkey.users for each row
  when (old.status <> 'pending')
  execute function latchkey.tell_changed_id();

create trigger tell_insert after insert on latchkey.memberships for each row
  execute function latchkey.tell_changed_user();
create trigger tell_update after update on latchkey.memberships for each row
  when (old.* is distinct from new.*)
  execute function latchkey.tell_changed_user();
create trigger tell_delete after delete on latchkey.memberships for each row
  when (pg_trigger_depth() = 0)
  execute function latchkey.tell_changed_user();

create trigger tell_update after update of name, deleted_at on latchkey.organizations for each row
  when ((old.name, old.deleted_at) is distinct from (new.name, new.deleted_at))
  execute function latchkey.tell_changed_id();
create trigger tell_delete after delete on latchkey.organizations for each row
  execute function latchkey.tell_changed_id();

create trigger tell_insert after insert on latchkey.organization_roles for each row
  execute function latchkey.tell_changed_organization();
create trigger tell_update after update on latchkey.organization_roles for each row
  when ((old.name, old.permissions, old.inherits) is distinct from (new.name, new.permissions, new.inherits))
  execute function latchkey.tell_changed_organization();
create trigger tell_delete after delete on latchkey.organization_roles for each row
  when (pg_trigger_depth() = 0)
  execute function latchkey.tell_changed_organization();
