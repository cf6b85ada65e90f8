/** Attempts that wait for a further step: stored once, answered once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../base/clock.ts'
import type { Database } from '../../../base/db/index.ts'
import { newId } from '../../../base/ids.ts'
import { openTestDatabase } from '../../../testing/database.ts'
import { createUser } from '../../identity/users/index.ts'
import { type Attempt, beginAttempt, insertAttempt, moveAttempt, type Taken } from './attempts.ts'

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
  const user = {
    id: USER, email: 'half.way@example.com', username: null, fullName: null, locale: null,
    roles: [], status: 'active', emailVerified: true,
  } as const // biome-ignore format: a row
  await db.tx('system', (tx) => createUser(tx, user, now))
})
afterAll(() => db.close())

const now = systemClock().now()
const USER = newId('usr')

/** An attempt that waits for a proof. */
async function stored(): Promise<Attempt> {
  const attempt = beginAttempt({ remember: true, returnTo: '/app' }, now)
  const first: Taken = { step: 'prove', userId: USER, proofs: [], finished: false }
  await db.tx('system', (tx) => insertAttempt(tx, attempt, first))
  return { ...attempt, step: 'prove', isStored: true }
}
const done: Taken = { step: 'done', userId: USER, proofs: [], finished: true }
const move = (attempt: Attempt, at = now): Promise<boolean> =>
  db.tx('system', (tx) => moveAttempt(tx, attempt, done, at))

describe('an attempt', () => {
  test('is written with its first step, and its secret only as a hash', async () => {
    const attempt = await stored()
    const row = await db.hot
      .selectFrom('attempts')
      .selectAll()
      .where('id', '=', attempt.id)
      .executeTakeFirst()
    expect(row).toMatchObject({ step: 'prove', remember: true, return_to: '/app', finished_at: null })
    expect(JSON.stringify(row)).not.toContain(attempt.token.split('.')[1])
  })

  test('is answered once, however many answer at once', async () => {
    const attempt = await stored()
    const answers = await Promise.all(Array.from({ length: 20 }, () => move(attempt)))
    expect(answers.filter(Boolean)).toHaveLength(1)
    expect(await move(attempt)).toBe(false)
  })

  test('is answered at the step where it stands, and in its time', async () => {
    const attempt = await stored()
    expect(await move({ ...attempt, step: 'identify' })).toBe(false)
    expect(await move(attempt, attempt.expiresAt)).toBe(false)
    expect(await move(attempt)).toBe(true)
  })
})
