-- expand 0.1
-- checked credentials in memory contain by which connections their user has to sign in (migration 0034), which depends on where the
-- domain of the user's verified address leads
drop trigger tell_update on latchkey.organization_domains;
create trigger tell_update after update of verified_at, connection_id on latchkey.organization_domains for each row
  when ((old.verified_at, old.connection_id) is distinct from (new.verified_at, new.connection_id))
  execute function latchkey.tell_changed_organization();
drop trigger tell_update on latchkey.connections;
create trigger tell_update after update of status, origin on latchkey.connections for each row
  when (new.organization_id is not null and (old.status, old.origin) is distinct from (new.status, new.origin))
  execute function latchkey.tell_changed_organization();
create trigger tell_update after update of address_key, verified_at, is_primary on latchkey.emails for each row
  when ((old.address_key, old.verified_at, old.is_primary) is distinct from (new.address_key, new.verified_at, new.is_primary))
  execute function latchkey.tell_changed_user();
