/** Snapshots of PostgreSQL as positions between changes: their order, as tables, and beside real transactions. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDatabase, testDatabaseKind } from '../testing/database.ts'
import type { Database } from './db/database.ts'
import { createPositions, hasSeen, positioned, readPosition } from './positions.ts'

const at = (snapshot: string, run = '1/2') => {
  const read = readPosition(`${run} ${snapshot}`)
  if (!read) throw new Error(`not a position: ${snapshot}`)
  return read
}

describe('a position', () => {
  it.each([
    ['a later one', '10:12:', '10:10:', true],
    ['the same', '10:10:', '10:10:', true],
    ['the same, with the same transactions running', '10:15:10,12', '10:15:10,12', true],
    ['an earlier one', '10:10:', '10:12:', false],
    ['a later one, in which one more has ended', '12:15:12', '10:15:10,12', true],
    ['an earlier one, in which one more was running', '10:15:10,12', '12:15:12', false],
    ['a later one, in which a new one runs', '12:20:15,18', '15:15:', true],
    ['one in which runs what had ended', '12:20:12', '15:15:', false],
    ['numbers of many digits', '9007199254740:9007199254742:', '9007199254740:9007199254741:', true],
  ])('knows what %s has seen', (_which, first, second, expected) => {
    expect(hasSeen(at(first), at(second))).toBe(expected)
  })

  it('of another run of the server says nothing', () => {
    expect(hasSeen(at('20:20:', '1/3'), at('10:10:', '1/2'))).toBe(false)
    expect(hasSeen(at('10:10:', '1/3'), at('20:20:', '1/2'))).toBe(false)
  })

  it.each(['', 'x', '1/2 10:10', '1/2 a:b:', '10:10:', '1/2 10:10:x', '1/2 10:10: '])(
    'is not read from %j',
    (text) => {
      expect(readPosition(text)).toBeNull()
    },
  )
})

describe('positions', () => {
  let db: Database
  beforeAll(async () => {
    db = await openTestDatabase()
  })
  afterAll(() => db?.close())

  it('of another database of the server says nothing', async () => {
    const other = await openTestDatabase()
    try {
      const runOf = async (one: Database) => {
        const { rows } = await sql<{ position: string }>`select 1 as one${positioned(true)}`.execute(one.hot)
        return readPosition(rows[0]?.position ?? '')?.run
      }
      expect(await runOf(db)).toMatch(/\/\d+$/)
      expect(await runOf(other)).not.toBe(await runOf(db))
    } finally {
      await other.close()
    }
  })

  const positionNow = async (): Promise<string> => {
    const { rows } = await sql<{ position: string }>`select 1${positioned(true)}`.execute(db.hot)
    return rows[0]?.position ?? ''
  }
  const write = (id: string): Promise<unknown> =>
    db.tx('system', (tx) =>
      sql`insert into users (id, status, roles, created_at, updated_at) values (${id}, 'active', '{}', now(), now())`.execute(
        tx,
      ),
    )
  /** A process at a change; its clock never makes it wait. */
  function make() {
    const state = { last: 0, ticks: 0 }
    const positions = createPositions({
      db,
      changes: { last: () => state.last },
      clock: { ticks: () => (state.ticks += 1000) },
    })
    const mark = async (last: number): Promise<void> => {
      state.last = last
      await positions.mark()
    }
    return { positions, mark }
  }
  let users = 0
  const userId = () => `usr_${String(++users).padStart(32, '0')}`

  it('mean nothing before the first mark, and the number of the last one that they have seen afterwards', async () => {
    const { positions, mark } = make()
    const early = await positionNow()
    expect(positions.sinceOf(early)).toBeNull()
    await write(userId())
    await mark(3)
    const same = await positionNow()
    await write(userId())
    await mark(5)
    expect([early, same, await positionNow()].map(positions.sinceOf)).toEqual([null, 3, 5])
    expect(positions.sinceOf('no position')).toBeNull()
    expect(positions.sinceOf((await positionNow()).replace(/^\S+/, '1/1'))).toBeNull()
  })

  it('of a statement that was sent before the end of a transaction are not after a mark that has seen it', async () => {
    if (testDatabaseKind() === 'pglite') return
    const { positions, mark } = make()
    await mark(1)
    let commit = () => {}
    const mayCommit = new Promise<void>((resolve) => {
      commit = resolve
    })
    let during = ''
    const running = db.tx('system', async (tx) => {
      await sql`insert into users (id, status, roles, created_at, updated_at) values (${userId()}, 'active', '{}', now(), now())`.execute(
        tx,
      )
      await mayCommit
    })
    await write(userId())
    during = await positionNow()
    commit()
    await running
    await mark(2)
    expect([during, await positionNow()].map(positions.sinceOf)).toEqual([1, 2])
  })

  it('are known by few marks after many changes, the older ones by lower numbers', async () => {
    const { positions, mark } = make()
    const taken: string[] = []
    for (let n = 1; n <= 400; n++) {
      await write(userId())
      await mark(n)
      taken.push(await positionNow())
    }
    const numbers = taken.map((position) => positions.sinceOf(position) ?? 0)
    for (const [i, number] of numbers.entries()) expect(number).toBeLessThanOrEqual(i + 1)
    expect(numbers.at(-1)).toBe(400)
    expect(new Set(numbers).size).toBeLessThanOrEqual(130)
    expect(new Set(numbers).size).toBeGreaterThan(60)
  })
})
