-- expand 0.1
-- Clients of OAuth 2.0 and OpenID Connect: the apps that sign users in here, and the resources (APIs) that their tokens are for.
-- A client belongs to the server (without an organization) or to one organization.
create table latchkey.clients (
  -- as the app sends it: generated, chosen by an operator, or a URL
  id text primary key,
  organization_id text references latchkey.organizations on delete cascade,
  source text not null check (source in ('operator', 'organization', 'registration', 'document')),
  name text not null,
  status text not null check (status in ('active', 'disabled')),
  settings jsonb not null,
  created_by text references latchkey.users on delete set null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  last_used_at timestamptz,
  expires_at timestamptz
);
create index clients_organization on latchkey.clients (organization_id, id);
create index clients_created_by on latchkey.clients (created_by) where created_by is not null;
create index clients_expires on latchkey.clients (expires_at) where expires_at is not null;

-- Several are valid at once, so that an app changes from one to the next without an interruption.
create table latchkey.client_secrets (
  id text primary key,
  client_id text not null references latchkey.clients on delete cascade,
  hash bytea not null,
  -- the first characters, by which a secret is recognized
  hint text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz
);
create index client_secrets_client on latchkey.client_secrets (client_id, id);

-- RFC 8707: what an access token is for, and the scopes that exist there.
create table latchkey.resources (
  id text primary key,
  identifier text not null,
  organization_id text references latchkey.organizations on delete cascade,
  name text not null,
  scopes jsonb not null default '[]',
  claims text not null check (claims in ('minimal', 'full')),
  token_lifetime_seconds int,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index resources_identifier on latchkey.resources (identifier);
create index resources_organization on latchkey.resources (organization_id, id);

-- Processes hold clients and resources in memory (core/clients): a change is notified with the id. Cascades are left out, as in
-- migration 0018: the row that they follow has notified. The last use changes nothing that is held.
create function latchkey.tell_changed_client() returns trigger language plpgsql as $$
begin
  perform pg_catalog.pg_notify('latchkey_changes', coalesce(old.client_id, new.client_id));
  return null;
end $$;
create trigger tell_update after update of organization_id, source, name, status, settings, expires_at on latchkey.clients
  for each row when (pg_trigger_depth() = 0 and
    (old.organization_id, old.source, old.name, old.status, old.settings, old.expires_at) is distinct from
    (new.organization_id, new.source, new.name, new.status, new.settings, new.expires_at))
  execute function latchkey.tell_changed_id();
create trigger tell_delete after delete on latchkey.clients for each row
  when (pg_trigger_depth() = 0)
  execute function latchkey.tell_changed_id();
create trigger tell_insert after insert on latchkey.client_secrets for each row
  execute function latchkey.tell_changed_client();
create trigger tell_update after update of client_id, hash, expires_at on latchkey.client_secrets for each row
  when ((old.client_id, old.hash, old.expires_at) is distinct from (new.client_id, new.hash, new.expires_at))
  execute function latchkey.tell_changed_client();
create trigger tell_delete after delete on latchkey.client_secrets for each row
  when (pg_trigger_depth() = 0)
  execute function latchkey.tell_changed_client();
create trigger tell_update after update on latchkey.resources for each row
  when (old.* is distinct from new.*)
  execute function latchkey.tell_changed_id();
create trigger tell_delete after delete on latchkey.resources for each row
  when (pg_trigger_depth() = 0)
  execute function latchkey.tell_changed_id();

do $$
declare t text;
begin
  foreach t in array array['clients', 'client_secrets', 'resources'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;

-- those of the organization set for the transaction, and those of the server. The permissions are not `clients:…`: roles of
-- apps use that resource for the customers of a business, and `clients:*` of such a role must not reach these
create policy reads on latchkey.clients for select to latchkey_request
  using (case when organization_id is null then (select latchkey.has_permission('oauth_clients:read'))
    else organization_id = (select latchkey.organization_id())
      and (select latchkey.has_organization_permission('oauth_clients:read')) end);
create policy reads on latchkey.client_secrets for select to latchkey_request
  using (client_id in (select c.id from latchkey.clients c));
create policy reads on latchkey.resources for select to latchkey_request
  using (case when organization_id is null then (select latchkey.has_permission('oauth_clients:read'))
    else organization_id = (select latchkey.organization_id())
      and (select latchkey.has_organization_permission('oauth_clients:read')) end);
grant select on latchkey.clients to latchkey_request;
grant select on latchkey.resources to latchkey_request;
-- never the hash of a secret
grant select (id, client_id, hint, created_at, expires_at, last_used_at) on latchkey.client_secrets to latchkey_request;
