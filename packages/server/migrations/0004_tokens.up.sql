-- expand 0.1
-- Signing keys in stages: published before they sign, kept until the last token they signed is dead.
create table latchkey.signing_keys (
  kid text primary key,
  algorithm text not null check (algorithm in ('ES256', 'RS256', 'EdDSA', 'HS256')),
  public_jwk jsonb,
  sealed_private text not null,
  created_at timestamptz not null,
  -- signs from here on
  active_at timestamptz not null,
  -- signs no more: a successor has taken over
  retired_at timestamptz,
  -- when the last token it signed is dead
  keep_until timestamptz not null,
  -- published no more
  removed_at timestamptz,
  check ((algorithm = 'HS256') = (public_jwk is null))
);
create index signing_keys_active on latchkey.signing_keys (active_at) where removed_at is null;

-- What is refused though it has not expired, told to every node and guard. Ids sort by time: the stream's cursor.
create table latchkey.revocations (
  id text primary key,
  at timestamptz not null,
  kind text not null check (kind in ('jti', 'sid', 'sub', 'key')),
  value text not null,
  -- kind sub: what was issued up to here
  before timestamptz,
  -- may be forgotten after this
  until timestamptz not null
);
create index revocations_until on latchkey.revocations (until);
create index revocations_value on latchkey.revocations (kind, value);

-- A family of refresh tokens, each made from the one before; it lives as long as its session.
create table latchkey.token_families (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  session_id text not null references latchkey.sessions on delete cascade,
  created_at timestamptz not null,
  revoked_at timestamptz,
  revoke_reason text check (revoke_reason in ('reuse', 'revoked', 'signed_out')),
  check ((revoked_at is null) = (revoke_reason is null))
);
create index token_families_session on latchkey.token_families (session_id);
create index token_families_user on latchkey.token_families (user_id);

create table latchkey.refresh_tokens (
  token_hash bytea primary key,
  family_id text not null references latchkey.token_families on delete cascade,
  created_at timestamptz not null,
  used_at timestamptz
);
create index refresh_tokens_family on latchkey.refresh_tokens (family_id);

do $$
declare t text;
begin
  foreach t in array array['signing_keys', 'revocations', 'token_families', 'refresh_tokens'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;
-- a caller who ends a session or revokes a token writes down what is refused from now on
grant insert on latchkey.revocations to latchkey_request;
create policy caller_writes on latchkey.revocations for insert to latchkey_request with check (true);
