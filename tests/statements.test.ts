/**
 * What a run on PostgreSQL executed is prepared on PGlite, each statement as the role it ran as: so the two databases
 * are held to the same SQL without matrices and fuzzing being run on both. It reads the record of the run before it.
 */
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../packages/server/src/base/db/database.ts'
import { openTestDatabase } from '../packages/server/src/testing/database.ts'
import { executedStatements } from '../packages/server/src/testing/statements.ts'

const executed = executedStatements(join(import.meta.dirname, '../.cache/statements'))
/** A plan is made, so that rights on tables and columns are checked; other statements are only parsed. */
const PLANNED = /^\s*(?:select|insert|update|delete|with|values|merge)\b/i

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
        if (PLANNED.test(text)) await line.plain(`explain (generic_plan) ${text}`)
        else await line.plain(`prepare a_statement as ${text}`)
      } catch (error) {
        refused.push(`${role}, ${file}: ${error}\n  ${text}`)
      }
      await line.plain('rollback')
    }
  })
  expect(refused.join('\n')).toBe('')
})

it('would see a statement that PGlite refuses, and one that its role may not execute', async () => {
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
