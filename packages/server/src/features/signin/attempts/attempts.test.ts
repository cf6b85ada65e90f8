/** Attempts that wait for a further step: stored, resumed by their token, and their step taken once. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kindOf } from '../../../base/assurance.ts'
import { systemClock } from '../../../base/clock.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import type { Database } from '../../../base/db/database.ts'
import { newId } from '../../../base/ids.ts'
import { openTestDatabase } from '../../../testing/database.ts'
import { createUser } from '../../identity/users/index.ts'
import {
  type Attempt,
  type AttemptProgress,
  attemptInsert,
  beginAttempt,
  endAttempts,
  moveAttempt,
  resumeAttempt,
} from './attempts.ts'

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
  const attempt = beginAttempt({ remember: true, returnTo: '/app', tokens: true }, now)
  const first: AttemptProgress = {
    step: 'prove',
    userId: USER,
    proofs: [],
    requirements: [],
    providerSession: null,
    isFinished: false,
  }
  await db.tx('system', (tx) => runTogether(tx, [attemptInsert(attempt, first)]))
  return { ...attempt, step: 'prove', isStored: true }
}
const done: AttemptProgress = {
  step: 'done',
  userId: USER,
  proofs: [],
  requirements: [],
  providerSession: null,
  isFinished: true,
}
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

  test('takes a step only from the step that it is at, and before it expires', async () => {
    const attempt = await stored()
    expect(await move({ ...attempt, step: 'identify' })).toBe(false)
    expect(await move(attempt, attempt.expiresAt)).toBe(false)
    expect(await move(attempt)).toBe(true)
  })

  test('is resumed by its token alone, with what follows the sign-in', async () => {
    const attempt = await stored()
    const resumed = await resumeAttempt(db.hot, attempt.token, now)
    expect(resumed).toEqual({ ...attempt, userId: USER })
    const [id = '', secret = ''] = attempt.token.split('.')
    const changed = secret.startsWith('A') ? `B${secret.slice(1)}` : `A${secret.slice(1)}`
    for (const token of [
      '',
      id,
      `${id}.`,
      `${id}.${changed}`,
      `${attempt.token}.x`,
      attempt.token.toUpperCase(),
      `${newId('sgn')}.${secret}`,
    ])
      expect(await resumeAttempt(db.hot, token, now), token).toBeNull()
  })

  test('is not resumed after it is finished, has expired, or was ended', async () => {
    const [finished, expired, ended] = [await stored(), await stored(), await stored()]
    await move(finished)
    expect(await resumeAttempt(db.hot, finished.token, now)).toBeNull()
    expect(await resumeAttempt(db.hot, expired.token, expired.expiresAt)).toBeNull()
    await db.tx('system', (tx) => endAttempts(tx, { userId: USER }, now))
    expect(await resumeAttempt(db.hot, ended.token, now)).toBeNull()
    expect(await move(ended)).toBe(false)
  })

  test('ends with the connection that has proven it, and not with another', async () => {
    const [ended, other, local] = [await stored(), await stored(), await stored()]
    const at = now.toISOString()
    for (const [{ id }, connection] of [
      [ended, 'con_1'],
      [other, 'con_2'],
      [local, undefined],
    ] as const) {
      const proofs = JSON.stringify([{ method: 'federation', ...kindOf('federation'), connection, at }])
      await db.tx('system', (tx) => tx.updateTable('attempts').set({ proofs }).where('id', '=', id).execute())
    }
    expect(
      await db.tx('system', (tx) =>
        endAttempts(tx, { provenBy: { connectionId: 'con_1', version: null, until: null } }, now),
      ),
    ).toBe(1)
    expect(await move(ended)).toBe(false)
    expect([await move(other), await move(local)]).toEqual([true, true])
  })
})
