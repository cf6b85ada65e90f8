drop table latchkey.audit_events, latchkey.recurring, latchkey.jobs, latchkey.letters;
drop function latchkey.has_permission(text), latchkey.organization_id(), latchkey.user_id();
alter default privileges in schema latchkey revoke select, insert, update, delete on tables from latchkey_system;
-- The roles stay: they belong to the cluster, and another database may use them.
revoke usage on schema latchkey from latchkey_system, latchkey_request;
