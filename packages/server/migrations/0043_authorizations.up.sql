-- expand 0.1
-- What a user has permitted an app: asked for again only where something is new.
create table latchkey.grants (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  client_id text not null references latchkey.clients on delete cascade,
  scopes text[] not null,
  resources text[] not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (user_id, client_id)
);
create index grants_client on latchkey.grants (client_id);

-- A request of an app across the sign-in, by the digest of its reference; pushed by the app itself (RFC 9126) or stored by us.
create table latchkey.authorization_requests (
  hash bytea primary key,
  client_id text not null references latchkey.clients on delete cascade,
  parameters jsonb not null,
  is_pushed boolean not null,
  -- the digest of the secret in a cookie of the browser; null until a pushed request is opened
  browser bytea,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index authorization_requests_client on latchkey.authorization_requests (client_id);
create index authorization_requests_expiry on latchkey.authorization_requests (expires_at);

create table latchkey.authorization_codes (
  hash bytea primary key,
  client_id text not null references latchkey.clients on delete cascade,
  grant_id text not null references latchkey.grants on delete cascade,
  user_id text not null references latchkey.users on delete cascade,
  session_id text not null references latchkey.sessions on delete cascade,
  redirect_uri text not null,
  challenge text,
  scopes text[] not null,
  resources text[] not null,
  nonce text,
  -- the parameter `claims`, reduced to what is understood of it
  claims jsonb,
  dpop_jkt text,
  -- of the session when the code was made
  authenticated_at timestamptz not null,
  acr text not null check (acr in ('aal1', 'aal2', 'aal2-phr')),
  amr text[] not null,
  -- in which the tokens act; null for none
  organization_id text references latchkey.organizations on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  -- that of the tokens which the code was exchanged for
  family_id text,
  -- it was used a second time
  reused_at timestamptz
);
create index authorization_codes_client on latchkey.authorization_codes (client_id);
create index authorization_codes_grant on latchkey.authorization_codes (grant_id);
create index authorization_codes_user on latchkey.authorization_codes (user_id);
create index authorization_codes_session on latchkey.authorization_codes (session_id);
create index authorization_codes_organization on latchkey.authorization_codes (organization_id)
  where organization_id is not null;
create index authorization_codes_expiry on latchkey.authorization_codes (expires_at);

-- The apps that a session has signed in to: they learn of its end.
create table latchkey.client_sessions (
  session_id text not null references latchkey.sessions on delete cascade,
  client_id text not null references latchkey.clients on delete cascade,
  created_at timestamptz not null,
  primary key (session_id, client_id)
);
create index client_sessions_client on latchkey.client_sessions (client_id);

-- Families of apps. One that outlives its session has none, and what a session would say of the user is in it.
alter table latchkey.token_families
  alter column session_id drop not null,
  add column client_id text references latchkey.clients on delete cascade,
  add column grant_id text references latchkey.grants on delete cascade,
  add column scopes text[],
  add column resources text[],
  add column claims jsonb,
  add column dpop_jkt text,
  add column expires_at timestamptz,
  add column authenticated_at timestamptz,
  add column acr text check (acr in ('aal1', 'aal2', 'aal2-phr')),
  add column amr text[],
  add column proofs jsonb,
  add column organization_id text references latchkey.organizations on delete set null,
  add constraint token_families_kind check (
    case when client_id is null then session_id is not null
      else grant_id is not null and scopes is not null and resources is not null and authenticated_at is not null
        and acr is not null and amr is not null
        and (session_id is null) = (expires_at is not null) and (session_id is null) = (proofs is not null)
    end);
create index token_families_client on latchkey.token_families (client_id) where client_id is not null;
create index token_families_grant on latchkey.token_families (grant_id) where grant_id is not null;
create index token_families_organization on latchkey.token_families (organization_id) where organization_id is not null;

alter table latchkey.revocations drop constraint revocations_kind_check;
alter table latchkey.revocations add constraint revocations_kind_check
  check (kind in ('jti', 'sid', 'sub', 'key', 'role', 'org', 'family', 'client'));

do $$
declare t text;
begin
  foreach t in array array['grants', 'authorization_requests', 'authorization_codes', 'client_sessions'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;
