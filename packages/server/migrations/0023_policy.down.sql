drop trigger tell_update on latchkey.memberships;
create trigger tell_update after update on latchkey.memberships for each row
  when (old.* is distinct from new.*)
  execute function latchkey.tell_changed_user();
alter table latchkey.memberships
  drop column mfa, drop column mfa_since, drop column mfa_stopped_at, drop column mfa_reminded_due,
  drop column mfa_reminded;
drop table latchkey.security_policies;
