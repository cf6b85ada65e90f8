-- expand 0.1
-- Domains of organizations, proven by a TXT record. Several organizations may try to prove one; the first that does owns it.
create table latchkey.organization_domains (
  id text primary key,
  organization_id text not null references latchkey.organizations on delete cascade,
  -- in its canonical spelling
  domain text not null check (length(domain) <= 253),
  -- part of the value that is published: no secret
  token text not null,
  -- null: the first active connection of the organization
  connection_id text references latchkey.connections on delete set null,
  added_by text references latchkey.users on delete set null,
  created_at timestamptz not null,
  -- a check that fails later does not clear it
  verified_at timestamptz,
  -- the last check: when, its outcome, the values that were published, why there was no answer
  checked_at timestamptz,
  outcome text check (outcome in ('verified', 'not_found', 'other_values', 'no_answer', 'taken')),
  found text[] not null default '{}' check (cardinality(found) <= 10),
  fault text,
  -- of a verified domain: since when its checks fail, and when its owners got the e-mail about it
  failing_since timestamptz,
  warned_at timestamptz,
  -- null: it is not checked any more without a request
  next_check_at timestamptz,
  check ((checked_at is null) = (outcome is null))
);
create unique index organization_domains_once on latchkey.organization_domains (organization_id, domain);
create unique index organization_domains_verified on latchkey.organization_domains (domain) where verified_at is not null;
create index organization_domains_rivals on latchkey.organization_domains (domain, id);
create index organization_domains_due on latchkey.organization_domains (next_check_at) where next_check_at is not null;
create index organization_domains_connection on latchkey.organization_domains (connection_id)
  where connection_id is not null;
create index organization_domains_added_by on latchkey.organization_domains (added_by) where added_by is not null;

alter table latchkey.organization_domains enable row level security;
alter table latchkey.organization_domains force row level security;
create policy system on latchkey.organization_domains to latchkey_system using (true) with check (true);
create policy reads on latchkey.organization_domains for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('connections:read')));
create policy creates on latchkey.organization_domains for insert to latchkey_request
  with check (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('connections:write'))
    and (added_by is null or added_by = (select latchkey.user_id())));
create policy updates on latchkey.organization_domains for update to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('connections:write')))
  with check (organization_id = (select latchkey.organization_id())
    and (connection_id is null or connection_id in (
      select c.id from latchkey.connections c where c.organization_id = (select latchkey.organization_id()))));
create policy deletes on latchkey.organization_domains for delete to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('connections:write')));
-- only the system verifies
grant select, delete on latchkey.organization_domains to latchkey_request;
grant insert (id, organization_id, domain, token, added_by, created_at, next_check_at)
  on latchkey.organization_domains to latchkey_request;
grant update (connection_id) on latchkey.organization_domains to latchkey_request;
