/**
 * SQL compatibility of PGlite: every statement that the preceding run on PostgreSQL recorded is prepared there, as its
 * role. So matrices and fuzz tests need not run on both databases.
 */
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../packages/server/src/base/db/database.ts'
import { openTestDatabase } from '../packages/server/src/testing/database.ts'
import { executedStatements } from '../packages/server/src/testing/statements.ts'

/** Tests of the driver run on PGlite as well, and execute what cannot be prepared: savepoints, tables that they create. */
const OF_THE_DRIVER = /\/base\/db\/[^/]+\.test\.ts$/
const executed = executedStatements(join(import.meta.dirname, '../.cache/statements')).filter(
  ({ file }) => !OF_THE_DRIVER.test(file),
)
/** Statements that are planned, which checks privileges on tables and columns; others are only parsed. */
const PLANNED = /^\s*(?:select|insert|update|delete|with|values|merge)\b/i
/** A setting cannot be prepared: it is made, until the rollback. */
const SETTING = /^\s*set local\b/i

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

it('finds the record of a run on PostgreSQL', () => {
  expect(new Set(executed.map(({ role }) => role))).toEqual(new Set(['system', 'caller']))
  expect(executed.length, 'run the project postgres first').toBeGreaterThan(50)
})

it('prepares every distinct statement of that run, as its role', async () => {
  const refused: string[] = []
  await db.asOwner(async (line) => {
    for (const { text, role, file } of executed) {
      await line.plain(
        `begin; set local role ${role === 'system' ? 'latchkey_system' : 'latchkey_request'}; set local search_path = latchkey`,
      )
      try {
        if (SETTING.test(text)) await line.plain(text)
        else if (PLANNED.test(text)) await line.plain(`explain (generic_plan) ${text}`)
        else await line.plain(`prepare a_statement as ${text}`)
      } catch (error) {
        refused.push(`${role}, ${file}: ${error}\n  ${text}`)
      }
      await line.plain('rollback')
    }
  })
  expect(refused.join('\n')).toBe('')
})

it('fails for a statement that PGlite refuses, and for one that its role may not execute', async () => {
  const as = (role: string, text: string) =>
    db.asOwner((line) =>
      line.plain(
        `begin; set local role ${role}; set local search_path = latchkey; explain (generic_plan) ${text}`,
      ),
    )
  await expect(as('latchkey_system', 'select nothing_there from users')).rejects.toThrow('nothing_there')
  await expect(as('latchkey_request', 'select * from passwords where user_id = $1')).rejects.toThrow(
    'permission denied',
  )
  expect(await sql`select 1 as one`.execute(db.hot)).toMatchObject({ rows: [{ one: 1 }] })
})
