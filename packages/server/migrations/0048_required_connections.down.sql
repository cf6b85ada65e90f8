drop trigger tell_update on latchkey.emails;
drop trigger tell_update on latchkey.connections;
create trigger tell_update after update of status on latchkey.connections for each row
  when (new.organization_id is not null and old.status is distinct from new.status)
  execute function latchkey.tell_changed_organization();
drop trigger tell_update on latchkey.organization_domains;
create trigger tell_update after update of verified_at on latchkey.organization_domains for each row
  when (old.verified_at is distinct from new.verified_at)
  execute function latchkey.tell_changed_organization();
