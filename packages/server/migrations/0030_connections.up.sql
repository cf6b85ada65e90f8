-- expand 0.1
-- Connections: the identity providers that people sign in with, of the server (without an organization) or of one
-- organization. A server-wide one of the environment is written at each start and not changed otherwise.
create table latchkey.connections (
  id text primary key,
  organization_id text references latchkey.organizations on delete cascade,
  -- its name in paths, such as the callback URL that is registered at the provider: never changed
  slug text not null,
  provider text not null,
  name text not null,
  status text not null check (status in ('draft', 'active', 'disabled')),
  client_id text,
  -- encrypted: the client secret, or the private key that one is made with
  client_secret text,
  settings jsonb not null default '{}',
  origin text not null check (origin in ('environment', 'api', 'setup_link')),
  -- one more at each change: a change that names an older version is refused
  version int not null default 1,
  made_by text references latchkey.users on delete set null,
  -- when a test sign-in with the present settings succeeded
  tested_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index connections_slug on latchkey.connections (slug);
create index connections_organization on latchkey.connections (organization_id, id);
create index connections_made_by on latchkey.connections (made_by) where made_by is not null;

-- Identities: accounts at providers that are linked to users. The key is (issuer, subject), never an address. The scope is
-- '' for those of the server's connections; the provider of an organization speaks for that organization alone, so that
-- it cannot assert the subject of another one under the issuer of another one.
create table latchkey.identities (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  connection_id text references latchkey.connections on delete set null,
  organization_id text references latchkey.organizations on delete cascade,
  scope text not null,
  issuer text not null,
  subject text not null,
  -- the provider's row, which is still known when the connection is deleted
  provider text not null,
  email text,
  email_verified boolean not null,
  name text,
  -- encrypted: the tokens of the provider, where the connection keeps them
  tokens text,
  linked_at timestamptz not null,
  last_used_at timestamptz,
  check (scope = coalesce(organization_id, ''))
);
create unique index identities_key on latchkey.identities (scope, issuer, subject);
create index identities_user on latchkey.identities (user_id);
create index identities_connection on latchkey.identities (connection_id) where connection_id is not null;
create index identities_organization on latchkey.identities (organization_id) where organization_id is not null;

-- Round trips to a provider: what its answer is checked against. The answer is accepted once, in the browser that began.
create table latchkey.round_trips (
  id text primary key,
  connection_id text not null references latchkey.connections on delete cascade,
  flow text not null check (flow in ('login', 'register', 'link', 'continue', 'test')),
  state_hash bytea not null,
  browser_hash bytea not null,
  -- encrypted: the nonce and the code verifier, or the id of the SAML request
  expected text not null,
  -- what follows the sign-in
  after jsonb not null default '{}',
  -- the user who links, and the session or attempt that is continued
  user_id text references latchkey.users on delete cascade,
  session_id text references latchkey.sessions on delete cascade,
  attempt_id text references latchkey.attempts on delete cascade,
  -- encrypted: an answer that was posted from another site, until the browser comes for it
  answer text,
  -- encrypted: the identity of an answer that needs a decision of the user
  identity text,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  answered_at timestamptz,
  decided_at timestamptz
);
create unique index round_trips_state on latchkey.round_trips (state_hash);
create index round_trips_expires on latchkey.round_trips (expires_at);
create index round_trips_connection on latchkey.round_trips (connection_id);
create index round_trips_user on latchkey.round_trips (user_id) where user_id is not null;
create index round_trips_session on latchkey.round_trips (session_id) where session_id is not null;
create index round_trips_attempt on latchkey.round_trips (attempt_id) where attempt_id is not null;

-- The diagnostics of a connection: its last sign-ins and tests, and why they failed.
create table latchkey.connection_events (
  id text primary key,
  connection_id text not null references latchkey.connections on delete cascade,
  at timestamptz not null,
  flow text not null,
  -- null: it succeeded
  fault text,
  -- what the fault is about in words, and what the provider sent; no secret
  detail text,
  subject text,
  -- what is known of a user goes with the account
  user_id text references latchkey.users on delete cascade,
  claims jsonb
);
create index connection_events_latest on latchkey.connection_events (connection_id, id);
create index connection_events_at on latchkey.connection_events (at);
create index connection_events_user on latchkey.connection_events (user_id) where user_id is not null;

do $$
declare t text;
begin
  foreach t in array array['connections', 'identities', 'round_trips', 'connection_events'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;

-- those of the organization set for the transaction, and those of the server
create policy reads on latchkey.connections for select to latchkey_request
  using (case when organization_id is null then (select latchkey.has_permission('connections:read'))
    else organization_id = (select latchkey.organization_id())
      and (select latchkey.has_organization_permission('connections:read')) end);
create policy own on latchkey.identities for select to latchkey_request
  using (user_id = (select latchkey.user_id()));
create policy reads on latchkey.connection_events for select to latchkey_request
  using (connection_id in (select c.id from latchkey.connections c));
-- never a secret, whichever the rights
grant select (id, organization_id, slug, provider, name, status, client_id, settings, origin, version, made_by, tested_at,
  created_at, updated_at) on latchkey.connections to latchkey_request;
grant select (id, user_id, connection_id, organization_id, scope, issuer, subject, provider, email, email_verified, name,
  linked_at, last_used_at) on latchkey.identities to latchkey_request;
grant select on latchkey.connection_events to latchkey_request;
