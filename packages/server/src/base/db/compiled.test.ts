import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase } from '../../testing/database.ts'
import { compiledOnce, runTogether } from './compiled.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'

let db: Database
const now = new Date('2026-03-01T12:00:00Z')
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

let built = 0
const insertUser = compiledOnce((db, user: { id: string; name: string | null; roles: string[] }) => {
  built++
  return db.insertInto('users').values({
    id: user.id,
    username: user.name,
    username_key: user.name,
    status: 'active',
    roles: user.roles,
    created_at: now,
    updated_at: now,
  })
})
const rename = compiledOnce((db, { id, name }: { id: string; name: string }) =>
  db.updateTable('users').set({ full_name: name }).where('id', '=', id),
)
const nameOf = compiledOnce(
  (_, { id }: { id: string }) => sql<{ full_name: string }>`select full_name from users where id = ${id}`,
)
const names = async (...ids: string[]) =>
  (await Promise.all(ids.map((id) => db.hot.executeQuery(nameOf({ id }))))).map(
    ({ rows }) => rows[0]?.full_name,
  )

test('a statement is built once, and takes other values each time, also twice the same', async () => {
  await db.hot.executeQuery(insertUser({ id: 'usr_a', name: 'Alice', roles: ['viewer', 'manager'] }))
  await db.hot.executeQuery(insertUser({ id: 'usr_b', name: null, roles: [] }))
  expect(built).toBe(1)
  const users = db.hot.selectFrom('users').select(['id', 'username', 'username_key', 'roles']).orderBy('id')
  expect(await users.execute()).toEqual([
    { id: 'usr_a', username: 'Alice', username_key: 'Alice', roles: ['viewer', 'manager'] },
    { id: 'usr_b', username: null, username_key: null, roles: [] },
  ])
})

test('statements that are run together all take effect, each with its own values', async () => {
  const user = insertUser({ id: 'usr_c', name: 'Carol', roles: ['viewer'] })
  const queries = [rename({ id: 'usr_a', name: 'One' }), user, rename({ id: 'usr_b', name: '$1 and $2' })]
  await db.tx('system', (tx) => runTogether(tx, queries))
  await db.tx('system', (tx) => runTogether(tx, [rename({ id: 'usr_c', name: 'Three' })]))
  await db.tx('system', (tx) => runTogether(tx, []))
  expect(await names('usr_a', 'usr_b', 'usr_c')).toEqual(['One', '$1 and $2', 'Three'])
})

test('statements that are run together refer to rows that another of them inserts', async () => {
  const address = db.hot.insertInto('emails').values({
    id: 'eml_d', user_id: 'usr_d', address: 'd@example.com', address_key: 'd@example.com',
    is_primary: true, claimed_at: now, verified_at: null, created_at: now,
  }) // biome-ignore format: a row
  const user = insertUser({ id: 'usr_d', name: 'Dan', roles: [] })
  await db.tx('system', (tx) => runTogether(tx, [address.compile(), user]))
  expect(await db.hot.selectFrom('emails').select('user_id').execute()).toEqual([{ user_id: 'usr_d' }])
})

test('where one of them fails, none takes effect, and the error is that of the database', async () => {
  const taken = insertUser({ id: 'usr_e', name: 'Alice', roles: [] })
  const queries = [rename({ id: 'usr_a', name: 'Lost' }), taken]
  const error = await db.tx('system', (tx) => runTogether(tx, queries)).catch((error: unknown) => error)
  expect(isUniqueViolation(error, 'users_username')).toBe(true)
  expect(await names('usr_a', 'usr_e')).toEqual(['One', undefined])
})
