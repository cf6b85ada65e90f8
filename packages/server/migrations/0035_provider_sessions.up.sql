-- expand 0.1
-- What the identity provider calls the session with which an attempt began, until the attempt ends: the session that it
-- starts or raises has it then (saml_sessions). Null: it did not begin with SAML.
alter table latchkey.attempts add column provider_session jsonb;
create index attempts_provider_session on latchkey.attempts
  ((provider_session ->> 'connection_id'), (provider_session ->> 'name_id')) where provider_session is not null;
-- the sweep of those that have expired
create index attempts_provider_session_expiry on latchkey.attempts (expires_at) where provider_session is not null;

-- Signing out leads to the provider and back, too.
alter table latchkey.round_trips drop constraint round_trips_flow_check;
alter table latchkey.round_trips add constraint round_trips_flow_check
  check (flow in ('login', 'register', 'link', 'continue', 'test', 'logout'));
create index round_trips_logouts on latchkey.round_trips (browser_hash, created_at) where flow = 'logout';
