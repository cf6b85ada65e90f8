drop policy reads on latchkey.permissions;
revoke select on latchkey.permissions from latchkey_request;
drop policy reads on latchkey.roles;
revoke select on latchkey.roles from latchkey_request;
drop policy organization on latchkey.audit_events;
drop policy administers on latchkey.audit_events;
revoke select on latchkey.audit_events from latchkey_request;
drop policy caller_writes on latchkey.audit_events;
create policy caller_writes on latchkey.audit_events for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()));
drop policy updates on latchkey.api_keys;
drop policy issues on latchkey.api_keys;
drop policy own on latchkey.api_keys;
create policy own on latchkey.api_keys to latchkey_request
  using (user_id = (select latchkey.user_id())) with check (user_id = (select latchkey.user_id()));
drop policy administers on latchkey.sessions;
drop policy administers on latchkey.emails;
drop policy administers on latchkey.users;
drop policy fellows on latchkey.emails;
drop policy fellows on latchkey.users;
drop index latchkey.audit_events_organization;
drop index latchkey.api_keys_organization;
alter table latchkey.api_keys drop constraint api_keys_organization_fkey;
alter table latchkey.sessions drop column organization_id;
drop table latchkey.invitations, latchkey.organization_roles, latchkey.memberships, latchkey.organizations;
drop function latchkey.has_organization_permission(text);
