/**
 * Rows in memory beside a real database whose triggers notify: every interleaving of a load with a change, the loss
 * of the LISTEN connection, the lease, and the bound.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cutListener, withoutListener } from '../testing/connections.ts'
import { openTestDatabase, quietLog, testDatabaseKind } from '../testing/database.ts'
import { createChanges } from './changes.ts'
import { digestBytes, digestKey } from './crypto.ts'
import type { Database } from './db/database.ts'
import type { Db } from './db/types.ts'
import { type CachedRow, createRowCache, derived, subjectOfCredential } from './row-cache.ts'

interface Row extends CachedRow {
  name: string | null
}

let db: Database
const closing: (() => Promise<void>)[] = []
const id = (n: number) => `usr_${String(n).padStart(32, '0')}`
beforeAll(async () => {
  db = await openTestDatabase()
})
beforeEach(() =>
  db.tx('system', async (tx) => {
    await sql`delete from users`.execute(tx)
    await sql`
      insert into users (id, full_name, status, roles, created_at, updated_at)
      select 'usr_' || lpad(n::text, 32, '0'), '0', 'active', '{}', '2030-01-01', '2030-01-01' from generate_series(1, 40) n`.execute(
      tx,
    )
  }),
)
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
afterAll(() => db.close())

const rename = (n: number, name: string): Promise<unknown> =>
  db.tx('system', (tx) => sql`update users set full_name = ${name} where id = ${id(n)}`.execute(tx))

/** A cache of users by a hash of their number; the test holds reads back, before and after their statement. */
async function make(options: { most?: number; from?: Pick<Db, 'listen' | 'heard'> } = {}) {
  const seen = { reads: 0 }
  let ticks = 0
  let before: Promise<void> = Promise.resolve()
  let after: Promise<void> = Promise.resolve()
  const changes = createChanges({ db: options.from ?? db, clock: { ticks: () => ticks }, log: quietLog })
  await changes.open()
  closing.push(() => changes.close())
  const numbers = new Map(
    Array.from({ length: 40 }, (_, i) => [digestBytes(digestKey(`${i + 1}`)).toString('hex'), i + 1]),
  )
  const rows = createRowCache<Row>({
    changes,
    most: options.most ?? 100,
    subjectOf: subjectOfCredential,
    async read(key) {
      seen.reads += 1
      const holds = [before, after]
      await holds[0]
      const { rows } = await sql<Row>`
        select id as user_id, null as organization_id, full_name as name from users
        where id = ${id(numbers.get(digestBytes(key).toString('hex')) ?? 0)}`.execute(db.hot)
      await holds[1]
      return rows[0]
    },
  })
  const hold = (where: 'before' | 'after'): (() => void) => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    if (where === 'before') before = held
    else after = held
    return () => {
      before = Promise.resolve()
      after = Promise.resolve()
      release()
    }
  }
  const cache = {
    rows,
    changes,
    seen,
    hold,
    find: (n: number) => rows.find(digestKey(`${n}`)),
    load: (n: number) => rows.load(digestKey(`${n}`)),
    /**
     * Loads a row until it is in memory: each connection delivers the notification of an earlier change, and a late one
     * counts as a change.
     */
    keep: (n: number) =>
      expect
        .poll(async () => {
          if (rows.find(digestKey(`${n}`)) === null) await rows.load(digestKey(`${n}`))
          await pause(20)
          return rows.find(digestKey(`${n}`))
        })
        .not.toBeNull(),
    /** Moves the monotonic clock. */
    wait(milliseconds: number) {
      ticks += milliseconds
    },
    async live() {
      await expect.poll(() => changes.isCurrent()).toBe(true)
    },
  }
  await cache.live()
  return cache
}

describe('a row in memory', () => {
  it('is found after it was loaded, until its user changes', async () => {
    const cache = await make()
    expect(cache.find(1)).toBeNull()
    await cache.keep(1)
    const { reads } = cache.seen
    expect([cache.find(1)?.name, cache.seen.reads]).toEqual(['0', reads])
    await rename(2, 'another')
    expect(cache.find(1)?.name).toBe('0')
    // immediately, because it is this process that has changed it
    await rename(1, 'new')
    expect(cache.find(1)).toBeNull()
    expect((await cache.load(1))?.name).toBe('new')
    await cache.keep(1)
    expect(cache.find(1)?.name).toBe('new')
  })

  it('is found until its organization changes', async () => {
    const cache = await make()
    const organization = `org_${'1'.padStart(32, '0')}`
    const rows = createRowCache({
      changes: cache.changes,
      most: 10,
      subjectOf: subjectOfCredential,
      read: async () => ({ user_id: id(1), organization_id: organization }),
    })
    await db.tx('system', (tx) =>
      sql`insert into organizations (id, name, slug, created_at, updated_at) values (${organization}, 'a', 'a', now(), now())`.execute(tx),
    ) // biome-ignore format: it reads as one line
    await expect
      .poll(async () => {
        await rows.load(digestKey('1'))
        await pause(20)
        return rows.find(digestKey('1'))
      })
      .not.toBeNull()
    await db.tx('system', (tx) => sql`update organizations set name = 'b'`.execute(tx))
    expect(rows.find(digestKey('1'))).toBeNull()
    await db.tx('system', (tx) => sql`delete from organizations`.execute(tx))
  })

  it('that was read before a change and arrives after it is not found', async () => {
    const cache = await make()
    const release = cache.hold('after')
    const loading = cache.load(1)
    await pause(50)
    await rename(1, 'new')
    release()
    // the load began before the change, so that it may return either
    expect((await loading)?.name).toBe('0')
    expect(cache.find(1)).toBeNull()
    expect((await cache.load(1))?.name).toBe('new')
  })

  it('that was requested before a change and read after it is not found either, which is only slower', async () => {
    const cache = await make()
    const release = cache.hold('before')
    const loading = cache.load(1)
    await rename(1, 'new')
    release()
    expect((await loading)?.name).toBe('new')
    expect(cache.find(1)).toBeNull()
  })

  it('of a rolled-back change stays', async () => {
    const cache = await make()
    await cache.keep(1)
    await expect(
      db.tx('system', async (tx) => {
        await sql`update users set full_name = 'never' where id = ${id(1)}`.execute(tx)
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(cache.find(1)?.name).toBe('0')
  })

  it('is never older than the last committed change, in any interleaving', async () => {
    const cache = await make()
    const committed = new Map<number, number>()
    let isOver = false
    const write = async (n: number) => {
      for (let value = 1; value <= 60; value++) {
        await rename(n, String(value))
        committed.set(n, value)
      }
    }
    const found = { inMemory: 0, older: 0 }
    const read = async () => {
      while (!isOver) {
        const n = 1 + Math.floor(Math.random() * 4)
        const least = committed.get(n) ?? 0
        const held = cache.find(n)
        if (held) found.inMemory += 1
        const row = held ?? (await cache.load(n))
        if (Number(row?.name) < least) found.older += 1
        if (Math.random() < 0.2) await pause(1)
      }
    }
    const readers = Promise.all(Array.from({ length: 12 }, read))
    await Promise.all([1, 2, 3].map(write))
    isOver = true
    await readers
    expect(found.older).toBe(0)
    expect(found.inMemory).toBeGreaterThan(100)
  })
})

describe('loads', () => {
  it('of one row at the same time are one statement', async () => {
    const cache = await make()
    const release = cache.hold('after')
    const loads = Promise.all(Array.from({ length: 20 }, () => cache.load(1)))
    release()
    expect((await loads).map((row) => row?.name)).toEqual(Array.from({ length: 20 }, () => '0'))
    expect(cache.seen.reads).toBe(1)
  })

  it('that would join one from before a change read again', async () => {
    const cache = await make()
    const release = cache.hold('after')
    const first = cache.load(1)
    await pause(50)
    await rename(1, 'new')
    const second = cache.load(1)
    release()
    expect([(await first)?.name, (await second)?.name]).toEqual(['0', 'new'])
  })

  it('that find nothing are not kept', async () => {
    const cache = await make()
    expect([await cache.load(99), await cache.load(99), cache.find(99)]).toEqual([null, null, null])
    expect(cache.seen.reads).toBe(2)
  })

  it('that fail are not kept, and fail for all who wait for them', async () => {
    const cache = await make()
    let isDown = true
    const rows = createRowCache({
      changes: cache.changes,
      most: 10,
      subjectOf: subjectOfCredential,
      async read() {
        if (isDown) throw new Error('down')
        return { user_id: id(1), organization_id: null }
      },
    })
    const hash = digestKey('1')
    const failed = await Promise.allSettled([rows.load(hash), rows.load(hash)])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    isDown = false
    expect(await rows.load(hash)).not.toBeNull()
  })
})

describe('the bound', () => {
  it('holds no more rows than permitted, and keeps those in use', async () => {
    const cache = await make({ most: 8 })
    for (let n = 1; n <= 40; n++) {
      await cache.load(n)
      expect(cache.find(1) ?? (n === 1 ? null : undefined)).not.toBeUndefined()
    }
    const held = Array.from({ length: 40 }, (_, i) => cache.find(i + 1)).filter((row) => row !== null)
    expect(held.length).toBeLessThanOrEqual(8)
    expect(held.length).toBeGreaterThanOrEqual(4)
  })

  it('of none reads every row', async () => {
    const cache = await make({ most: 0 })
    await cache.load(1)
    expect(cache.find(1)).toBeNull()
  })

  it('of remembered changes drops everything rather than forget a change', async () => {
    const cache = await make()
    await cache.keep(1)
    await cache.keep(2)
    await db.tx('system', (tx) =>
      sql`select pg_notify('latchkey_changes', 'usr_other' || n) from generate_series(1, 10001) n`.execute(
        tx,
      ),
    )
    expect([cache.find(1), cache.find(2)]).toEqual([null, null])
    await cache.keep(1)
  })
})

describe('the lease', () => {
  it('ends a second after the last probe that the LISTEN connection has answered', async () => {
    let isSilent = false
    let asked = 0
    let answered = 0
    const from: Pick<Db, 'listen' | 'heard'> = {
      listen: db.listen,
      async heard() {
        asked += 1
        if (isSilent) return new Promise(() => {})
        await db.heard()
        answered += 1
      },
    }
    const cache = await make({ from })
    await cache.keep(1)
    cache.wait(250)
    expect([cache.find(1)?.name, asked]).toEqual(['0', 1])
    cache.wait(1)
    expect([cache.find(1)?.name, asked]).toEqual(['0', 2])
    await expect.poll(() => answered).toBe(2)
    isSilent = true
    cache.wait(1000)
    expect(cache.find(1)?.name).toBe('0')
    cache.wait(1)
    expect([cache.find(1), asked]).toEqual([null, 3])
    expect((await cache.load(1))?.name).toBe('0')
    expect(cache.find(1)).toBeNull()
  })

  it('begins again with the next answer, and what was loaded meanwhile counts', async () => {
    const cache = await make()
    await cache.keep(1)
    cache.wait(5000)
    expect(cache.find(1)).toBeNull()
    await cache.live()
    expect(cache.find(1)?.name).toBe('0')
  })
})

describe.runIf(testDatabaseKind() === 'postgres')('while the LISTEN connection is down', () => {
  it('nothing is found, and nothing from before or from meanwhile afterwards', async () => {
    const cache = await make()
    await cache.keep(1)
    await cache.keep(2)
    await withoutListener(db, async () => {
      await expect.poll(() => cache.changes.isCurrent()).toBe(false)
      await rename(1, 'new')
      expect([cache.find(1), cache.find(2)]).toEqual([null, null])
      expect((await cache.load(2))?.name).toBe('0')
      expect(cache.find(2)).toBeNull()
    })
    await cache.live()
    expect([cache.find(1), cache.find(2)]).toEqual([null, null])
    await cache.keep(1)
    expect(cache.find(1)?.name).toBe('new')
  })

  it('a load from before the loss that arrives after the return is not found', async () => {
    const cache = await make()
    const release = cache.hold('after')
    const loading = cache.load(1)
    let isBack = false
    const stop = await db.listen('latchkey_row_cache_test', () => {}, {
      onLost() {},
      onBack() {
        isBack = true
      },
    })
    await cutListener(db)
    await expect.poll(() => isBack).toBe(true)
    await stop()
    await cache.live()
    release()
    await loading
    expect(cache.find(1)).toBeNull()
  })
})

describe('what is derived from a row and a replica', () => {
  it('is made once, and again when either is another', () => {
    let made = 0
    const of = derived((from: { n: number }) => ({ n: from.n, made: ++made }))
    const [row, replica] = [{ n: 1 }, []]
    expect([of(row, replica), of(row, replica)]).toEqual([
      { n: 1, made: 1 },
      { n: 1, made: 1 },
    ])
    expect(of(row, [])).toEqual({ n: 1, made: 2 })
    expect(of({ n: 2 }, replica)).toEqual({ n: 2, made: 3 })
  })
})
