-- expand 0.1
-- The keys of this server as a SAML service provider, of each connection. At most one of each use and stage:
-- `next` is published before it is used, `previous` still decrypts what was encrypted for it.
create table latchkey.connection_keys (
  id text primary key,
  connection_id text not null references latchkey.connections on delete cascade,
  use text not null check (use in ('signing', 'encryption')),
  stage text not null check (stage in ('current', 'next', 'previous')),
  -- X.509, DER in base64
  certificate text not null,
  -- encrypted: PKCS #8, DER in base64
  private_key text not null,
  created_at timestamptz not null,
  -- since when it has its stage
  staged_at timestamptz not null,
  not_after timestamptz not null
);
create unique index connection_keys_stage on latchkey.connection_keys (connection_id, use, stage);
create index connection_keys_expiry on latchkey.connection_keys (not_after);

-- Assertions and logout requests that were accepted: each is accepted once, until it is no longer valid.
create table latchkey.used_assertions (
  connection_id text not null references latchkey.connections on delete cascade,
  -- SHA-256 of its kind and ID
  hash bytea not null,
  until timestamptz not null,
  primary key (connection_id, hash)
);
create index used_assertions_until on latchkey.used_assertions (until);

-- Sessions that began with SAML, by what the identity provider calls them: it may end them.
create table latchkey.saml_sessions (
  -- at the end of the transaction: a new session is written with the commit
  session_id text primary key references latchkey.sessions on delete cascade deferrable initially deferred,
  connection_id text not null references latchkey.connections on delete cascade,
  name_id text not null,
  name_id_format text,
  -- the attributes of the NameID, which a logout request repeats
  name_qualifier text,
  sp_name_qualifier text,
  session_index text
);
create index saml_sessions_name on latchkey.saml_sessions (connection_id, name_id);

-- The metadata document of an identity provider that is fetched from a URL: when, and why the last time failed.
create table latchkey.saml_metadata (
  connection_id text primary key references latchkey.connections on delete cascade,
  checked_at timestamptz not null,
  -- null: the last fetch succeeded
  fault text,
  detail text,
  changed_at timestamptz
);

-- Which warnings about the expiry of a certificate were sent.
create table latchkey.certificate_warnings (
  connection_id text not null references latchkey.connections on delete cascade,
  fingerprint text not null,
  days int not null,
  sent_at timestamptz not null,
  primary key (connection_id, fingerprint, days)
);

do $$
declare t text;
begin
  foreach t in array array['connection_keys', 'used_assertions', 'saml_sessions', 'saml_metadata',
    'certificate_warnings'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;
