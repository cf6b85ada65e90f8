/**
 * Statements that write many rows lock them in one order, so that two nodes that write the same rows do not deadlock.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { later } from '../../../base/clock.ts'
import { newId } from '../../../base/ids.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { updateUsed } from '../../access/api-keys/sql.ts'
import { deleteEndedSessionsBefore, updateEnded, updateExpired, updateSeen } from './sql.ts'

const ROWS = 300

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const system = <T>(work: Parameters<typeof world.db.tx<T>>[1]) => world.db.tx('system', work)
const shuffled = <T>(list: readonly T[]): T[] =>
  list
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)

/** Sessions of one user, inserted in random order. */
async function manySessions(userId: string, now: Date): Promise<string[]> {
  const ids = Array.from({ length: ROWS }, () => newId('ses'))
  await system((tx) =>
    tx
      .insertInto('sessions')
      .values(
        shuffled(ids).map((id) => ({
          id,
          user_id: userId,
          token_hash: randomBytes(32),
          created_at: now,
          authenticated_at: now,
          last_seen_at: now,
          expires_at: later(now, 60_000),
          idle_seconds: 60,
          remember: false,
          amr: ['pwd'],
          acr: 'aal1',
          proofs: '[]',
          ip_address: null,
          user_agent: null,
          ended_at: null,
          end_reason: null,
        })),
      )
      .execute(),
  )
  return ids
}

it('last-seen updates, ends, expiry and purging of the same sessions never deadlock', async () => {
  const { id: userId } = await world.person({ signIn: false })
  for (let round = 0; round < 15; round++) {
    const now = later(world.clock.now(), round * 3_600_000)
    const ids = await manySessions(userId, now)
    const seen = (at: Date) =>
      system((tx) =>
        updateSeen(
          tx,
          shuffled(ids),
          ids.map(() => at),
        ),
      )
    const ended = await Promise.all([
      seen(later(now, 1)),
      seen(later(now, 2)),
      system((tx) => updateEnded(tx, { userId }, 'password_changed', now)),
      seen(later(now, 3)),
      system((tx) => updateExpired(tx, later(now, 120_000), null)),
      seen(later(now, 4)),
      system((tx) => updateEnded(tx, { userId }, 'password_changed', now)),
      system((tx) => deleteEndedSessionsBefore(tx, later(now, 1))),
      system((tx) => deleteEndedSessionsBefore(tx, later(now, 1))),
    ])
    // every session was ended by exactly one of them
    const by = ended.flatMap((rows) => (rows ?? []) as { id: string }[]).map(({ id }) => id)
    expect(by.length).toBe(ROWS)
    expect(new Set(by)).toEqual(new Set(ids))
  }
})

it('last-use updates of the same keys never deadlock', async () => {
  const { id: userId } = await world.person({ signIn: false })
  const ids = Array.from({ length: ROWS }, () => newId('key'))
  const now = world.clock.now()
  await system((tx) =>
    tx
      .insertInto('api_keys')
      .values(
        shuffled(ids).map((id) => ({
          id,
          user_id: userId,
          organization_id: null,
          name: 'a key',
          description: null,
          environment: 'test' as const,
          hint: 'lk_test_…',
          token_hash: randomBytes(32),
          scopes: null,
          created_at: now,
          expires_at: null,
          last_used_at: null,
          rotated_from: null,
          rotated_at: null,
          revoked_at: null,
        })),
      )
      .execute(),
  )
  const use = () =>
    system((tx) =>
      updateUsed(
        tx,
        shuffled(ids),
        ids.map(() => now),
      ),
    )
  for (let round = 0; round < 15; round++) await Promise.all([use(), use(), use(), use()])
})
