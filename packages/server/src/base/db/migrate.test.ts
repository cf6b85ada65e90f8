import { afterEach, describe, expect, test } from 'vitest'
import { declaredTables } from '../../../../../scripts/declared-tables.ts'
import { createTestDatabase, openTestDatabase, quietLog, testDatabaseKind } from '../../testing/database.ts'
import { version as ownVersion } from '../version.ts'
import type { Database } from './database.ts'
import { migrateDown, migrateUp, migrationStatus, openDatabase } from './index.ts'
import { compare } from './migrate.ts'
import { knownMigrations, type Migration } from './migration-files.ts'

const known = knownMigrations()
const names = known.map(({ name }) => name)
const opened: Database[] = []
const open = async (empty: boolean): Promise<Database> => {
  const db = await openTestDatabase({ empty })
  opened.push(db)
  return db
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()))
})

const ours = (db: Database) =>
  db.asOwner(async (connection) => {
    const { rows } = await connection.plain(`
      select relname as name from pg_class where relnamespace = to_regnamespace('latchkey')::oid
      union all select proname from pg_proc where pronamespace = to_regnamespace('latchkey')::oid
      union all select nspname from pg_namespace where nspname = 'latchkey'
      union all select 'default privileges' from pg_default_acl`)
    return rows
  })
const made = (name: string, up: string, down = 'select 1'): Migration => ({
  name,
  up,
  down,
  checksum: `of ${up}`,
  kind: 'expand',
  version: '0.1',
  unusedSince: null,
  isConcurrent: false,
})

describe('migrations', () => {
  test('go up, down to nothing, and up again', async () => {
    const db = await open(true)
    expect(await db.pendingMigrations()).toEqual(names)
    expect(await migrateUp(db)).toEqual(names)
    expect(await migrateUp(db)).toEqual([])
    expect(await migrateDown(db, { to: 0 })).toEqual(names.toReversed())
    expect(await ours(db)).toEqual([])
    expect(await migrateUp(db)).toEqual(names)
    expect(await db.pendingMigrations()).toEqual([])
    await db.tx('system', (tx) => tx.selectFrom('users').select('id').execute())
  })

  test('go down step by step, and each down script reverts its up script', async () => {
    const db = await open(false)
    for (const name of names.toReversed()) {
      expect(await migrateDown(db, { steps: 1 })).toEqual([name])
    }
    expect(await migrateDown(db, { steps: 1 })).toEqual([])
    await migrateUp(db)
    const [first = '', ...others] = names
    expect(await migrateDown(db, { to: first })).toEqual(others.toReversed())
    expect(await db.pendingMigrations()).toEqual(others)
    await expect(migrateDown(db, { to: '0999_never' })).rejects.toThrow('not applied')
  })

  test('keep foreign objects, and the schema with them', async () => {
    const db = await open(false)
    await db.asOwner((connection) => connection.plain('create table latchkey.foreign_one (id int)'))
    await migrateDown(db, { to: 0 })
    expect(await ours(db)).toEqual(expect.arrayContaining([{ name: 'foreign_one' }]))
  })

  test('are refused if one was changed after it was applied, or an earlier one is unknown', async () => {
    const db = await open(false)
    const changed = known.map((migration, at) =>
      at === 1 ? { ...migration, checksum: 'another' } : migration,
    )
    await expect(migrateUp(db, { migrations: changed })).rejects.toThrow(`${names[1]} was changed`)
    await expect(migrateUp(db, { migrations: known.slice(1) })).rejects.toThrow('unknown to this server')
  })

  test('of a later version cause a warning, and only that version reverts them', async () => {
    const db = await open(false)
    const warnings: unknown[] = []
    const log = { ...quietLog, warn: (fields: Record<string, unknown>) => void warnings.push(fields) }
    const older = known.slice(0, -1)
    expect(await migrateUp(db, { migrations: older, log })).toEqual([])
    expect(warnings).toEqual([{ migrations: names.slice(-1) }])
    await expect(migrateDown(db, { steps: 1 }, { migrations: older })).rejects.toThrow('with that version')
  })

  test('are recorded with their kind and version, also those that an earlier version has applied', async () => {
    const db = await open(false)
    const declared = known.map(({ name, kind, version }) => ({ name, kind, version }))
    const recorded = async () =>
      (await migrationStatus(db)).map(({ name, kind, version }) => ({ name, kind, version }))
    const stored = () =>
      db.asOwner(async (connection) => {
        const { rows } = await connection.plain(
          'select name, kind, version from latchkey.migrations order by name',
        )
        return rows
      })
    expect(await stored()).toEqual(declared)
    // as a server made it that did not have the columns
    await db.asOwner((connection) =>
      connection.plain('alter table latchkey.migrations drop column kind, drop column version'),
    )
    expect(await recorded()).toEqual(declared)
    expect(await migrateUp(db)).toEqual([])
    expect(await stored()).toEqual(declared)
  })

  test('of a version after the next one are refused, and neither way is possible', async () => {
    const db = await open(false)
    const [major = 0, minor = 0] = ownVersion().split('.').map(Number)
    const apply = (version: string) =>
      db.asOwner((connection) =>
        connection.plain(
          `insert into latchkey.migrations values ('9999_later', 'x', now(), 'expand', '${version}')
           on conflict (name) do update set version = excluded.version`,
        ),
      )
    await apply(`${major}.${minor + 1}`)
    expect(await migrateUp(db)).toEqual([])
    await apply(`${major}.${minor + 2}`)
    await expect(migrateUp(db)).rejects.toThrow(
      `the database is of version ${major}.${minor + 2} (9999_later)`,
    )
    await expect(migrateDown(db, { steps: 1 })).rejects.toThrow('the database is of version')
    expect((await migrationStatus(db)).at(-1)).toMatchObject({ name: '9999_later', state: 'beyond' })
  })

  test('that fail leave no trace of themselves', async () => {
    const db = await open(false)
    const failing = made('9000_failing', 'create table latchkey.half (id int); select 1/0')
    await expect(migrateUp(db, { migrations: [...known, failing] })).rejects.toThrow(
      '9000_failing failed: division by zero',
    )
    expect(await migrationStatus(db)).toHaveLength(names.length)
    expect(await ours(db)).not.toEqual(expect.arrayContaining([{ name: 'half' }]))
    // the connection can still be used
    await db.tx('system', (tx) => tx.selectFrom('users').select('id').execute())
  })

  test('are applied once by servers that start together', async () => {
    const shared = await createTestDatabase({ empty: true })
    // an embedded database has one server, which may still migrate twice
    const count = shared.databaseUrl === null ? 1 : 4
    const servers = await Promise.all(
      Array.from({ length: count }, () =>
        openDatabase({ ...shared, dataDir: null, pool: 1, guardNesting: true, log: quietLog }),
      ),
    )
    const asked = servers.length === 1 ? [...servers, ...servers] : servers
    const applied = await Promise.all(asked.map((db) => migrateUp(db)))
    expect(applied.flat()).toEqual(names)
    await Promise.all(servers.map((db) => db.close()))
    await shared.drop()
  })

  test('each have a down script, and consecutive numbers', () => {
    expect(known.map(({ name }) => Number(name.slice(0, 4)))).toEqual(known.map((_, at) => at + 1))
    for (const { up, down } of known) expect([up.trim(), down.trim()]).not.toContain('')
  })
})

test('the states of migrations, as a table', () => {
  const at = new Date(0)
  const row = (name: string, checksum = `of ${name}`) => ({ name, checksum, applied_at: at })
  const migrations = ['0001_a', '0002_b', '0003_c'].map((name) => made(name, name))
  const states = (rows: ReturnType<typeof row>[]) =>
    compare(migrations, rows).map(({ name, state }) => `${name} ${state}`)
  expect(states([])).toEqual(['0001_a pending', '0002_b pending', '0003_c pending'])
  expect(states([row('0001_a'), row('0002_b', 'x')])).toEqual([
    '0001_a applied',
    '0002_b changed',
    '0003_c pending',
  ])
  expect(states([row('0001_z')])).toContain('0001_z unknown')
  expect(states([row('0004_d')])).toContain('0004_d newer')
  // of the next minor version, and of the one after it
  const of = (version: string) =>
    compare(migrations, [{ ...row('0004_d'), kind: 'expand', version }], '0.9').map(({ state }) => state)
  expect(of('0.9')).toContain('newer')
  expect(of('0.10')).toContain('newer')
  expect(of('1.0')).toContain('newer')
  expect(of('0.11')).toContain('beyond')
  expect(of('1.1')).toContain('beyond')
})

describe('the login role', () => {
  const setUp = (role: string) => `create role ${role} login; grant create on database ${'%DB'} to ${role}`

  if (testDatabaseKind() === 'postgres')
    test('need not create roles that are granted to it', async () => {
      const made = await createTestDatabase({ empty: true })
      const url = new URL(made.databaseUrl ?? '')
      const role = `plain_${url.pathname.slice(-8)}`
      const owner = await openDatabase({ ...made, dataDir: null, pool: 1, guardNesting: true, log: quietLog })
      await owner.asOwner((connection) => connection.plain(setUp(role).replace('%DB', url.pathname.slice(1))))
      url.username = role
      const db = await openDatabase({
        databaseUrl: url.href,
        dataDir: null,
        pool: 1,
        guardNesting: true,
        log: quietLog,
      })
      await expect(migrateUp(db)).rejects.toThrow(/must have admin option|permission denied/)
      await owner.asOwner((connection) =>
        connection.plain(`grant latchkey_system, latchkey_request to ${role}`),
      )
      expect(await migrateUp(db)).toEqual(names)
      await db.tx('system', (tx) => tx.selectFrom('users').select('id').execute())
      await db.close()
      await owner.asOwner((connection) => connection.plain(`drop owned by ${role} cascade`).catch(() => {}))
      await owner.close()
      await made.drop()
      await dropRole(role)
    })

  if (testDatabaseKind() === 'pglite')
    test('creates the roles and may act as them since PostgreSQL 16', async () => {
      const db = await open(true)
      await db.asOwner(async (connection) => {
        await connection.plain('drop role latchkey_system, latchkey_request')
        await connection.plain(
          'create role deployer login createrole; grant create on database postgres to deployer',
        )
        await connection.plain('set role deployer; create schema latchkey')
        await connection.plain(known[0]?.up ?? '')
        const { rows } = await connection.plain(
          `select pg_has_role('deployer', 'latchkey_system', 'SET') as s, pg_has_role('deployer', 'latchkey_request', 'SET') as r`,
        )
        expect(rows).toEqual([{ s: true, r: true }])
      })
    })
})

async function dropRole(role: string): Promise<void> {
  const made = await createTestDatabase({ empty: true })
  const db = await openDatabase({ ...made, dataDir: null, pool: 1, guardNesting: true, log: quietLog })
  await db.asOwner((connection) => connection.plain(`drop role ${role}`))
  await db.close()
  await made.drop()
}

/** The database type of a declared type. */
function columnOf(declared: string): string {
  const type = declared.replace(/^Generated<(.*)>$/, '$1').replace(' | null', '')
  const nullable = declared.includes('| null') ? '' : ' not null'
  const known: Record<string, string> = { string: 'text', Date: 'timestamptz', Buffer: 'bytea', number: 'int4', boolean: 'bool', 'string[]': '_text', 'Date[]': '_timestamptz', 'number[]': '_int4' } // biome-ignore format: a table
  if (type.startsWith('Json<')) return `jsonb${nullable}`
  if (/^'/.test(type)) return `text${nullable}`
  return `${known[type] ?? type}${nullable}`
}

test('each tables.ts equals the tables of the migrations', async () => {
  const db = await open(false)
  const { rows } = await db.asOwner((connection) =>
    connection.plain(`
      select c.relname as table, a.attname as column, t.typname || case when a.attnotnull then ' not null' else '' end as type
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
      where c.relnamespace = 'latchkey'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'migrations'
        and a.attnum > 0 and not a.attisdropped order by 1, 2`),
  )
  const found = (rows as { table: string; column: string; type: string }[]).map(
    (row) => `${row.table}.${row.column} ${row.type}`,
  )
  const declared = [...declaredTables()].flatMap(([table, columns]) =>
    [...columns].map(([column, type]) => `${table}.${column} ${columnOf(type)}`),
  )
  expect(declared.toSorted()).toEqual(found.toSorted())
})
