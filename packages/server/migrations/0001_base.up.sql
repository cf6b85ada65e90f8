-- expand 0.1
-- Schema, roles and functions that row-level security rests on; then the tables of the base rooms.
-- latchkey_system: what the server itself runs as; sees every row through its own policies, never by bypassing.
-- latchkey_request: what a caller's statements run as; bound to the caller set for the transaction.
-- Roles belong to the whole cluster, so another database of it may have made them already.
-- A login role that may not create roles finds them made and granted by an administrator.
do $$
declare
  role_name text;
  -- since 16, whoever creates a role is its member at once, but may not act as it before it grants that to itself
  may_act text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
  foreach role_name in array array['latchkey_system', 'latchkey_request'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = role_name) then
      begin
        execute format('create role %I nologin', role_name);
      exception when duplicate_object or unique_violation then null;
      end;
    end if;
    if not pg_has_role(current_user, role_name, may_act) then
      execute format('grant %I to current_user', role_name);
    end if;
  end loop;
end $$;

grant usage on schema latchkey to latchkey_system, latchkey_request;
alter default privileges in schema latchkey grant select, insert, update, delete on tables to latchkey_system;

-- a transaction-local setting is '' after its transaction, not null
create function latchkey.user_id() returns text language sql stable
  as $$ select nullif(current_setting('latchkey.user_id', true), '') $$;
create function latchkey.organization_id() returns text language sql stable
  as $$ select nullif(current_setting('latchkey.organization_id', true), '') $$;

-- Whether the caller holds a permission `resource:action`, by itself or through `*`, `resource:*` or `*:action`.
create function latchkey.has_permission(wanted text) returns boolean language sql stable as $$
  select exists (
    select 1
    from unnest(string_to_array(nullif(current_setting('latchkey.permissions', true), ''), ' ')) as held
    where held in (wanted, '*', '*:*', split_part(wanted, ':', 1) || ':*', '*:' || split_part(wanted, ':', 2))
  )
$$;

create table latchkey.letters (
  id text primary key,
  sealed text,
  status text not null check (status in ('waiting', 'sent', 'failed')),
  attempts int not null default 0,
  next_at timestamptz not null,
  created_at timestamptz not null,
  sent_at timestamptz,
  last_error text
);
create index letters_waiting on latchkey.letters (next_at) where status = 'waiting';
create index letters_created on latchkey.letters (created_at desc);

create table latchkey.jobs (
  id text primary key,
  kind text not null,
  payload jsonb not null,
  attempts int not null default 0,
  run_at timestamptz not null,
  created_at timestamptz not null,
  failed_at timestamptz,
  last_error text
);
create index jobs_due on latchkey.jobs (run_at) where failed_at is null;

create table latchkey.recurring (
  name text primary key,
  next_at timestamptz not null
);

create table latchkey.audit_events (
  id text primary key,
  at timestamptz not null,
  event_type text not null,
  user_id text,
  username text,
  ip_address text,
  user_agent text,
  session_id text,
  organization_id text,
  request_id text,
  details jsonb not null
);
create index audit_events_at on latchkey.audit_events (at desc);
create index audit_events_user on latchkey.audit_events (user_id, at desc);

do $$
declare t text;
begin
  foreach t in array array['letters', 'jobs', 'recurring', 'audit_events'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;

-- a caller's transaction may record what it did and queue letters and jobs, but read none of them back
grant insert on latchkey.audit_events, latchkey.letters, latchkey.jobs to latchkey_request;
create policy caller_writes on latchkey.audit_events for insert to latchkey_request
  with check (user_id = (select latchkey.user_id()));
create policy caller_writes on latchkey.letters for insert to latchkey_request with check (true);
create policy caller_writes on latchkey.jobs for insert to latchkey_request with check (true);
