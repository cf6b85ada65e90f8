/**
 * The startup check of row-level security: the roles cannot bypass it, it is forced on every table, and canaries see no
 * row: a caller who does not exist, a scope without a user and with every permission, and a caller in an organization that
 * does not exist. Otherwise the server refuses to start.
 */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
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
  of_tenants: boolean
}

/** @throws IsolationBroken with the reason */
export async function assertIsolation(db: Database): Promise<Isolation> {
  const isBypassing = await assertRoles(db)
  const tables = await readTables(db)
  for (const { name, forced } of tables) {
    if (!forced) throw new IsolationBroken(`the table ${name} does not force it`)
  }
  await assertBlind(db, tables)
  return { loginRoleBypasses: db.kind === 'postgres' && isBypassing }
}

/** @returns whether the login role bypasses */
async function assertRoles(db: Database): Promise<boolean> {
  const { rows } = await db.asOwner((connection) =>
    connection.send<RoleRow>(
      `select rolname, rolsuper or rolbypassrls as bypasses, rolname = session_user as is_login from pg_catalog.pg_roles
       where rolname in ('latchkey_system', 'latchkey_request') or rolname = session_user`,
      [],
      'system',
    ),
  )
  for (const name of ['latchkey_system', 'latchkey_request']) {
    const role = rows.find(({ rolname }) => rolname === name)
    if (!role) throw new IsolationBroken(`the role ${name} does not exist`)
    if (role.bypasses) throw new IsolationBroken(`the role ${name} is a superuser or has BYPASSRLS`)
  }
  return rows.some(({ is_login, bypasses }) => is_login && bypasses)
}

async function readTables(db: Database): Promise<TableRow[]> {
  const { rows } = await db.asOwner((connection) =>
    connection.send<TableRow>(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
         has_any_column_privilege('latchkey_request', c.oid, 'select') as for_callers,
         c.relname = 'organizations' or exists (select from pg_catalog.pg_attribute a
           where a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped) as of_tenants
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'latchkey' and c.relkind in ('r', 'p') and c.relname <> 'migrations' order by 1`,
      [],
      'system',
    ),
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
    const { rows } = await sql<{ role: string; caller: string | null }>`
      select current_user::text as role, latchkey.user_id() as caller`.execute(tx)
    const [found] = rows
    if (found?.role !== 'latchkey_request' || (found.caller ?? '') !== scope.userId)
      throw new IsolationBroken(`a caller's statements run as ${found?.role} for ${found?.caller}`)
    for (const { name } of tables) {
      const table = sql.id('latchkey', name)
      // only the first and the last blocks: the check must not read all of a large table
      const seen = await sql`
        select 1 from ${table} where ctid < '(100,0)'::tid union all
        select 1 from ${table} where ctid >= format('(%s,0)',
          greatest(0, pg_relation_size(${`latchkey.${name}`}::regclass) / current_setting('block_size')::bigint - 100))::tid
        limit 1`.execute(tx)
      if (seen.rows.length > 0) throw new IsolationBroken(`${who} sees rows of ${name}`)
    }
  })
}
