/**
 * The proof at the start that row-level security binds: the roles cannot bypass it, every table has it forced,
 * and a canary, a caller who does not exist, sees no row of anything. The server refuses to start otherwise.
 */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from './database.ts'

export interface Isolation {
  /**
   * The login role is a superuser or bypasses row-level security. Requests do not run as it, but whoever
   * injected SQL could return to it: production refuses. False for the embedded database, which has no other role.
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
  const { rows } = await db.asOwner((line) =>
    line.send<RoleRow>(
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
  const { rows } = await db.asOwner((line) =>
    line.send<TableRow>(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
         has_any_column_privilege('latchkey_request', c.oid, 'select') as for_callers
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'latchkey' and c.relkind in ('r', 'p') and c.relname <> 'migrations' order by 1`,
      [],
      'system',
    ),
  )
  return rows
}

/** Reads every table a caller may read anything of, as a caller who does not exist. */
async function assertBlind(db: Database, tables: readonly TableRow[]): Promise<void> {
  const nobody = `usr_${randomBytes(16).toString('hex')}`
  await db.tx({ userId: nobody, organizationId: null, permissions: [] }, async (tx) => {
    const who = await sql<{ role: string; caller: string | null }>`
      select current_user::text as role, latchkey.user_id() as caller`.execute(tx)
    if (who.rows[0]?.role !== 'latchkey_request' || who.rows[0].caller !== nobody) {
      throw new IsolationBroken(
        `a caller's statements run as ${who.rows[0]?.role} for ${who.rows[0]?.caller}`,
      )
    }
    for (const { name } of tables.filter(({ for_callers }) => for_callers)) {
      const seen = await sql`select 1 from ${sql.id('latchkey', name)} limit 1`.execute(tx)
      if (seen.rows.length > 0) throw new IsolationBroken(`a caller who does not exist sees rows of ${name}`)
    }
  })
}
