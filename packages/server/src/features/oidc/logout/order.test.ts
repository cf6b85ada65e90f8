/** Messages about the same sessions with an app are queued in one order, so that two transactions do not deadlock. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { queueLogouts } from './sql.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

it('messages that are queued at once by several never deadlock, and each is queued once', async () => {
  const now = world.clock.now()
  for (let round = 0; round < 10; round += 1) {
    const ids = Array.from({ length: 300 }, () => newId('ses'))
    const clientId = `app-${round}`
    const queue = (sessions: readonly string[]) =>
      world.db.tx('system', (tx) =>
        queueLogouts(
          tx,
          { clientId, userId: 'usr_x', sessions: sessions.map((id) => ({ id, sid: null })) },
          now,
        ),
      )
    await Promise.all([queue(ids), queue(ids.toReversed()), queue(ids), queue(ids.toReversed())])
    const rows = await world.db.tx('system', (tx) =>
      tx.selectFrom('logout_deliveries').select('session_id').where('client_id', '=', clientId).execute(),
    )
    expect(rows.map(({ session_id }) => session_id).toSorted()).toEqual(ids.toSorted())
  }
})
