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

-- nobody holds nothing, whatever else was set for the transaction
create or replace function latchkey.has_permission(wanted text) returns boolean language sql stable as $$
  select latchkey.user_id() is not null and exists (
    select 1
    from unnest(string_to_array(nullif(current_setting('latchkey.permissions', true), ''), ' ')) as held
    where held in (wanted, '*', '*:*', split_part(wanted, ':', 1) || ':*', '*:' || split_part(wanted, ':', 2))
  )
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
