/** When a replica loads and is current, with the NOTIFY of a real database; `load` is a counter of the test. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { cutListener, withoutListener } from '../testing/connections.ts'
import { openTestDatabase, testDatabaseKind } from '../testing/database.ts'
import type { Database } from './db/database.ts'
import { createReplica, type Replica, type ReplicaOptions } from './replica.ts'

let db: Database
const opened: Replica[] = []
beforeAll(async () => {
  db = await openTestDatabase()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
afterAll(() => db.close())

const CHANNEL = 'latchkey_replica_test'

/** A replica whose loads the test counts, delays and makes fail. */
function make(more: Pick<Partial<ReplicaOptions>, 'apply'> = {}) {
  const seen = { loads: 0, fail: false, warnings: [] as string[] }
  let hold: Promise<void> | null = null
  const replica = createReplica({
    db,
    log: { warn: (_, message) => seen.warnings.push(message) },
    name: 'examples',
    channel: CHANNEL,
    async load() {
      seen.loads += 1
      await hold
      if (seen.fail) throw new Error('not now')
    },
    ...more,
  })
  opened.push(replica)
  return {
    replica,
    seen,
    /** Delays all loads that begin after this call. @returns a function that releases them */
    holdBack(): () => void {
      let release = () => {}
      hold = new Promise((resolve) => {
        release = () => {
          hold = null
          resolve()
        }
      })
      return release
    },
  }
}

/** Listeners of this process receive each payload twice: with the commit, and from the database. Waits for both. */
async function notify(payloads: readonly string[]): Promise<void> {
  let heard = 0
  const stop = await db.listen(CHANNEL, () => {
    heard += 1
  })
  await db.tx('system', async (tx) => {
    for (const payload of payloads) await tx.notify(CHANNEL, payload)
  })
  await expect.poll(() => heard).toBe(2 * payloads.length)
  await stop()
}

describe('a replica', () => {
  it('is current after it was opened, and not before', async () => {
    const { replica, seen } = make()
    expect(replica.isCurrent()).toBe(false)
    await replica.open()
    expect([replica.isCurrent(), replica.fresh(), seen.loads]).toEqual([true, null, 1])
  })

  it('runs one load and queues one, for all callers', async () => {
    const { replica, seen, holdBack } = make()
    await replica.open()
    const release = holdBack()
    const first = replica.reload()
    const others = Array.from({ length: 20 }, () => replica.reload())
    expect(new Set(others).size).toBe(1)
    expect(others[0]).not.toBe(first)
    release()
    await Promise.all([first, ...others])
    expect(seen.loads).toBe(3)
  })

  it('loads once for many simultaneous notifications, and is stale until then', async () => {
    const { replica, seen, holdBack } = make()
    await replica.open()
    const release = holdBack()
    const first = replica.reload()
    await notify(Array.from({ length: 20 }, (_, n) => String(n)))
    expect([replica.isCurrent(), seen.loads]).toEqual([false, 2])
    release()
    await first
    // the running load began before the notifications
    expect(replica.isCurrent()).toBe(false)
    await replica.fresh()
    expect([replica.isCurrent(), replica.fresh(), seen.loads]).toEqual([true, null, 3])
  })

  it('applies notifications without a load if `apply` succeeds', async () => {
    const applied = new Set<string>()
    const { replica, seen } = make({ apply: (payload) => void applied.add(payload) })
    await replica.open()
    await notify(['a', 'b'])
    expect([...applied]).toEqual(['a', 'b'])
    expect([replica.isCurrent(), seen.loads]).toEqual([true, 1])
  })

  it('loads the table if `apply` throws', async () => {
    const { replica, seen } = make({ apply: (payload) => void JSON.parse(payload) })
    await replica.open()
    await notify(['no JSON'])
    await expect.poll(replica.isCurrent).toBe(true)
    expect(seen.loads).toBeGreaterThan(1)
    expect(seen.warnings).toContain('applying a notification about examples failed; loading all of them')
  })

  it('stays stale after a failed load, logs it, and retries', async () => {
    const { replica, seen } = make()
    await replica.open()
    seen.fail = true
    await notify(['x'])
    await expect.poll(() => seen.warnings).toContain('loading examples failed')
    expect(replica.isCurrent()).toBe(false)
    await expect(replica.fresh()).rejects.toThrow('not now')
    seen.fail = false
    await expect.poll(replica.isCurrent).toBe(true)
  })

  it('calls the listeners of `onCurrent` until they are removed', async () => {
    const { replica } = make()
    const states: boolean[] = []
    const stop = replica.onCurrent((isCurrent) => states.push(isCurrent))
    await replica.open()
    await notify(['x'])
    await replica.fresh()
    expect(states.slice(0, 3)).toEqual([true, false, true])
    stop()
    const before = states.length
    await notify(['y'])
    await replica.fresh()
    expect(states).toHaveLength(before)
  })

  it('that cannot be opened neither listens nor retries', async () => {
    const { replica, seen } = make()
    seen.fail = true
    await expect(replica.open()).rejects.toThrow('not now')
    await notify(['x'])
    await pause(700)
    expect([replica.isCurrent(), seen.loads]).toEqual([false, 1])
  })
})

describe('closing a replica', () => {
  it('waits for running loads', async () => {
    const { replica, holdBack } = make()
    await replica.open()
    const release = holdBack()
    const loads = [replica.reload(), replica.reload()]
    let isClosed = false
    const closing = replica.close().then(() => {
      isClosed = true
    })
    await pause(20)
    expect(isClosed).toBe(false)
    release()
    await Promise.all([closing, ...loads])
  })

  it('ends listening and retries, and is idempotent', async () => {
    const { replica, seen } = make()
    await replica.open()
    seen.fail = true
    await notify(['x'])
    await expect.poll(() => seen.warnings.length).toBeGreaterThan(0)
    await Promise.all([replica.close(), replica.close()])
    const { loads } = seen
    await replica.close()
    await notify(['y'])
    await pause(700)
    expect(seen.loads).toBe(loads)
  })
})

const onItsOwnServer = testDatabaseKind() === 'postgres'
if (onItsOwnServer)
  describe('without the LISTEN connection', () => {
    it('a replica is not current, loads for each caller that waits, and once more when the connection is back', async () => {
      const { replica, seen, holdBack } = make()
      await replica.open()
      const states: { isCurrent: boolean; loads: number }[] = []
      replica.onCurrent((isCurrent) => states.push({ isCurrent, loads: seen.loads }))
      // a load that began before the loss does not count
      const release = holdBack()
      const early = replica.reload()
      await cutListener(db)
      await expect.poll(() => states[0]?.isCurrent, { interval: 1 }).toBe(false)
      release()
      await early
      await expect.poll(() => states.at(-1)?.isCurrent).toBe(true)
      const [lost, back] = states
      expect(states).toHaveLength(2)
      expect(back?.loads).toBeGreaterThan(lost?.loads ?? Number.POSITIVE_INFINITY)
    })

    it('a replica retries if the load fails when the connection is back', async () => {
      const { replica, seen } = make()
      await replica.open()
      seen.fail = true
      await cutListener(db)
      await expect.poll(() => seen.warnings).toContain('loading examples failed')
      expect(replica.isCurrent()).toBe(false)
      seen.fail = false
      await expect.poll(replica.isCurrent).toBe(true)
    })

    it('each wait for a current copy is a load that began after it', async () => {
      const { replica, seen } = make()
      await replica.open()
      await withoutListener(db, async () => {
        await expect.poll(replica.isCurrent).toBe(false)
        for (let n = 0; n < 5; n++) {
          const { loads } = seen
          await replica.fresh()
          expect(seen.loads).toBeGreaterThan(loads)
        }
      })
      await expect.poll(replica.isCurrent).toBe(true)
    })
  })
