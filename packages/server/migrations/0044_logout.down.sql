drop index latchkey.token_families_offline;
revoke select on latchkey.client_sessions from latchkey_request;
drop policy own on latchkey.client_sessions;
drop trigger queue_logouts_deleted on latchkey.sessions;
drop trigger queue_logouts on latchkey.sessions;
drop function latchkey.queue_logouts();
drop table latchkey.logout_deliveries;
delete from latchkey.jobs where kind = 'logouts.send';
