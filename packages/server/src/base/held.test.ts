/**
 * One value in memory beside a real database that notifies: every interleaving of a load with a change, the loss of the LISTEN
 * connection, failures, and how many loads run.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { withoutListener } from '../testing/connections.ts'
import { openTestDatabase, quietLog, testDatabaseKind } from '../testing/database.ts'
import { type Changes, createChanges } from './changes.ts'
import { systemClock } from './clock.ts'
import type { Database } from './db/database.ts'
import { createHeld } from './held.ts'

let db: Database
let changes: Changes
beforeAll(async () => {
  db = await openTestDatabase()
  changes = createChanges({ db, clock: systemClock(), log: quietLog })
  await changes.open()
})
afterAll(async () => {
  await changes?.close()
  await db?.close()
})

/** The value is a row, which a change writes with its notification, as a trigger does. */
const change = (name: string, notifies = 'held_value'): Promise<unknown> =>
  db.tx('system', async (tx) => {
    await sql`update users set full_name = ${name} where id = ${USER}`.execute(tx)
    await sql`select pg_notify('latchkey_changes', ${notifies})`.execute(tx)
  })
const USER = `usr_${'0'.repeat(32)}`
beforeEach(() =>
  db.tx('system', async (tx) => {
    await sql`delete from users`.execute(tx)
    await sql`
      insert into users (id, full_name, status, roles, created_at, updated_at)
      values (${USER}, 'first', 'active', '{}', '2030-01-01', '2030-01-01')`.execute(tx)
  }),
)

const releases: (() => void)[] = []
afterEach(() => {
  for (const release of releases.splice(0)) release()
})

/** The test holds loads back after their statement, and lets them fail. */
function make() {
  const seen = { loads: 0, running: 0, most: 0 }
  let gate: Promise<void> = Promise.resolve()
  let failing = 0
  const held = createHeld({
    changes,
    name: 'held_value',
    async load() {
      seen.loads += 1
      seen.running += 1
      seen.most = Math.max(seen.most, seen.running)
      try {
        const { rows } = await sql<{
          name: string
        }>`select full_name as name from users where id = ${USER}`.execute(db.hot)
        await gate
        if (failing > 0) {
          failing -= 1
          throw new Error('the load failed')
        }
        return { name: rows[0]?.name, parts: [1] }
      } finally {
        seen.running -= 1
      }
    },
  })
  return {
    seen,
    get: held.get,
    name: async () => (await held.get()).name,
    fail(times: number) {
      failing = times
    },
    hold(): () => void {
      let release = () => {}
      gate = new Promise((resolve) => {
        release = resolve
      })
      releases.push(release)
      return () => {
        gate = Promise.resolve()
        release()
      }
    },
  }
}

/** Until memory may answer. */
const isCurrent = () => expect.poll(() => changes.isCurrent()).toBe(true)

describe('a held value', () => {
  it('is loaded once, then answered from memory without a promise, frozen', async () => {
    await isCurrent()
    const { get, seen } = make()
    const first = await get()
    expect(first.name).toBe('first')
    const again = get()
    expect(again).toBe(first)
    expect([again instanceof Promise, seen.loads]).toEqual([false, 1])
    expect([Object.isFrozen(first), Object.isFrozen(first.parts)]).toEqual([true, true])
  })

  it('is loaded again after a notification of its name, and not after one of another', async () => {
    await isCurrent()
    const { name, seen } = make()
    await name()
    await change('second', 'another_value')
    expect([await name(), seen.loads]).toEqual(['first', 1])
    // the connections of transactions listen too: the commit returns after its notification
    await change('third')
    expect([await name(), seen.loads]).toEqual(['third', 2])
  })

  it('is loaded by one statement for all who ask at once', async () => {
    await isCurrent()
    const { name, seen, hold } = make()
    const release = hold()
    const all = Array.from({ length: 50 }, () => name())
    await pause(20)
    release()
    expect(new Set(await Promise.all(all))).toEqual(new Set(['first']))
    expect(seen).toEqual({ loads: 1, running: 0, most: 1 })
  })

  it('of a load that a change has crossed is not answered to those who ask after the change, and they share one load', async () => {
    await isCurrent()
    const { name, seen, hold } = make()
    const release = hold()
    const before = name()
    await pause(20)
    await change('second')
    const after = Array.from({ length: 50 }, () => name())
    await pause(20)
    release()
    expect(await before).toBe('first')
    expect(new Set(await Promise.all(after))).toEqual(new Set(['second']))
    expect(seen).toEqual({ loads: 2, running: 0, most: 1 })
    expect(await name()).toBe('second')
  })

  it('that could not be loaded fails those who began the load, and the others load again', async () => {
    await isCurrent()
    const { name, fail, hold, seen } = make()
    fail(1)
    const release = hold()
    const all = Array.from({ length: 5 }, () => name())
    await pause(20)
    release()
    const results = await Promise.allSettled(all)
    expect(results.map(({ status }) => status)).toEqual(['rejected', ...Array(4).fill('fulfilled')])
    expect([seen.loads, seen.most]).toEqual([2, 1])
    fail(2)
    await change('second')
    await expect(name()).rejects.toThrow('the load failed')
    await expect(name()).rejects.toThrow('the load failed')
    expect(await name()).toBe('second')
  })

  it('never answers what is older than the question, however loads and changes interleave, and loads one at a time', async () => {
    await isCurrent()
    const { name, seen } = make()
    let written = 0
    const values = Array.from({ length: 40 }, async (_, n) => {
      await pause(n % 7)
      if (n % 4 === 0) {
        // one after the other, so that the order of commits is known
        written = Math.max(written, await writeNext())
        return
      }
      const least = written
      const answer = await name()
      expect(Number(answer === 'first' ? 0 : answer)).toBeGreaterThanOrEqual(least)
    })
    await Promise.all(values)
    expect(seen.most).toBe(1)
    expect(Number(await name())).toBe(last)
  })
  let queue: Promise<unknown> = Promise.resolve()
  let last = 0
  const writeNext = (): Promise<number> => {
    const turn = queue.then(async () => {
      last += 1
      await change(String(last))
      return last
    })
    queue = turn
    return turn
  }
})

describe.runIf(testDatabaseKind() === 'postgres')('while the LISTEN connection is down', () => {
  it('is read at each request, one load at a time, and nothing from before the loss counts afterwards', async () => {
    await isCurrent()
    const { name, seen, hold } = make()
    await name()
    let crossing: Promise<string | undefined> | null = null
    let release = () => {}
    await withoutListener(db, async () => {
      await expect.poll(() => changes.isCurrent()).toBe(false)
      await change('second')
      expect(await name()).toBe('second')
      await change('third')
      expect(await name()).toBe('third')
      const loads = seen.loads
      release = hold()
      const all = Array.from({ length: 20 }, () => name())
      await pause(20)
      release()
      await Promise.all(all)
      // the one under way, whose statement may precede the others, and one for all of them
      expect([seen.loads - loads, seen.most]).toEqual([2, 1])
      release = hold()
      crossing = name()
      await pause(20)
      await change('fourth')
    })
    await isCurrent()
    const after = name()
    await pause(20)
    release()
    expect(await crossing).toBe('third')
    expect(await after).toBe('fourth')
    expect(await name()).toBe('fourth')
  })
})
