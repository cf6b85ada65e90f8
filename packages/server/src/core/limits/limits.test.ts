import { expect, it } from 'vitest'
import { describeStore } from '../../base/limits/testing.ts'
import { startWorld } from '../../testing/world.ts'
import { limitsInDatabase } from './index.ts'

const world = await startWorld()

describeStore('in the database', async () => ({
  nodes: Array.from({ length: 4 }, () => limitsInDatabase(world.app.tools)),
}))

it('deletes windows that have passed, and no others', async () => {
  const { db } = world.app.tools
  const store = limitsInDatabase({ db })
  const count = async () => (await db.hot.selectFrom('limit_windows').select('key').execute()).length
  await db.tx('system', (tx) => tx.deleteFrom('limit_windows').execute())
  await store.take([{ key: 'short', max: 1, milliseconds: 60_000 }], world.clock.now())
  await store.take([{ key: 'long', max: 1, milliseconds: 5 * 3_600_000 }], world.clock.now())
  await world.clock.advance('2 hours')
  expect(await count()).toBe(1)
})
