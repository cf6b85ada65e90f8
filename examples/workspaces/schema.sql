-- The tables of the app. Only the policies here decide which rows belong to which tenant.

-- The role of the statements of requests: it owns nothing and bypasses nothing. The login role must be a member of it.
-- Roles belong to the whole cluster: an administrator may have created and granted this one.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'workspaces_request') then
    create role workspaces_request nologin;
  end if;
  grant workspaces_request to current_user;
exception when insufficient_privilege then null;
end $$;
grant usage on schema latchkey to workspaces_request;

create schema workspaces_example;
grant usage on schema workspaces_example to workspaces_request;

create table workspaces_example.workspaces (
  id text primary key default 'wsp_' || gen_random_uuid(),
  organization_id text not null default latchkey.organization_id(),
  name text not null check (length(name) between 1 and 100),
  -- within the organization: across organizations, a conflict would reveal names of other tenants
  unique (organization_id, name),
  -- for the foreign key of documents
  unique (organization_id, id)
);

create table workspaces_example.documents (
  id text primary key default 'doc_' || gen_random_uuid(),
  organization_id text not null default latchkey.organization_id(),
  workspace_id text not null,
  author text not null default latchkey.user_id(),
  title text not null check (length(title) between 1 and 200),
  body text not null,
  -- foreign keys see rows of every tenant, independent of policies: therefore the tenant is a part of the key
  foreign key (organization_id, workspace_id)
    references workspaces_example.workspaces (organization_id, id) on delete cascade
);
-- the column of the policies comes first
create index on workspaces_example.documents (organization_id, workspace_id);

-- `force`, because policies do not apply to the owner of a table otherwise
alter table workspaces_example.workspaces enable row level security;
alter table workspaces_example.workspaces force row level security;
alter table workspaces_example.documents enable row level security;
alter table workspaces_example.documents force row level security;

-- A function in `(select …)` is evaluated once per statement; without it, once per row.
create policy reads on workspaces_example.workspaces for select to workspaces_request
  using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('documents:read')));
create policy writes on workspaces_example.workspaces to workspaces_request
  using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('workspaces:write')))
  with check (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('workspaces:write')));

create policy reads on workspaces_example.documents for select to workspaces_request
  using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('documents:read')));
create policy writes on workspaces_example.documents to workspaces_request
  using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('documents:write')))
  with check (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('documents:write')));

-- Columns that are not granted cannot be written: author and organization come from the defaults only.
grant select, delete on workspaces_example.workspaces, workspaces_example.documents to workspaces_request;
grant insert (name), update (name) on workspaces_example.workspaces to workspaces_request;
grant insert (workspace_id, title, body), update (workspace_id, title, body)
  on workspaces_example.documents to workspaces_request;
