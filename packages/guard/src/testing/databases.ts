/**
 * For tests: the database of an app, on PGlite or PostgreSQL, with the functions of the guard and no Latchkey server,
 * and a table whose policies isolate tenants.
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { openPglite } from '../../../server/src/base/db/engine.ts'
import { Wire } from '../../../server/src/base/db/pglite.ts'
import { createTestDatabase } from '../../../server/src/testing/database.ts'
import { latchkeySql } from '../database/sql.ts'

export interface AppDatabase {
  kind: 'postgres' | 'pglite'
  /** A unique name: roles belong to the whole cluster. */
  role: string
  /** At most one connection on PGlite. */
  pool(options?: pg.PoolConfig): pg.Pool
  client(options?: pg.ClientConfig): pg.Client
  /** Runs statements as the owner of the schema. */
  owner(sql: string): Promise<void>
  close(): Promise<void>
}

/** @param sql the migration of the app; `app_request` in it is replaced by the role */
export async function openAppDatabase(sql: string): Promise<AppDatabase> {
  const role = `app_${randomBytes(6).toString('hex')}`
  const made = await createTestDatabase({ empty: true })
  const lite = made.databaseUrl === null ? await openPglite({ folder: null, template: null }) : null
  const config: pg.ClientConfig = lite
    ? { stream: () => new Wire(lite) as never, user: 'postgres', database: 'postgres', ssl: false }
    : { connectionString: made.databaseUrl ?? '' }
  const ending: (() => Promise<void>)[] = []
  const ends = <T extends { end(): Promise<void> }>(it: T): T => {
    ending.push(() => it.end().catch(() => {}))
    return it
  }
  const app: AppDatabase = {
    kind: lite ? 'pglite' : 'postgres',
    role,
    pool: (options) => ends(new pg.Pool({ ...config, max: 4, ...options, ...(lite ? { max: 1 } : {}) })),
    client: (options) => ends(new pg.Client({ ...config, ...options })),
    async owner(text) {
      const client = new pg.Client(config)
      await client.connect()
      try {
        // the login role has the name of the schema, which would precede public in its search_path
        await client.query(`set search_path = public; ${text.replaceAll('app_request', role)}`)
      } finally {
        await client.end()
      }
    },
    async close() {
      for (const end of ending) await end()
      await app.owner(`drop owned by ${role}; drop role ${role}`).catch(() => {})
      await lite?.close()
      await made.drop()
    },
  }
  await app.owner(`${latchkeySql}
    create role ${role} nologin; grant ${role} to current_user; grant usage on schema latchkey to ${role};`)
  await app.owner(sql)
  return app
}

/** A table of notes, with policies by organization. */
export const NOTES = `
  create table notes (id int generated always as identity primary key, organization_id text not null, author text not null, body text not null);
  alter table notes enable row level security;
  alter table notes force row level security;
  create policy tenant on notes to app_request
    using (organization_id = (select latchkey.organization_id()))
    with check (organization_id = (select latchkey.organization_id()) and author = (select latchkey.user_id())
      and (select latchkey.has_permission('notes:write')));
  grant select, insert, update, delete on notes to app_request;
  create table public_notes (body text);
  insert into public_notes values ('hello');
  alter table public_notes enable row level security;
  alter table public_notes force row level security;
  create policy everybody on public_notes for select to app_request using (true);
  grant select on public_notes to app_request;
`
