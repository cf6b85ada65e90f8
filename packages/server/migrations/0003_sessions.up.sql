-- expand 0.1
create table latchkey.sessions (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  token_hash bytea not null unique,
  created_at timestamptz not null,
  authenticated_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,
  idle_seconds int not null,
  remember boolean not null,
  amr text[] not null,
  limited_to text check (limited_to in ('password_change')),
  ip_address text,
  user_agent text,
  ended_at timestamptz,
  end_reason text check (end_reason in ('expired', 'signed_out', 'revoked', 'password_changed', 'disabled')),
  check ((ended_at is null) = (end_reason is null))
);
create index sessions_user on latchkey.sessions (user_id) where ended_at is null;
create index sessions_open on latchkey.sessions (expires_at) where ended_at is null;
create index sessions_ended on latchkey.sessions (ended_at) where ended_at is not null;

create table latchkey.attempts (
  id text primary key,
  secret_hash bytea not null,
  user_id text references latchkey.users on delete cascade,
  step text not null,
  proofs jsonb not null,
  remember boolean not null,
  return_to text,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  finished_at timestamptz
);
create index attempts_expires on latchkey.attempts (expires_at);

create table latchkey.devices (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  secret_hash bytea not null,
  created_at timestamptz not null,
  last_used_at timestamptz not null
);
create index devices_user on latchkey.devices (user_id);

-- keyed by a hash, so that it holds no identifier of somebody who has no account
create table latchkey.failures (
  key text primary key,
  count int not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  locked_until timestamptz
);
create index failures_last on latchkey.failures (last_at);

do $$
declare t text;
begin
  foreach t in array array['sessions', 'attempts', 'devices', 'failures'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;
create policy own on latchkey.sessions for select to latchkey_request using (user_id = (select latchkey.user_id()));
-- one's own may be ended; an end is final
create policy own_end on latchkey.sessions for update to latchkey_request
  using (user_id = (select latchkey.user_id()) and ended_at is null)
  with check (user_id = (select latchkey.user_id()) and ended_at is not null);
grant select on latchkey.sessions to latchkey_request;
grant update (ended_at, end_reason) on latchkey.sessions to latchkey_request;
