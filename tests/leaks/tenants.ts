/**
 * Fixtures of the leak tests: two organizations with every kind of tenant data, and every kind of caller. Inserted
 * directly into the tables, so that the expected rows depend only on the policies.
 */
import { effectivePermissions } from '@latchkey/guard'
import { sql } from 'kysely'
import type { Database } from '../../packages/server/src/base/db/database.ts'
import type { CallerScope } from '../../packages/server/src/base/db/types.ts'
import { BUILT_IN } from '../../packages/server/src/core/roles/organization-roles.ts'

/** `a_…` and `b_…` are members of the organizations, the others of none. */
export const PEOPLE = [
  'a_owner',
  'a_admin',
  'a_member',
  'a_guest',
  'b_owner',
  'b_member',
  'outsider',
  'removed',
  'manager',
  'super',
] as const
export type Who = (typeof PEOPLE)[number]

export const ORGANIZATIONS = ['org_a', 'org_b'] as const
const organizationOf = (who: string): string | null => (/^[ab]_/.test(who) ? `org_${who[0]}` : null)
export const membersOf = (organization: string): Who[] =>
  PEOPLE.filter((who) => organizationOf(who) === organization)

const SERVER_PERMISSIONS: Partial<Record<Who, string[]>> = { manager: ['users:*'], super: ['*'] }

/** The scope in which their requests run. */
export function scopeOf(who: Who): CallerScope {
  const organizationId = organizationOf(who)
  return {
    userId: who,
    organizationId,
    permissions: SERVER_PERMISSIONS[who] ?? [],
    organizationPermissions: organizationId ? effectivePermissions(BUILT_IN, [who.slice(2)]) : [],
  }
}

export async function seed(db: Database): Promise<void> {
  const at = '2030-01-01'
  const columns = await columnsOf(db, 'invitations')
  await db.tx('system', async (tx) => {
    const run = (text: string) => sql.raw(text).execute(tx)
    for (const id of ORGANIZATIONS) {
      await run(`insert into organizations (id, name, slug, created_at, updated_at) values ('${id}', '${id}', '${id}', '${at}', '${at}')`)
      await run(`insert into organization_roles (organization_id, name, permissions, created_at, updated_at) values ('${id}', 'own', '{audit:read}', '${at}', '${at}')`)
      await run(`insert into security_policies (organization_id, updated_at) values ('${id}', '${at}')`)
      await run(`insert into organization_domains (id, organization_id, domain, token, created_at, verified_at) values ('dom_${id}', '${id}', '${id}.example', 't', '${at}', '${at}')`)
    }
    for (const of of [...ORGANIZATIONS, 'server']) {
      await run(`insert into connections (id, organization_id, slug, provider, name, status, client_id, client_secret, origin, created_at, updated_at) values ('con_${of}', ${of === 'server' ? 'null' : `'${of}'`}, 'con_${of}', 'oidc', 'c', 'active', 'client', 'secret', 'api', '${at}', '${at}')`)
      const owner = of === 'server' ? 'null' : `'${of}'`
      await run(`insert into clients (id, organization_id, source, name, status, settings, created_at, updated_at) values ('cli_${of}', ${owner}, 'operator', 'c', 'active', '{}', '${at}', '${at}')`)
      await run(`insert into client_secrets (id, client_id, hash, hint, created_at) values ('csec_${of}', 'cli_${of}', '\\x00', 'cs_', '${at}')`)
      await run(`insert into resources (id, identifier, organization_id, name, claims, created_at, updated_at) values ('res_${of}', 'https://${of}.example', ${owner}, 'r', 'minimal', '${at}', '${at}')`)
      await run(`insert into connection_events (id, connection_id, at, flow, subject, claims) values ('cev_${of}', 'con_${of}', '${at}', 'login', 'subject', '{}')`)
    }
    for (const who of PEOPLE) {
      const organization = organizationOf(who)
      const quoted = organization ? `'${organization}'` : 'null'
      await run(`insert into users (id, username, username_key, status, roles, created_at, updated_at) values ('${who}', '${who}', '${who}', 'active', '{viewer}', '${at}', '${at}')`)
      await run(`insert into emails (id, user_id, address, address_key, is_primary, claimed_at, verified_at, created_at) values ('eml_${who}', '${who}', '${who}@x', '${who}@x', true, '${at}', '${at}', '${at}')`)
      await run(`insert into user_profiles (user_id, claims) values ('${who}', '{"birthdate":"1815"}')`)
      await run(`insert into passwords (user_id, hash, changed_at) values ('${who}', 'hash', '${at}')`)
      await run(`insert into sessions (id, user_id, token_hash, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr, organization_id) values ('ses_${who}', '${who}', '${who}'::bytea, '${at}', '${at}', '${at}', '2031-01-01', 60, false, '{pwd}', ${quoted})`)
      await run(`insert into clients (id, source, name, status, settings, created_at, updated_at) values ('cli_server', 'operator', 'c', 'active', '{}', '${at}', '${at}') on conflict do nothing`)
      await run(`insert into client_sessions (session_id, client_id, created_at) values ('ses_${who}', 'cli_server', '${at}')`)
      await run(`insert into api_keys (id, user_id, organization_id, name, environment, hint, token_hash, created_at) values ('key_${who}', '${who}', ${quoted}, 'k', 'live', 'lk', '${who}'::bytea, '${at}')`)
      await run(`insert into audit_events (id, at, event_type, user_id, organization_id, details) values ('aud_${who}', '${at}', 'auth.login.success', '${who}', ${quoted}, '{}')`)
      await run(`insert into identities (id, user_id, connection_id, organization_id, scope, issuer, subject, provider, email_verified, tokens, linked_at) values ('idn_${who}', '${who}', 'con_${organization ?? 'server'}', ${quoted}, '${organization ?? ''}', 'https://idp.test', '${who}', 'oidc', true, 'tokens', '${at}')`)
      if (organization) await run(`insert into memberships (organization_id, user_id, role, joined_at) values ('${organization}', '${who}', '${who.slice(2)}', '${at}')`)
    }
    for (const id of ORGANIZATIONS)
      await run(`insert into setup_links (id, organization_id, intent, secret_hash, made_by, created_at, expires_at) values ('lnk_${id}', '${id}', 'both', '', '${id.slice(4)}_owner', '${at}', '${at}')`)
    await run(`insert into letters (id, status, next_at, created_at, user_id) values ('let_1', 'waiting', '${at}', '${at}', 'a_owner')`)
    await run(`insert into jobs (id, kind, payload, run_at, created_at) values ('job_1', 'k', '{}', '${at}', '${at}')`)
    await run(`insert into failures (key, count, first_at, last_at) values ('f', 1, '${at}', '${at}')`)
    await run(`insert into permissions (name, organization_roles, created_at) values ('chat:read', '{}', '${at}')`)
    await run(`insert into roles (name, permissions, inherits, grants, rank, created_at, updated_at) values ('r', '{}', '{}', '{}', 1, '${at}', '${at}') on conflict do nothing`)
    await run(`insert into memberships values ('org_a', 'removed', 'admin', '${at}')`)
    await run(`delete from memberships where user_id = 'removed'`)
    for (const [id, organization] of [['inv_a', 'org_a'], ['inv_b', 'org_b'], ['inv_outsider', 'org_a']] as const) {
      const address = `${id.slice(4)}@x`
      await run(invitationRow(columns, { id, organization_id: organization, address, address_key: address, role: 'member', invited_by: `${organization[4]}_owner` }))
    }
  }) // biome-ignore format: a statement on each line
}

/** The statement that inserts an invitation; columns that are required but not given get a default. */
export function invitationRow(columns: readonly Column[], given: Record<string, string>): string {
  const values = columns
    .filter(({ name, needed }) => needed || name in given)
    .map(({ name, type }) => [name, name in given ? `'${given[name]}'` : (FILLERS[type] ?? `''`)] as const)
  return `insert into latchkey.invitations (${values.map(([name]) => name).join(', ')}) values (${values.map(([, value]) => value).join(', ')})`
}
const FILLERS: Readonly<Record<string, string>> = {
  'timestamp with time zone': `'2030-01-01'`,
  'timestamp with time zone[]': `'{2030-01-01}'`,
  integer: '1',
  bytea: `'\\x00'`,
}

export interface Column {
  name: string
  type: string
  needed: boolean
}
export async function columnsOf(db: Database, table: string): Promise<Column[]> {
  const { rows } = await db.asOwner((line) =>
    line.send<Column>(
      `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull and not atthasdef as needed
       from pg_catalog.pg_attribute where attrelid = ('latchkey.' || $1)::regclass and attnum > 0 and not attisdropped`,
      [table],
      'system',
    ),
  )
  return rows
}
