/**
 * The SQL functions that row-level security policies call, for a database without a Latchkey server. They equal those
 * of the server's migrations (sql.test.ts compares them); in a database with a server, its functions are used.
 */

/**
 * SQL text that creates the schema `latchkey` and its functions `user_id()`, `organization_id()`, `has_permission(text)`
 * and `has_organization_permission(text)`. It is idempotent. Run it in a migration, and grant the role of your requests
 * access: `grant usage on schema latchkey to app_request`. Also published as the file `latchkey-functions.sql`.
 */
export const latchkeySql = `create schema if not exists latchkey;

-- a transaction-local setting is '' after its transaction, not null
create or replace function latchkey.user_id() returns text language sql stable parallel safe
  as $$ select nullif(current_setting('latchkey.user_id', true), '') $$;
create or replace function latchkey.organization_id() returns text language sql stable parallel safe
  as $$ select nullif(current_setting('latchkey.organization_id', true), '') $$;

-- whether a space-separated list of grants covers the wanted permission: the guard's can().
-- One expression, which the planner inlines: a subquery would be planned again for each statement.
create or replace function latchkey.grants(list text, wanted text) returns boolean language sql immutable parallel safe as $$
  select coalesce(string_to_array(list, ' ') && case when wanted ~ '^[^:]+:.'
    then array['*', '*:*', wanted, split_part(wanted, ':', 1) || ':*', '*:' || substr(wanted, strpos(wanted, ':') + 1)]
    else array['*'] end, false)
$$;

-- without a user there are no permissions, even if the settings contain some
create or replace function latchkey.has_permission(wanted text) returns boolean language sql stable parallel safe as $$
  select latchkey.user_id() is not null
    and latchkey.grants(current_setting('latchkey.permissions', true), wanted)
$$;

-- checks the permissions in the organization of the transaction; those of has_permission() do not count
create or replace function latchkey.has_organization_permission(wanted text) returns boolean language sql stable parallel safe as $$
  select latchkey.user_id() is not null and latchkey.organization_id() is not null
    and latchkey.grants(current_setting('latchkey.organization_permissions', true), wanted)
$$;
`
