-- expand 0.1
-- Roles are data: what a server begins with (its preset) and what its administrators make of it.
create table latchkey.roles (
  name text primary key,
  description text,
  permissions text[] not null,
  inherits text[] not null,
  -- roles a holder may give to others
  grants text[] not null,
  -- of several roles the one with the lowest rank is shown
  rank int not null,
  -- which preset brought it; null: made here
  preset text,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- The app's own permissions, besides those that the server asks for itself.
create table latchkey.permissions (
  name text primary key,
  description text,
  -- built-in roles of organizations whose members hold it there; empty: a permission of the server
  organization_roles text[] not null,
  created_at timestamptz not null
);

-- people by role: whether anybody holds it, and who does
create index users_roles on latchkey.users using gin (roles);

-- tokens say which roles and which organization they were made for, so that a change to those reaches them
alter table latchkey.revocations drop constraint revocations_kind_check;
alter table latchkey.revocations add constraint revocations_kind_check
  check (kind in ('jti', 'sid', 'sub', 'key', 'role', 'org'));
-- a caller refuses single credentials; whatever refuses everything up to a time is the system's to write
drop policy caller_writes on latchkey.revocations;
create policy caller_writes on latchkey.revocations for insert to latchkey_request
  with check (kind in ('jti', 'sid', 'key') and before is null);

-- policies ask them: without this, no query of a table with policies would be shared among workers
alter function latchkey.user_id() parallel safe;
alter function latchkey.organization_id() parallel safe;

-- whether a list of permissions, with spaces between them, grants the one that is wanted: the guard's can().
-- One expression, which the planner puts in the place of the call: a subquery would be planned anew by each statement.
create function latchkey.grants(list text, wanted text) returns boolean language sql immutable parallel safe as $$
  select coalesce(string_to_array(list, ' ') && case when wanted ~ '^[^:]+:.'
    then array['*', '*:*', wanted, split_part(wanted, ':', 1) || ':*', '*:' || substr(wanted, strpos(wanted, ':') + 1)]
    else array['*'] end, false)
$$;

-- nobody holds nothing, whatever else was set for the transaction
create or replace function latchkey.has_permission(wanted text) returns boolean language sql stable parallel safe as $$
  select latchkey.user_id() is not null
    and latchkey.grants(current_setting('latchkey.permissions', true), wanted)
$$;

do $$
declare t text;
begin
  foreach t in array array['roles', 'permissions'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;
