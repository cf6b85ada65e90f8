import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { openTestDatabase } from '../../testing/database.ts'
import { Handle } from './handle.ts'

const db = new Handle(() => Promise.reject(new Error('nothing is sent')))
const codes = db.selectFrom('backup_codes')
const named =
  '"backup_codes"."factor_id", "backup_codes"."hash", "backup_codes"."salt", "backup_codes"."used_at"'

it.each([
  ['of one table', codes.selectAll(), `select ${named} from "backup_codes"`],
  [
    'of one of two tables, beside other values',
    codes
      .innerJoin('factors', 'factors.id', 'backup_codes.factor_id')
      .selectAll('backup_codes')
      .select(sql`1`.as('one')),
    `select ${named}, 1 as "one" from "backup_codes" inner join "factors" on "factors"."id" = "backup_codes"."factor_id"`,
  ],
  [
    'under another name',
    db.selectFrom('backup_codes as c').selectAll('c'),
    `select ${named.replaceAll('backup_codes', 'c')} from "backup_codes" as "c"`,
  ],
  [
    'of what was deleted',
    db.deleteFrom('backup_codes').returningAll(),
    `delete from "backup_codes" returning ${named}`,
  ],
  [
    'of what was changed',
    db.updateTable('backup_codes').set({ used_at: null }).returningAll(),
    `update "backup_codes" set "used_at" = $1 returning ${named}`,
  ],
  [
    'of what was inserted',
    db.insertInto('backup_codes').defaultValues().returningAll(),
    `insert into "backup_codes" default values returning ${named}`,
  ],
  [
    'of a subquery nowhere, because they are its own',
    db.selectFrom(codes.select('hash').as('found')).selectAll(),
    'select * from (select "hash" from "backup_codes") as "found"',
  ],
])('names the columns %s', (_, query, text) => {
  expect(query.compile().sql).toBe(text)
})

it('runs prepared statements in a transaction while a later version adds a column', async () => {
  const database = await openTestDatabase()
  try {
    const read = () =>
      database.tx('system', async (tx) => {
        await tx.selectFrom('roles').select('name').execute()
        return tx.selectFrom('roles').selectAll().orderBy('rank').execute()
      })
    const before = await read()
    await database.asOwner((line) => line.plain('alter table latchkey.roles add column later text'))
    expect(await read()).toEqual(before)
  } finally {
    await database.close()
  }
})
