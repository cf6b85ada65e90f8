drop index latchkey.round_trips_logouts;
delete from latchkey.round_trips where flow = 'logout';
alter table latchkey.round_trips drop constraint round_trips_flow_check;
alter table latchkey.round_trips add constraint round_trips_flow_check
  check (flow in ('login', 'register', 'link', 'continue', 'test'));
drop index latchkey.attempts_provider_session_expiry;
drop index latchkey.attempts_provider_session;
alter table latchkey.attempts drop column provider_session;
