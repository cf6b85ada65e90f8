/**
 * The functions that policies ask, for a database without a Latchkey server in it: what a server's migrations make,
 * alone. A test holds the two equal. Where both an app and a server live in one database, the server's are used.
 */

/**
 * Makes the schema `latchkey` and its functions `user_id()`, `organization_id()`, `has_permission(text)` and
 * `has_organization_permission(text)`; may be run again. Put it into a migration of yours, and let the role of your
 * requests use it: `grant usage on schema latchkey to app_request`. Published as `latchkey-functions.sql`, too.
 */
export const latchkeySql = `create schema if not exists latchkey;

-- a transaction-local setting is '' after its transaction, not null
create or replace function latchkey.user_id() returns text language sql stable parallel safe
  as $$ select nullif(current_setting('latchkey.user_id', true), '') $$;
create or replace function latchkey.organization_id() returns text language sql stable parallel safe
  as $$ select nullif(current_setting('latchkey.organization_id', true), '') $$;

-- whether a list of permissions, with spaces between them, grants the one that is wanted: the guard's can().
-- One expression, which the planner puts in the place of the call: a subquery would be planned anew by each statement.
create or replace function latchkey.grants(list text, wanted text) returns boolean language sql immutable parallel safe as $$
  select coalesce(string_to_array(list, ' ') && case when wanted ~ '^[^:]+:.'
    then array['*', '*:*', wanted, split_part(wanted, ':', 1) || ':*', '*:' || substr(wanted, strpos(wanted, ':') + 1)]
    else array['*'] end, false)
$$;

-- nobody holds nothing, whatever else was set for the transaction
create or replace function latchkey.has_permission(wanted text) returns boolean language sql stable parallel safe as $$
  select latchkey.user_id() is not null
    and latchkey.grants(current_setting('latchkey.permissions', true), wanted)
$$;

-- what the caller may do inside the organization set for the transaction; apart from what the server permits
create or replace function latchkey.has_organization_permission(wanted text) returns boolean language sql stable parallel safe as $$
  select latchkey.user_id() is not null and latchkey.organization_id() is not null
    and latchkey.grants(current_setting('latchkey.organization_permissions', true), wanted)
$$;
`
