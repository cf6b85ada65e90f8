import type { KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { type Clock, systemClock } from '../../base/clock.ts'
import type { Database } from '../../base/db/database.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log/index.ts'
import { openTestDatabase } from '../../testing/database.ts'
import { createJobs, type Jobs, job, PayloadLocale, PayloadText } from './index.ts'

const log: Log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
const minutes = (count: number): number => count * 60_000

let db: Database
let clock: Clock
let jobs: Jobs
const others: Jobs[] = []

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())
beforeEach(async () => {
  await Promise.all(others.splice(0).map((other) => other.close()))
  await db.tx('system', async (tx) => {
    await tx.deleteFrom('jobs').execute()
    await tx.deleteFrom('recurring').execute()
  })
  clock = systemClock()
  jobs = node()
  vi.clearAllMocks()
})

/** A kind of job that takes any payload. */
const work = job('work', z.record(z.string(), z.unknown()))

/** Another process on the same database. */
function node(): Jobs {
  const made = createJobs({ db, clock, log })
  others.push(made)
  return made
}
const enqueue = (
  payload: Record<string, unknown> = {},
  options?: { runAt?: Date; now: Date },
): Promise<void> => db.tx('system', (tx) => jobs.enqueue(tx, work, payload, options))
const rows = () => db.tx('system', (tx) => tx.selectFrom('jobs').selectAll().execute())

describe('a job', () => {
  test('runs after the commit, with its payload, and is deleted', async () => {
    const ran = vi.fn(async () => {})
    jobs.on(work, ran)
    await enqueue({ user: 'usr_1', list: [1, { a: null }] })
    await jobs.settle()
    expect(ran).toHaveBeenCalledExactlyOnceWith({ user: 'usr_1', list: [1, { a: null }] }, expect.any(Date))
    expect(await rows()).toEqual([])
  })

  test('does not exist when its cause is rolled back', async () => {
    const ran = vi.fn(async () => {})
    jobs.on(work, ran)
    const cause = db.tx('system', async (tx) => {
      await jobs.enqueue(tx, work, {})
      throw new Error('changed my mind')
    })
    await expect(cause).rejects.toThrow('changed my mind')
    await jobs.settle()
    expect(ran).not.toHaveBeenCalled()
  })

  test('may be queued by a caller, who can read none of them', async () => {
    const scope = { userId: 'usr_1', organizationId: null, permissions: [] }
    await db.tx(scope, (tx) => jobs.enqueue(tx, work, { from: 'caller' }))
    expect(await rows()).toHaveLength(1)
    await expect(db.tx(scope, (tx) => tx.selectFrom('jobs').selectAll().execute())).rejects.toThrow(
      /permission denied/,
    )
  })

  test('runs when it is due', async () => {
    const ran = vi.fn(async () => {})
    jobs.on(work, ran)
    const now = clock.now()
    await enqueue({}, { now, runAt: new Date(now.getTime() + minutes(10)) })
    clock.advance(minutes(9))
    await jobs.settle()
    expect(ran).not.toHaveBeenCalled()
    clock.advance(minutes(1))
    await jobs.settle()
    expect(ran).toHaveBeenCalledOnce()
  })

  test('runs soon, without settling, once started', async () => {
    const ran = vi.fn(async () => {})
    jobs.on(work, ran)
    // no poll ever comes: what begins it is that it was enqueued
    vi.spyOn(globalThis, 'setInterval').mockReturnValue(setTimeout(() => {}).unref())
    jobs.start()
    await enqueue()
    await expect.poll(() => ran.mock.calls.length).toBe(1)
  })

  test('enqueued elsewhere is found by the next poll', async () => {
    const ran = vi.fn(async () => {})
    const other = node()
    other.on(work, ran)
    other.start()
    await enqueue()
    await expect.poll(() => ran.mock.calls.length).toBe(1)
  })

  test('may enqueue another, which the same settling runs', async () => {
    const ran: number[] = []
    jobs.on(work, async ({ step }) => {
      ran.push(Number(step))
      if (Number(step) < 3) await enqueue({ step: Number(step) + 1 })
    })
    await enqueue({ step: 1 })
    await jobs.settle()
    expect(ran).toEqual([1, 2, 3])
  })

  test('of a kind that is unknown to this node is left to other nodes', async () => {
    jobs.on(job('something else', z.object({})), async () => {})
    await enqueue()
    await jobs.settle()
    expect(await rows()).toMatchObject([{ kind: 'work', attempts: 0 }])
  })

  test('of an unknown kind waits for a version that knows it, for 30 days after it was due', async () => {
    jobs.on(job('something else', z.object({})), async () => {})
    // waits for its time, which is no wait for a version
    const day = minutes(60 * 24)
    await enqueue({ later: true }, { now: clock.now(), runAt: new Date(clock.now().getTime() + 2 * day) })
    await enqueue()
    await enqueue()
    await jobs.settle()
    clock.advance(29 * day)
    await jobs.settle()
    expect(await rows()).toHaveLength(3)
    clock.advance(day + minutes(61))
    await jobs.settle()
    expect(await rows()).toMatchObject([{ payload: { later: true } }])
    expect(log.warn).toHaveBeenCalledExactlyOnceWith(
      { jobs: [{ kind: 'work', count: 2 }] },
      expect.stringContaining('does not know'),
    )
    // an upgrade
    const newer = node()
    const ran = vi.fn(async () => {})
    newer.on(work, ran)
    await newer.settle()
    expect(ran).toHaveBeenCalledExactlyOnceWith({ later: true }, expect.any(Date))
  })

  test('has one handler a kind', () => {
    jobs.on(work, async () => {})
    expect(() => jobs.on(work, async () => {})).toThrow()
    expect(() => jobs.every('x', 'soon', async () => {})).toThrow()
  })

  test('that another enqueues while it is looked for is run before all is settled', async () => {
    // every answer but a deletion's is late: the job ends between the look and its answer
    const deletions = new WeakSet<object>()
    const lateAnswers: KyselyPlugin = {
      transformQuery({ node, queryId }) {
        if (node.kind === 'RawNode' && node.sqlFragments[0]?.includes('delete')) deletions.add(queryId)
        return node
      },
      async transformResult({ queryId, result }) {
        if (!deletions.has(queryId)) await new Promise((done) => setTimeout(done, 100))
        return result
      },
    }
    const slow = createJobs({
      db: Object.create(db, { hot: { value: db.hot.withPlugin(lateAnswers) } }),
      clock,
      log,
    })
    others.push(slow)
    const ran: unknown[] = []
    let release = (): void => {}
    slow.on(work, async ({ step }) => {
      ran.push(step)
      if (step !== 1) return
      await new Promise<void>((done) => { release = done }) // biome-ignore format: it reads as one line
      await enqueue({ step: 2 })
    })
    await enqueue({ step: 1 })
    const running = slow.settle()
    await expect.poll(() => ran).toEqual([1])
    const settling = slow.settle()
    release()
    await settling
    expect(ran).toEqual([1, 2])
    await running
  })
})

describe('a job that fails', () => {
  test('is retried with back-off, then stays as failed', async () => {
    let runs = 0
    jobs.on(work, async () => {
      runs += 1
      throw new Error('no, with token=abcdefgh')
    })
    await enqueue()
    const waits: number[] = []
    for (let i = 1; i <= 7; i++) {
      await jobs.settle()
      expect(runs).toBe(i)
      const [row] = await rows()
      waits.push(Number(row?.run_at) - clock.now().getTime())
      await jobs.settle()
      expect(runs).toBe(i)
      clock.set(row?.run_at ?? new Date())
    }
    expect(waits.every((wait, i) => i === 0 || wait > (waits[i - 1] ?? 0) * 1.2)).toBe(true)
    expect(log.error).not.toHaveBeenCalled()
    await jobs.settle()
    clock.advance(minutes(60 * 24))
    await jobs.settle()
    expect(runs).toBe(8)
    expect(await rows()).toMatchObject([
      { attempts: 8, failed_at: expect.any(Date), last_error: 'Error: no, with token=[redacted]' },
    ])
    expect(log.error).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ kind: 'work', attempts: 8 }),
      'a job failed permanently',
    )
  })

  test('stays for 30 days after it failed permanently, and is deleted then', async () => {
    jobs.on(work, () => Promise.reject(new Error('no')))
    await enqueue()
    // the longest wait is an hour and a tenth
    for (let i = 0; i < 8; i++) {
      await jobs.settle()
      clock.advance(minutes(67))
    }
    expect(await rows()).toMatchObject([{ failed_at: expect.any(Date) }])
    // waiting is no failure, however long it takes
    await enqueue({}, { runAt: new Date(clock.now().getTime() + minutes(60 * 24 * 60)), now: clock.now() })
    clock.advance(minutes(60 * 24 * 30 - 122))
    await jobs.settle()
    expect(await rows()).toHaveLength(2)
    clock.advance(minutes(122))
    await jobs.settle()
    expect(await rows()).toMatchObject([{ failed_at: null }])
  })

  test('does not delay other jobs', async () => {
    const done: unknown[] = []
    jobs.on(work, async ({ bad }) => {
      if (bad) throw new Error('no')
      done.push(bad)
    })
    for (let i = 0; i < 10; i++) await enqueue({ bad: i % 2 === 0 })
    await jobs.settle()
    expect(done).toHaveLength(5)
    expect(await rows()).toHaveLength(5)
  })

  test('by crashing the process runs again when its lease expires, and fails after the last attempt', async () => {
    await enqueue()
    // a process that claimed it and is gone
    const crash = (attempts: number) =>
      db.tx('system', (tx) =>
        tx.updateTable('jobs').set({ attempts, run_at: new Date(clock.now().getTime() + minutes(5)) }).execute(),
      ) // biome-ignore format: it reads as one line
    const ran = vi.fn(async () => {})
    await crash(8)
    jobs.on(work, ran)
    await jobs.settle()
    clock.advance(minutes(6))
    await jobs.settle()
    expect(ran).not.toHaveBeenCalled()
    expect(await rows()).toMatchObject([{ failed_at: expect.any(Date) }])

    await db.tx('system', (tx) => tx.updateTable('jobs').set({ failed_at: null }).execute())
    await crash(1)
    await jobs.settle()
    expect(ran).not.toHaveBeenCalled()
    clock.advance(minutes(6))
    await jobs.settle()
    expect(ran).toHaveBeenCalledOnce()
    expect(await rows()).toEqual([])
  })
})

describe('the payload of a job', () => {
  const greeting = job('greeting', z.object({ user_id: z.string(), at: z.iso.datetime().transform((text) => new Date(text)), ip: PayloadText, locale: PayloadLocale })) // biome-ignore format: it reads as one line
  /** As another version of the server wrote it. */
  const stored = (payload: unknown) =>
    db.tx('system', (tx) =>
      tx.insertInto('jobs').values({ id: newId('job'), kind: 'greeting', payload: JSON.stringify(payload), run_at: clock.now(), created_at: clock.now() }).execute(),
    ) // biome-ignore format: it reads as one line

  test('has the type of its schema, on both sides', async () => {
    const ran: z.output<typeof greeting.payload>[] = []
    jobs.on(greeting, async (payload) => void ran.push(payload))
    await db.tx('system', (tx) =>
      jobs.enqueue(tx, greeting, {
        user_id: 'usr_1',
        at: '2030-06-01T12:00:00.000Z',
        ip: '::1',
        locale: 'de',
      }),
    )
    // @ts-expect-error a field that is missing
    const wrong = () => db.tx('system', (tx) => jobs.enqueue(tx, greeting, { user_id: 'usr_1' }))
    // @ts-expect-error a field that the schema does not have
    const unknown = () => jobs.on(greeting, async ({ password }) => password)
    expect([wrong, unknown]).toHaveLength(2)
    await jobs.settle()
    expect(ran).toEqual([{ user_id: 'usr_1', at: new Date('2030-06-01T12:00:00Z'), ip: '::1', locale: 'de' }])
  })

  test('of another version may lack fields with a default, and have unknown fields', async () => {
    const ran = vi.fn(async () => {})
    jobs.on(greeting, ran)
    await stored({ user_id: 'usr_1', at: '2030-06-01T12:00:00.000Z', locale: 'fr', later: true })
    await jobs.settle()
    const payload = { user_id: 'usr_1', at: new Date('2030-06-01T12:00:00Z'), ip: null, locale: 'en' }
    expect(ran).toHaveBeenCalledExactlyOnceWith(payload, expect.any(Date))
    expect(await rows()).toEqual([])
  })

  test.each([
    ['lacks a field', { at: '2030-06-01T12:00:00.000Z' }, 'user_id: invalid_type'],
    [
      'has another type',
      { user_id: ['hunter2'], at: 'hunter2' },
      'user_id: invalid_type, at: invalid_format',
    ],
    ['is no object', 'hunter2', 'payload: invalid_type'],
  ])('that %s fails immediately, with the reason and without its values', async (_what, payload, reason) => {
    const ran = vi.fn(async () => {})
    jobs.on(greeting, ran)
    await stored(payload)
    await jobs.settle()
    expect(ran).not.toHaveBeenCalled()
    const last_error = `PayloadMismatch: the payload does not match its schema (${reason})`
    expect(await rows()).toMatchObject([{ attempts: 1, failed_at: expect.any(Date), last_error }])
    expect(log.error).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ kind: 'greeting', attempts: 1, err: expect.objectContaining({ message: expect.not.stringContaining('hunter2') }) }),
      'a job failed permanently',
    ) // biome-ignore format: it reads as one line
    clock.advance(minutes(60 * 24))
    await jobs.settle()
    expect(log.error).toHaveBeenCalledOnce()
  })
})

describe('several nodes', () => {
  test('run each of many jobs once', async () => {
    const ran: string[] = []
    const nodes = [jobs, node(), node()]
    for (const one of nodes) {
      one.on(work, async ({ id }) => {
        ran.push(String(id))
        await new Promise((done) => setTimeout(done, 1))
      })
    }
    await db.tx('system', async (tx) => {
      for (let i = 0; i < 60; i++) await jobs.enqueue(tx, work, { id: i })
    })
    await Promise.all(nodes.flatMap((one) => [one.settle(), one.settle()]))
    expect(ran).toHaveLength(60)
    expect(new Set(ran).size).toBe(60)
  })

  test('run each due recurring work once', async () => {
    const ran = vi.fn(async () => {})
    const nodes = [jobs, node(), node(), node()]
    for (const one of nodes) one.every('sweep', '10m', ran)
    await Promise.all(nodes.map((one) => one.settle()))
    expect(ran).not.toHaveBeenCalled()
    for (let round = 1; round <= 5; round++) {
      clock.advance(minutes(10))
      await Promise.all(nodes.map((one) => one.settle()))
      expect(ran).toHaveBeenCalledTimes(round)
    }
  })

  test('leave a job that outlives its lease to the node that runs it', async () => {
    let release = (): void => {}
    const runs: string[] = []
    const other = node()
    jobs.on(work, async () => {
      runs.push('first')
      await new Promise<void>((done) => { release = done }) // biome-ignore format: it reads as one line
      throw new Error('too late')
    })
    other.on(work, async () => void runs.push('second'))
    await enqueue()
    const settling = jobs.settle()
    await expect.poll(() => runs).toEqual(['first'])
    clock.advance(minutes(6))
    await other.settle()
    release()
    await settling
    // its failure changes nothing any more
    expect(runs).toEqual(['first', 'second'])
    expect(await rows()).toEqual([])
  })
})

describe('recurring work', () => {
  test('continues after a failure', async () => {
    let runs = 0
    jobs.every('sweep', '1h', async () => {
      runs += 1
      throw new Error('no')
    })
    await jobs.settle()
    for (let i = 1; i <= 3; i++) {
      clock.advance(minutes(60))
      await jobs.settle()
      expect(runs).toBe(i)
    }
    expect(log.error).toHaveBeenCalledTimes(3)
  })

  test('applies a shorter interval immediately', async () => {
    jobs.every('sweep', '30d', async () => {})
    await jobs.settle()
    const ran = vi.fn(async () => {})
    const restarted = node()
    restarted.every('sweep', '1m', ran)
    await restarted.settle()
    clock.advance(minutes(1))
    await restarted.settle()
    expect(ran).toHaveBeenCalledOnce()
  })
})

describe('closing', () => {
  test('waits for running jobs and starts no others', async () => {
    let finished = false
    const ran = vi.fn(async () => {
      await new Promise((done) => setTimeout(done, 100))
      finished = true
    })
    jobs.on(work, ran)
    jobs.start()
    await enqueue()
    await expect.poll(() => ran.mock.calls.length).toBe(1)
    await jobs.close()
    expect(finished).toBe(true)
    await enqueue()
    await new Promise((done) => setTimeout(done, 50))
    expect(ran).toHaveBeenCalledOnce()
  })
})
