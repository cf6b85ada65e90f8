/** What the operator reads of connections waits for no change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDatabaseKind } from '../../../testing/database.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { lockOrganization } from '../membership/index.ts'
import { reportComplianceByOperator, showPolicyByOperator } from '../policy/operator.ts'
import { startCompany } from '../policy/testing.ts'
import {
  createConnectionByOperator,
  listConnectionEventsByOperator,
  listConnectionsByOperator,
  showConnectionByOperator,
} from './operator.ts'
import { lockServerConnections } from './sql.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

/** What resolves a promise, and the promise. */
function signal(): [resolve: () => void, promise: Promise<void>] {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return [resolve, promise]
}

// of one connection to the database, the second transaction waits for the first
describe.runIf(testDatabaseKind() === 'postgres')('while a change holds the lock', () => {
  it('the operator lists and shows connections and their events, and reads the policy', async () => {
    const { tools } = world.app
    const { id } = await startCompany(world)
    const [ofServer, own] = [
      await createConnectionByOperator(tools, null, { provider: 'github', slug: 'read' }),
      await createConnectionByOperator(tools, id, { provider: 'github' }),
    ]
    const [locked, isLocked] = signal()
    const [release, isReleased] = signal()
    const change = world.db.tx('system', async (tx) => {
      await lockServerConnections(tx)
      await lockOrganization(tx, id)
      locked()
      await isReleased
    })
    await isLocked
    try {
      for (const [organization, one] of [
        [null, ofServer],
        [id, own],
      ] as const) {
        expect(await listConnectionsByOperator(tools, organization)).toEqual([one])
        expect(await showConnectionByOperator(tools, organization, one.slug)).toEqual(one)
        expect(await listConnectionEventsByOperator(tools, organization, one.id)).toEqual([])
      }
      expect((await showPolicyByOperator(tools, id)).organization.id).toBe(id)
      expect((await reportComplianceByOperator(tools, id, null)).members).toHaveLength(4)
    } finally {
      release()
      await change
    }
  })
})
