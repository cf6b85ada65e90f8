/**
 * The startup check of row-level security: the roles cannot bypass it, it is forced on every table, and canaries see
 * no row: a caller who does not exist, a scope without a user and with every permission, and a caller in an
 * organization that does not exist. Otherwise the server refuses to start.
 */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Connection } from './connection.ts'
import type { Database } from './database.ts'
import type { CallerScope } from './types.ts'

export interface Isolation {
  /**
   * Whether the login role is a superuser or bypasses row-level security. Requests do not run as it, but injected SQL could
   * return to it: production refuses to start. False for the embedded database, which has no other role.
   */
  loginRoleBypasses: boolean
}

export class IsolationBroken extends Error {
  constructor(message: string) {
    super(`row-level security could be bypassed: ${message}`)
    this.name = 'IsolationBroken'
  }
}

interface RoleRow {
  rolname: string
  bypasses: boolean
  is_login: boolean
}
interface TableRow {
  name: string
  forced: boolean
  for_callers: boolean
  /** Whether callers may read every column, which includes the position of a row. */
  in_whole: boolean
  of_tenants: boolean
}

/** @throws IsolationBroken with the reason */
export async function assertIsolation(db: Database): Promise<Isolation> {
  const [roles, tables] = await db.asOwner((connection) =>
    Promise.all([readRoles(connection), readTables(connection)]),
  )
  const isBypassing = assertRoles(roles)
  for (const { name, forced } of tables) {
    if (!forced) throw new IsolationBroken(`the table ${name} does not force it`)
  }
  await assertBlind(db, tables)
  return { loginRoleBypasses: db.kind === 'postgres' && isBypassing }
}

async function readRoles(connection: Connection): Promise<RoleRow[]> {
  const { rows } = await connection.send<RoleRow>(
    `select rolname, rolsuper or rolbypassrls as bypasses, rolname = session_user as is_login from pg_catalog.pg_roles
     where rolname in ('latchkey_system', 'latchkey_request') or rolname = session_user`,
    [],
    'system',
  )
  return rows
}

/** @returns whether the login role bypasses */
function assertRoles(roles: readonly RoleRow[]): boolean {
  for (const name of ['latchkey_system', 'latchkey_request']) {
    const role = roles.find(({ rolname }) => rolname === name)
    if (!role) throw new IsolationBroken(`the role ${name} does not exist`)
    if (role.bypasses) throw new IsolationBroken(`the role ${name} is a superuser or has BYPASSRLS`)
  }
  return roles.some(({ is_login, bypasses }) => is_login && bypasses)
}

async function readTables(connection: Connection): Promise<TableRow[]> {
  // to_regrole: a role that does not exist is reported by assertRoles
  const { rows } = await connection.send<TableRow>(
    `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
       coalesce(has_any_column_privilege(to_regrole('latchkey_request'), c.oid, 'select'), false) as for_callers,
       coalesce(has_table_privilege(to_regrole('latchkey_request'), c.oid, 'select'), false) as in_whole,
       c.relname = 'organizations' or exists (select from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped) as of_tenants
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'latchkey' and c.relkind in ('r', 'p') and c.relname not in ('migrations', 'unfinished_move') order by 1`,
    [],
    'system',
  )
  return rows
}

/** Every permission, of the server or in an organization. */
const ALL = ['*']

/** Reads every table that callers may read, as callers who do not exist. */
async function assertBlind(db: Database, tables: readonly TableRow[]): Promise<void> {
  const random = randomBytes(16).toString('hex')
  const userId = `usr_${random}`
  const organizationId = `org_${random}`
  const readable = tables.filter(({ for_callers }) => for_callers)
  const tenants = readable.filter(({ of_tenants }) => of_tenants)
  const stranger = { userId, organizationId: null, permissions: [] }
  await assertSeesNothing(db, stranger, readable, 'a caller who does not exist')
  const anonymous = { userId: '', organizationId, permissions: ALL, organizationPermissions: ALL }
  await assertSeesNothing(db, anonymous, readable, 'an anonymous caller with every permission')
  const foreigner = { userId, organizationId, permissions: [], organizationPermissions: ALL }
  await assertSeesNothing(db, foreigner, tenants, 'a caller in an organization that does not exist')
}

async function assertSeesNothing(
  db: Database,
  scope: CallerScope,
  tables: readonly TableRow[],
  who: string,
): Promise<void> {
  await db.tx(scope, async (tx) => {
    // sent at once
    const [{ rows: run }, { rows: seen }] = await Promise.all([
      sql<{ role: string; caller: string | null }>`
        select current_user::text as role, latchkey.user_id() as caller`.execute(tx),
      sql<{ name: string }>`${sql.join([NONE, ...tables.map(seenIn)], sql` union all `)} limit 1`.execute(tx),
    ])
    const [found] = run
    if (found?.role !== 'latchkey_request' || (found.caller ?? '') !== scope.userId)
      throw new IsolationBroken(`a caller's statements run as ${found?.role} for ${found?.caller}`)
    if (seen[0]) throw new IsolationBroken(`${who} sees rows of ${seen[0].name}`)
  })
}

const NONE = sql`select ''::text as name where false`

/**
 * One row if the table has a visible one. Only the first and the last blocks: the check must not read all of a large table.
 * Blocks are known by `ctid`, which a grant of single columns does not include.
 */
function seenIn({ name, in_whole }: TableRow) {
  const table = sql.id('latchkey', name)
  if (!in_whole)
    return sql<{ name: string }>`select ${name}::text as name where exists (select from ${table})`
  return sql<{ name: string }>`
    select ${name}::text as name where exists (select from ${table} where ctid < '(100,0)'::tid)
      or exists (select from ${table} where ctid >= format('(%s,0)',
        greatest(0, pg_relation_size(${`latchkey.${name}`}::regclass) / current_setting('block_size')::bigint - 100))::tid)`
}
