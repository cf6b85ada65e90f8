-- contract 0.1, unused since 0.0
-- Deleting a connection is one statement however many accounts are linked by it: the id of the connection stays with them and
-- with the sessions at the provider, as it does with memberships (migration 0036), and means nothing without its row.
alter table latchkey.identities drop constraint identities_connection_id_fkey;
alter table latchkey.saml_sessions drop constraint saml_sessions_connection_id_fkey;

-- What the tokens of a connection are revoked with, once it is deleted or keeps none any more.
create table latchkey.released_connections (
  -- of the connection
  id text primary key,
  organization_id text,
  provider text not null,
  client_id text,
  -- encrypted
  client_secret text,
  settings jsonb not null,
  released_at timestamptz not null
);
create index released_connections_at on latchkey.released_connections (released_at);
alter table latchkey.released_connections enable row level security;
alter table latchkey.released_connections force row level security;
create policy system on latchkey.released_connections to latchkey_system using (true) with check (true);

-- tokens_from is written no longer: it named the connection where the reference was set to null
update latchkey.identities set connection_id = tokens_from where connection_id is null and tokens_from is not null;
-- the tokens that a job revokes
create index identities_tokens on latchkey.identities (connection_id, id) where tokens is not null;
