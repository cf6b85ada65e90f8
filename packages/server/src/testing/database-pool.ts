/**
 * A pool of test databases in each worker: a database is reused by one test file after another and emptied in
 * between, because emptying takes milliseconds and cloning a tenth of a second or more. A database is dropped instead
 * if its catalogue differs from the template (a new table or role, migrations down, statistics of the planner) or if
 * it is large.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import type { Driver } from '../base/db/driver.ts'
import { type Engine, openPglite } from '../base/db/engine.ts'
import { pgliteDriver } from '../base/db/pglite.ts'
import { postgresDriver } from '../base/db/postgres.ts'
import type { Log } from '../base/log/index.ts'
import type { TestDatabaseSource } from './database.ts'

export interface PooledDatabase {
  open(options: { pool: number; log: Log }): Promise<Driver>
  /** Empties it for the next test file, or drops it. Call it after all connections are closed. */
  release(): Promise<void>
}

/** The most databases in the pool: each PGlite takes memory. */
const MAX_IDLE = 3
/** Bytes of a table. A larger one stays large after its rows are deleted. */
const MAX_TABLE_BYTES = 1024 * 1024

const idle: PooledDatabase[] = []

export async function acquireDatabase(source: TestDatabaseSource): Promise<PooledDatabase> {
  return idle.pop() ?? (source.kind === 'pglite' ? await embedded(source) : await onServer(source))
}

type Query = (text: string) => Promise<Record<string, unknown>[]>

interface Handles {
  query: Query
  open: PooledDatabase['open']
  drop(): Promise<void>
  /** Facts of the whole cluster, if it has only this database. */
  facts?: string
}

async function pooled({ query, open, drop, facts }: Handles): Promise<PooledDatabase> {
  const shape = `
    select md5(string_agg(fact, ' ' order by fact)) as shape, (select coalesce(max(pg_relation_size(oid)), 0)::int
      from pg_catalog.pg_class where oid >= 16384 and relkind = 'r') as largest
    from (
      select concat_ws(' ', 'relation', oid, xmin) as fact from pg_catalog.pg_class where oid >= 16384
      union all select concat_ws(' ', 'column', attrelid, attnum, xmin) from pg_catalog.pg_attribute where attrelid >= 16384
      union all select concat_ws(' ', 'constraint', oid, xmin) from pg_catalog.pg_constraint where oid >= 16384
      union all select concat_ws(' ', 'policy', oid, xmin) from pg_catalog.pg_policy
      union all select concat_ws(' ', 'trigger', oid, xmin) from pg_catalog.pg_trigger where oid >= 16384
      union all select concat_ws(' ', 'function', oid, xmin) from pg_catalog.pg_proc where oid >= 16384
      union all select concat_ws(' ', 'schema', oid, xmin) from pg_catalog.pg_namespace where nspname !~ '^pg_'
      union all select concat_ws(' ', 'statistics', starelid, staattnum) from pg_catalog.pg_statistic where starelid >= 16384
      union all select concat_ws(' ', 'migration', name, checksum) from latchkey.migrations
      ${facts ?? ''}
    ) as facts`
  const initial = (await query(shape))[0]?.shape
  const tables = await query(`
    select format('%I.%I', n.nspname, relname) as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = relnamespace
    where nspname = 'latchkey' and relkind = 'r' and relname <> 'migrations'`)
  const empty = `
    set session_replication_role = replica;
    ${tables.map(({ name }) => `delete from ${name}`).join(';\n')};
    set session_replication_role = origin`
  const self: PooledDatabase = {
    open,
    async release() {
      const [now] = await query(shape).catch(() => [])
      const isUnchanged = now?.shape === initial && Number(now?.largest) < MAX_TABLE_BYTES
      const isEmpty =
        isUnchanged &&
        idle.length < MAX_IDLE &&
        (await query(empty).then(
          () => true,
          () => false,
        ))
      if (isEmpty) idle.push(self)
      else await drop()
    },
  }
  return self
}

async function embedded(source: TestDatabaseSource & { kind: 'pglite' }): Promise<PooledDatabase> {
  const lite = await openPglite({ folder: null, template: await readFile(source.template) })
  const alive: Engine = {
    execProtocolRawSync: (message) => lite.execProtocolRawSync(message),
    close: async () => {},
  }
  return pooled({
    open: () => pgliteDriver(alive),
    async query(text) {
      // the state that the previous session left
      await lite.exec(
        'rollback; unlisten *; reset role; reset all; select pg_catalog.pg_advisory_unlock_all()',
      )
      return (await lite.exec(text)).at(-1)?.rows as Record<string, unknown>[]
    },
    drop: () => lite.close(),
    facts: `
      union all select concat_ws(' ', 'role', oid, xmin) from pg_catalog.pg_authid
      union all select concat_ws(' ', 'member', roleid, member, xmin) from pg_catalog.pg_auth_members`,
  })
}

async function onServer(source: TestDatabaseSource & { kind: 'postgres' }): Promise<PooledDatabase> {
  const { databaseUrl, drop } = await cloneDatabase(source)
  const superuser = new pg.Client({
    connectionString: databaseUrl.replace(source.baseUrl, source.superuserUrl),
    application_name: 'tests',
  })
  // the cluster may stop before the worker
  superuser.on('error', () => {})
  await superuser.connect()
  await superuser.query(`set lock_timeout = '3s'`)
  return pooled({
    open: async ({ pool, log }) => postgresDriver({ databaseUrl, pool, silence: 10_000, log }),
    query: async (text) => (await superuser.query(text)).rows,
    async drop() {
      await superuser.end()
      await drop()
    },
  })
}

/** A database for a single test. */
export async function cloneDatabase(
  source: TestDatabaseSource & { kind: 'postgres' },
  template = source.template,
): Promise<{ databaseUrl: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await atServer(source.baseUrl, `create database ${name} template ${template}`)
  return {
    databaseUrl: `${source.baseUrl}${name}`,
    drop: () => atServer(source.baseUrl, `drop database if exists ${name} with (force)`),
  }
}

async function atServer(baseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: `${baseUrl}postgres` })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
