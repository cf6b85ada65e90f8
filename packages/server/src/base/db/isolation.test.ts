import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createTestDatabase, openTestDatabase, quietLog, testDatabaseKind } from '../../testing/database.ts'
import type { Database } from './database.ts'
import { assertIsolation, openDatabase } from './index.ts'

let db: Database
const owner = (statement: string) => db.asOwner((connection) => connection.plain(statement))
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

describe('the startup check of row-level security', () => {
  test('passes for the current migrations', async () => {
    expect(await assertIsolation(db)).toEqual({ loginRoleBypasses: false })
  })

  test('fails if a table does not force it', async () => {
    await owner('alter table latchkey.sessions no force row level security')
    await expect(assertIsolation(db)).rejects.toThrow('the table sessions does not force it')
    await owner(
      'alter table latchkey.sessions force row level security; alter table latchkey.users disable row level security',
    )
    await expect(assertIsolation(db)).rejects.toThrow('the table users does not force it')
    await owner('alter table latchkey.users enable row level security')
  })

  test('fails for a new table without it', async () => {
    await owner('create table latchkey.forgotten (user_id text)')
    await expect(assertIsolation(db)).rejects.toThrow('the table forgotten does not force it')
    await owner('drop table latchkey.forgotten')
  })

  test('fails if a caller who does not exist sees rows', async () => {
    await db.tx('system', (tx) =>
      tx
        .insertInto('failures')
        .values({
          key: 'k',
          count: 1,
          first_at: new Date(0),
          last_at: new Date(0),
          locked_until: null,
          level: 0,
          total: 0,
        })
        .execute(),
    )
    await owner(`grant select on latchkey.failures to latchkey_request;
      create policy too_open on latchkey.failures for select to latchkey_request using (true)`)
    await expect(assertIsolation(db)).rejects.toThrow('a caller who does not exist sees rows of failures')
    await owner(
      'drop policy too_open on latchkey.failures; revoke select on latchkey.failures from latchkey_request',
    )
  })

  test('fails if permissions suffice without a user, or an organization that does not exist', async () => {
    const at = new Date(0)
    await db.tx('system', (tx) =>
      tx
        .insertInto('organizations')
        .values({ id: 'org_1', name: 'One', slug: 'one', created_at: at, updated_at: at, deleted_at: null, purge_at: null }) // biome-ignore format: a row
        .execute(),
    )
    const broken = async (policy: string, message: string) => {
      await owner(
        `create policy too_open on latchkey.organizations for select to latchkey_request using (${policy})`,
      )
      await expect(assertIsolation(db)).rejects.toThrow(message)
      await owner('drop policy too_open on latchkey.organizations')
    }
    await broken(
      `(select current_setting('latchkey.permissions', true)) = '*'`,
      'an anonymous caller with every permission sees',
    )
    await broken(
      `(select latchkey.has_organization_permission('organization:read'))`,
      'does not exist sees rows of organizations',
    )
    await broken('(select latchkey.organization_id()) is not null', 'sees rows of organizations')
    expect(await assertIsolation(db)).toEqual({ loginRoleBypasses: false })
  })

  // roles belong to the cluster, which other test files share; an embedded database is a separate cluster
  if (testDatabaseKind() === 'pglite')
    test('fails if a role bypasses it or is missing', async () => {
      await owner('alter role latchkey_request bypassrls')
      await expect(assertIsolation(db)).rejects.toThrow('latchkey_request is a superuser or has BYPASSRLS')
      await owner('alter role latchkey_request nobypassrls; alter role latchkey_system superuser')
      await expect(assertIsolation(db)).rejects.toThrow('latchkey_system is a superuser or has BYPASSRLS')
      await owner('alter role latchkey_system nosuperuser; alter role latchkey_request rename to another')
      await expect(assertIsolation(db)).rejects.toThrow('latchkey_request does not exist')
      await owner('alter role another rename to latchkey_request')
      await assertIsolation(db)
    })

  if (testDatabaseKind() === 'postgres')
    test('reports that the login role bypasses it', async () => {
      const source = inject('database')
      if (source.kind !== 'postgres') return
      const made = await createTestDatabase()
      const url = (made.databaseUrl ?? '').replace(source.baseUrl, source.superuserUrl)
      const asSuperuser = await openDatabase({
        databaseUrl: url,
        dataDir: null,
        pool: 1,
        guardNesting: true,
        log: quietLog,
      })
      expect(await assertIsolation(asSuperuser)).toEqual({ loginRoleBypasses: true })
      await asSuperuser.close()
      await made.drop()
    })
})
