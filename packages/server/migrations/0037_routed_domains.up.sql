-- expand 0.1
-- Processes remember whether any verified domain leads to an active connection, because each sign-in page asks. What can change
-- that is notified on the channel of migration 0018, with a word instead of an id: notifications of one transaction are one.
create function latchkey.tell_routed_domains() returns trigger language plpgsql as $$
begin
  perform pg_catalog.pg_notify('latchkey_changes', 'routed_domains');
  return null;
end $$;
create trigger tell_routed_insert after insert on latchkey.connections for each row
  when (new.organization_id is not null and new.status = 'active')
  execute function latchkey.tell_routed_domains();
create trigger tell_routed_update after update of status, organization_id on latchkey.connections for each row
  when ((old.status, old.organization_id) is distinct from (new.status, new.organization_id))
  execute function latchkey.tell_routed_domains();
create trigger tell_routed_delete after delete on latchkey.connections for each row
  when (old.organization_id is not null and old.status = 'active')
  execute function latchkey.tell_routed_domains();
create trigger tell_routed_insert after insert on latchkey.organization_domains for each row
  when (new.verified_at is not null)
  execute function latchkey.tell_routed_domains();
create trigger tell_routed_update after update of verified_at, connection_id, organization_id on latchkey.organization_domains
  for each row when (
    (old.verified_at is null, old.connection_id, old.organization_id)
    is distinct from (new.verified_at is null, new.connection_id, new.organization_id))
  execute function latchkey.tell_routed_domains();
create trigger tell_routed_delete after delete on latchkey.organization_domains for each row
  when (old.verified_at is not null)
  execute function latchkey.tell_routed_domains();
create trigger tell_routed_update after update of deleted_at on latchkey.organizations for each row
  when ((old.deleted_at is null) is distinct from (new.deleted_at is null))
  execute function latchkey.tell_routed_domains();
-- connections and domains of a deleted organization are deleted with it, row by row: their triggers tell
