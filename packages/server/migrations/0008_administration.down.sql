drop index latchkey.audit_events_request, latchkey.audit_events_session, latchkey.audit_events_address,
  latchkey.audit_events_username, latchkey.audit_events_type, latchkey.audit_events_organization,
  latchkey.audit_events_user, latchkey.audit_events_at;
create index audit_events_at on latchkey.audit_events (at desc);
create index audit_events_user on latchkey.audit_events (user_id, at desc);
create index audit_events_organization on latchkey.audit_events (organization_id, id desc) where organization_id is not null;
alter table latchkey.failures drop column account;
update latchkey.sessions set end_reason = 'revoked' where end_reason in ('locked', 'email_changed');
alter table latchkey.sessions drop constraint sessions_end_reason_check;
alter table latchkey.sessions add constraint sessions_end_reason_check
  check (end_reason in ('expired', 'signed_out', 'revoked', 'password_changed', 'disabled'));
drop trigger users_roles_changed on latchkey.users;
drop trigger users_roles_added on latchkey.users;
drop function latchkey.hold_roles();
drop table latchkey.role_holders;
drop index latchkey.emails_search, latchkey.users_search_name, latchkey.users_search_username, latchkey.users_locked,
  latchkey.users_status, latchkey.users_created;
alter table latchkey.users drop constraint users_lock, drop column name_key, drop column locked_until,
  drop column locked_at;
