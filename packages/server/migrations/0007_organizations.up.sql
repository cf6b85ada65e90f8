-- expand 0.1
-- Organizations: tenants. Whatever belongs to one carries its id, and a caller sees only the one set for the
-- transaction; of all others not even that they exist.
create table latchkey.organizations (
  id text primary key,
  name text not null,
  -- the canonical spelling, for searching; both in byte order, so that an index finds what begins alike
  name_key text collate "C" not null generated always as (lower(normalize(name, NFKC))) stored,
  slug text collate "C" not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- deleted by its owner: nobody's any more, but it may be restored until purge_at
  deleted_at timestamptz,
  purge_at timestamptz,
  check ((deleted_at is null) = (purge_at is null))
);
create unique index organizations_slug on latchkey.organizations (slug);
create index organizations_name on latchkey.organizations (name_key, id);
create index organizations_purge on latchkey.organizations (purge_at) where purge_at is not null;

create table latchkey.memberships (
  organization_id text not null references latchkey.organizations on delete cascade,
  user_id text not null references latchkey.users on delete cascade,
  -- built in, or one of the organization's own
  role text not null,
  joined_at timestamptz not null,
  primary key (organization_id, user_id)
);
create index memberships_user on latchkey.memberships (user_id);
create index memberships_role on latchkey.memberships (organization_id, role);

create table latchkey.organization_roles (
  organization_id text not null references latchkey.organizations on delete cascade,
  name text not null check (name not in ('owner', 'admin', 'member', 'guest')),
  description text,
  permissions text[] not null,
  -- the built-in role whose permissions it has as well
  inherits text check (inherits in ('admin', 'member', 'guest')),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (organization_id, name)
);

create table latchkey.invitations (
  id text primary key,
  organization_id text not null references latchkey.organizations on delete cascade,
  address text not null,
  address_key text not null,
  role text not null,
  secret_hash bytea not null,
  invited_by text references latchkey.users on delete set null,
  created_at timestamptz not null,
  sent_at timestamptz not null,
  -- the letters of the last day, so that nobody is flooded
  sent_times timestamptz[] not null default '{}',
  sent_count int not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by text references latchkey.users on delete set null,
  revoked_at timestamptz,
  check (accepted_at is null or revoked_at is null)
);
-- one open invitation for an address
create unique index invitations_open on latchkey.invitations (organization_id, address_key)
  where accepted_at is null and revoked_at is null;
create index invitations_address on latchkey.invitations (address_key) where accepted_at is null and revoked_at is null;
create index invitations_sent on latchkey.invitations (organization_id, sent_at);
create index invitations_expires on latchkey.invitations (expires_at);
create index invitations_invited_by on latchkey.invitations (invited_by) where invited_by is not null;
create index invitations_accepted_by on latchkey.invitations (accepted_by) where accepted_by is not null;

-- the organization that a session acts in
alter table latchkey.sessions add column organization_id text references latchkey.organizations on delete set null;
create index sessions_organization on latchkey.sessions (organization_id) where organization_id is not null;
alter table latchkey.api_keys add constraint api_keys_organization_fkey
  foreign key (organization_id) references latchkey.organizations on delete cascade;
create index api_keys_organization on latchkey.api_keys (organization_id) where organization_id is not null;

create index audit_events_organization on latchkey.audit_events (organization_id, id desc) where organization_id is not null;

-- what the caller may do inside the organization set for the transaction; apart from what the server permits
create function latchkey.has_organization_permission(wanted text) returns boolean language sql stable parallel safe as $$
  select latchkey.user_id() is not null and latchkey.organization_id() is not null
    and latchkey.grants(current_setting('latchkey.organization_permissions', true), wanted)
$$;

do $$
declare t text;
begin
  foreach t in array array['organizations', 'memberships', 'organization_roles', 'invitations'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;

-- memberships: one's own anywhere; everybody's where one is and may see members
create policy own on latchkey.memberships for select to latchkey_request
  using (user_id = (select latchkey.user_id()));
-- `case`, because a comparison beside that of one's own would be looked for along two indexes at once, for all members
create policy fellows on latchkey.memberships for select to latchkey_request
  using (case when organization_id = (select latchkey.organization_id())
    then (select latchkey.has_organization_permission('members:read')) else false end);
create policy updates on latchkey.memberships for update to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('members:update')))
  with check (organization_id = (select latchkey.organization_id()));
create policy removes on latchkey.memberships for delete to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (user_id = (select latchkey.user_id()) or (select latchkey.has_organization_permission('members:remove'))));
grant select, delete on latchkey.memberships to latchkey_request;
grant update (role) on latchkey.memberships to latchkey_request;

create policy current on latchkey.organizations for select to latchkey_request
  using (id = (select latchkey.organization_id()) and (select latchkey.has_organization_permission('organization:read')));
-- one that was deleted is there for its owners only
create policy own on latchkey.organizations for select to latchkey_request
  using (id in (
    select m.organization_id from latchkey.memberships m where m.user_id = (select latchkey.user_id()))
    and (deleted_at is null or id in (
      select m.organization_id from latchkey.memberships m
      where m.user_id = (select latchkey.user_id()) and m.role = 'owner')));
create policy updates on latchkey.organizations for update to latchkey_request
  using (id = (select latchkey.organization_id()) and (
    (select latchkey.has_organization_permission('organization:update'))
    or (select latchkey.has_organization_permission('organization:delete'))))
  with check (id = (select latchkey.organization_id()));
grant select on latchkey.organizations to latchkey_request;
grant update (name, slug, updated_at, deleted_at, purge_at) on latchkey.organizations to latchkey_request;

create policy reads on latchkey.organization_roles for select to latchkey_request
  using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_organization_permission('roles:read')));
-- one's own role anywhere
create policy held on latchkey.organization_roles for select to latchkey_request
  using ((organization_id, name) in (
    select m.organization_id, m.role from latchkey.memberships m where m.user_id = (select latchkey.user_id())));
create policy writes on latchkey.organization_roles to latchkey_request
  using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_organization_permission('roles:write')))
  with check (organization_id = (select latchkey.organization_id()) and (select latchkey.has_organization_permission('roles:write')));
grant select, insert, update, delete on latchkey.organization_roles to latchkey_request;

create policy reads on latchkey.invitations for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and ((select latchkey.has_organization_permission('invitations:read'))
      or (select latchkey.has_organization_permission('invitations:write'))));
-- whoever invites says so in their own name, and nobody accepts for others
create policy invites on latchkey.invitations for insert to latchkey_request
  with check (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('invitations:write'))
    and invited_by = (select latchkey.user_id()) and accepted_at is null and accepted_by is null);
create policy writes on latchkey.invitations for update to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('invitations:write')))
  with check (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('invitations:write')));
-- those to an address that one has proven to be one's own
create policy addressed on latchkey.invitations for select to latchkey_request
  using (address_key in (
    select e.address_key from latchkey.emails e
    where e.user_id = (select latchkey.user_id()) and e.verified_at is not null));
grant select, insert on latchkey.invitations to latchkey_request;
grant update (address, role, secret_hash, invited_by, sent_at, sent_times, sent_count, expires_at, revoked_at)
  on latchkey.invitations to latchkey_request;

-- people one shares the organization with, and their addresses, where one may see members; each is looked up, because
-- `in` would gather all members first
create policy fellows on latchkey.users for select to latchkey_request
  using ((select latchkey.has_organization_permission('members:read')) and exists (
    select from latchkey.memberships m
    where m.organization_id = (select latchkey.organization_id()) and m.user_id = users.id));
create policy fellows on latchkey.emails for select to latchkey_request
  using ((select latchkey.has_organization_permission('members:read')) and exists (
    select from latchkey.memberships m
    where m.organization_id = (select latchkey.organization_id()) and m.user_id = emails.user_id));

-- whoever administers people sees them all, with their sessions; what they change is written by the system
create policy administers on latchkey.users for select to latchkey_request
  using ((select latchkey.has_permission('users:read')));
create policy administers on latchkey.emails for select to latchkey_request
  using ((select latchkey.has_permission('users:read')));
create policy administers on latchkey.sessions for select to latchkey_request
  using ((select latchkey.has_permission('users:read')));

-- a foreign key finds what a caller does not see: keys and audit events name only an organization that is theirs
drop policy own on latchkey.api_keys;
create policy own on latchkey.api_keys for select to latchkey_request
  using (user_id = (select latchkey.user_id()));
create policy issues on latchkey.api_keys for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()) and (organization_id is null or organization_id in (
    select m.organization_id from latchkey.memberships m where m.user_id = (select latchkey.user_id()))));
create policy updates on latchkey.api_keys for update to latchkey_request
  using (user_id = (select latchkey.user_id())) with check (user_id = (select latchkey.user_id()));
drop policy caller_writes on latchkey.audit_events;
create policy caller_writes on latchkey.audit_events for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()) and (organization_id is null
    or organization_id = (select latchkey.organization_id()) or organization_id in (
      select m.organization_id from latchkey.memberships m where m.user_id = (select latchkey.user_id()))));

-- the audit log: all of it, or an organization's own
create policy administers on latchkey.audit_events for select to latchkey_request
  using ((select latchkey.has_permission('audit:read')));
create policy organization on latchkey.audit_events for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('audit:read')));
grant select on latchkey.audit_events to latchkey_request;

-- the catalogue of roles and permissions, for whoever may see it
create policy reads on latchkey.roles for select to latchkey_request using ((select latchkey.has_permission('roles:read')));
grant select on latchkey.roles to latchkey_request;
create policy reads on latchkey.permissions for select to latchkey_request
  using ((select latchkey.has_permission('roles:read')));
grant select on latchkey.permissions to latchkey_request;

-- organizations, for whoever administers all of them
create policy administers on latchkey.organizations for select to latchkey_request
  using ((select latchkey.has_permission('organizations:read')));
