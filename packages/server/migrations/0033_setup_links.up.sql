-- expand 0.1
-- Set-up links: with one, people without an account set up a connection and domains of an organization, in the name of its maker.
create table latchkey.setup_links (
  id text primary key,
  organization_id text not null references latchkey.organizations on delete cascade,
  intent text not null check (intent in ('connection', 'domain', 'both')),
  -- the provider that its maker has chosen; null: the reader chooses
  provider text,
  -- what the reader has chosen, and the connection and the domains that came of it
  choice text,
  connection_id text references latchkey.connections on delete set null,
  domain_ids text[] not null default '{}' check (cardinality(domain_ids) <= 20),
  secret_hash bytea not null,
  -- it permits what its maker may do, at each use
  made_by text not null references latchkey.users on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  last_used_at timestamptz,
  completed_at timestamptz,
  revoked_at timestamptz
);
create index setup_links_organization on latchkey.setup_links (organization_id, id);
create index setup_links_connection on latchkey.setup_links (connection_id) where connection_id is not null;
create index setup_links_made_by on latchkey.setup_links (made_by);
create index setup_links_expires on latchkey.setup_links (expires_at);

alter table latchkey.setup_links enable row level security;
alter table latchkey.setup_links force row level security;
create policy system on latchkey.setup_links to latchkey_system using (true) with check (true);
create policy reads on latchkey.setup_links for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('connections:read')));
-- never the hash of the secret
grant select (id, organization_id, intent, provider, choice, connection_id, domain_ids, made_by, created_at, expires_at,
  last_used_at, completed_at, revoked_at) on latchkey.setup_links to latchkey_request;
