-- expand 0.1
-- Devices without a browser that wait for a user (RFC 8628), by the digest of their device code.
create table latchkey.device_authorizations (
  hash bytea primary key,
  -- a MAC: the code itself is short
  user_code bytea not null unique,
  client_id text not null references latchkey.clients on delete cascade,
  scopes text[] not null,
  resources text[] not null,
  -- that the request came from, which the user sees
  address text,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  -- between two polls; it grows where the device does not keep to it
  interval_seconds integer not null,
  polled_at timestamptz,
  decision text check (decision in ('allowed', 'denied')),
  -- who decided
  user_id text references latchkey.users on delete cascade,
  check ((decision is null) = (user_id is null))
);
create index device_authorizations_client on latchkey.device_authorizations (client_id);
create index device_authorizations_user on latchkey.device_authorizations (user_id) where user_id is not null;
create index device_authorizations_expiry on latchkey.device_authorizations (expires_at);

alter table latchkey.device_authorizations enable row level security;
alter table latchkey.device_authorizations force row level security;
create policy system on latchkey.device_authorizations to latchkey_system using (true) with check (true);
