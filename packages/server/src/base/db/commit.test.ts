/** `db.commit`: one statement in a transaction, sent with BEGIN and COMMIT. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, testDatabaseKind } from '../../testing/database.ts'
import type { Database } from './database.ts'
import { isLockTimeout } from './faults.ts'

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
  const now = new Date('2026-03-01T12:00:00Z')
  await db.tx('system', (tx) =>
    tx
      .insertInto('users')
      .values({ id: 'usr_alone', username: 'alone', username_key: 'alone', full_name: null, locale: null, status: 'active', roles: ['user'], created_at: now, updated_at: now, last_login_at: null }) // biome-ignore format: a row
      .execute(),
  )
})
afterAll(() => db.close())

describe('a transaction of one statement', () => {
  const rename = (to: string, where = 'usr_alone') =>
    sql<{ full_name: string; role: string; caller: string | null }>`
      update users set full_name = ${to} where id = ${where}
      returning full_name, current_user::text as role, latchkey.user_id() as caller`.compile(db.hot)
  const name = async () =>
    (await db.hot.selectFrom('users').select('full_name').where('id', '=', 'usr_alone').execute())[0]
      ?.full_name

  test('is of the system, and is committed when it answers', async () => {
    const rows = await db.commit(rename('one'))
    expect(rows).toEqual([{ full_name: 'one', role: 'latchkey_system', caller: null }])
    expect(await name()).toBe('one')
    const all = await Promise.all(Array.from({ length: 30 }, (_, n) => db.commit(rename(`n${n}`))))
    expect(all.map(([row]) => row?.full_name)).toEqual(Array.from({ length: 30 }, (_, n) => `n${n}`))
  })

  test('throws what the statement does, changes nothing, and leaves the connection as it was', async () => {
    await db.commit(rename('before'))
    const caller = { userId: 'usr_ann', organizationId: null, permissions: [] }
    const whoAmI = sql`select current_user::text as role, latchkey.user_id() as caller`
    const failing = sql`
      with renamed as (update users set full_name = 'after' where id = 'usr_alone' returning 1 as one)
      select one / 0 from renamed`.compile(db.hot)
    await expect(db.commit(failing)).rejects.toThrow('division by zero')
    expect(await name()).toBe('before')
    expect(await db.tx(caller, (tx) => whoAmI.execute(tx))).toMatchObject({
      rows: [{ role: 'latchkey_request', caller: 'usr_ann' }],
    })
  })

  test('throws where a constraint is judged by COMMIT', async () => {
    await db.asOwner((line) =>
      line.plain(`create table latchkey.late (id int unique deferrable initially deferred);
        grant insert on latchkey.late to latchkey_system`),
    )
    const insert = sql`insert into latchkey.late values (1)`.compile(db.hot)
    await db.commit(insert)
    await expect(db.commit(insert)).rejects.toThrow('duplicate key')
    await db.asOwner((line) => line.plain('drop table latchkey.late'))
  })

  test.runIf(testDatabaseKind() === 'postgres')(
    'gives up a locked row after a moment where it is brief',
    async () => {
      await db.commit(rename('free'))
      let finish = (): void => {}
      let other: Promise<void> | undefined
      await new Promise<void>((locked) => {
        other = db.tx('system', async (tx) => {
          await tx.updateTable('users').set({ full_name: 'held' }).where('id', '=', 'usr_alone').execute()
          locked()
          await new Promise<void>((resolve) => {
            finish = resolve
          })
        })
      })
      await expect(db.commit(rename('brief'), { isBrief: true })).rejects.toSatisfy(isLockTimeout)
      finish()
      await other
      expect(await name()).toBe('held')
      const setting = sql`select current_setting('lock_timeout') as value`.compile(db.hot)
      expect(await db.commit(setting, { isBrief: true })).toEqual([{ value: '250ms' }])
      expect(await db.commit(setting)).toEqual([{ value: '10s' }])
    },
  )

  test('is refused inside of another', async () => {
    await expect(db.tx('system', () => db.commit(rename('inside')))).rejects.toThrow('use its tx')
  })
})
