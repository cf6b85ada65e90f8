/** The behaviour of every rate limit store, as tests: each store's test file calls this with a way to open it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Eventual } from '../eventual.ts'
import type { LimitVerdict, LimitWindow } from './store.ts'

const MINUTE = 60_000
const start = Date.parse('2026-03-01T10:00:00.000Z')
const at = (milliseconds: number) => new Date(start + milliseconds)

interface AnyStore {
  take(windows: readonly LimitWindow[], now: Date): Eventual<readonly LimitVerdict[]>
}

export interface OpenedStore {
  /** Stores of several nodes, which count together; one for a store inside a process. */
  nodes: readonly AnyStore[]
  close?(): Promise<void>
}

export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`the rate limit store ${name}`, () => {
    let opened: OpenedStore
    let turn = 0
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(() => opened?.close?.())

    /** Requests go to the nodes in turn. */
    const take = async (windows: readonly LimitWindow[], now: Date) => {
      const node = opened.nodes[turn++ % opened.nodes.length]
      if (!node) throw new Error('a store has at least one node')
      return await node.take(windows, now)
    }
    const takeOne = async (key: string, max: number, milliseconds: number, now: Date) => {
      const [verdict, ...more] = await take([{ key: `${name} ${key}`, max, milliseconds }], now)
      if (!verdict || more.length > 0) throw new Error('one window has one verdict')
      return verdict
    }

    it('allows requests up to the limit and returns how many remain', async () => {
      expect(await takeOne('up to', 3, MINUTE, at(0))).toEqual({
        allowed: true,
        limit: 3,
        remaining: 2,
        resetSeconds: 60,
        windowSeconds: 60,
      })
      await takeOne('up to', 3, MINUTE, at(1000))
      expect(await takeOne('up to', 3, MINUTE, at(2000))).toMatchObject({ allowed: true, remaining: 0 })
      expect(await takeOne('up to', 3, MINUTE, at(3000))).toEqual({
        allowed: false,
        limit: 3,
        remaining: 0,
        resetSeconds: 57,
        windowSeconds: 60,
      })
    })

    it('allows a request exactly after the announced time', async () => {
      for (const second of [0, 10, 20]) await takeOne('after', 3, MINUTE, at(second * 1000))
      const { resetSeconds } = await takeOne('after', 3, MINUTE, at(30_000))
      expect((await takeOne('after', 3, MINUTE, at(30_000 + resetSeconds * 1000 - 1))).allowed).toBe(false)
      expect((await takeOne('after', 3, MINUTE, at(30_000 + resetSeconds * 1000))).allowed).toBe(true)
      expect((await takeOne('after', 3, MINUTE, at(60_001))).allowed).toBe(false)
    })

    it('counts no request that it refuses', async () => {
      await takeOne('refused', 1, MINUTE, at(0))
      for (let second = 1; second < 60; second += 7) await takeOne('refused', 1, MINUTE, at(second * 1000))
      expect((await takeOne('refused', 1, MINUTE, at(MINUTE))).allowed).toBe(true)
    })

    it('counts keys separately', async () => {
      await takeOne('mine', 1, MINUTE, at(0))
      expect((await takeOne('yours', 1, MINUTE, at(0))).allowed).toBe(true)
    })

    it('counts a request in all of its windows, or in none', async () => {
      const minute = { key: `${name} both 1m`, max: 2, milliseconds: MINUTE }
      const hour = { key: `${name} both 1h`, max: 3, milliseconds: 60 * MINUTE }
      const ask = async (milliseconds: number) =>
        (await take([minute, hour], at(milliseconds))).map(({ allowed, remaining }) => [allowed, remaining])
      expect(await ask(0)).toEqual([[true, 1], [true, 2]]) // biome-ignore format: a row of windows
      expect(await ask(1)).toEqual([[true, 0], [true, 1]]) // biome-ignore format: a row of windows
      // the verdicts end with the window that refuses
      expect(await ask(2)).toEqual([[false, 0]])
      expect(await ask(MINUTE + 1)).toEqual([[true, 1], [true, 0]]) // biome-ignore format: a row of windows
      // the hour refuses, and the minute does not count
      expect(await ask(MINUTE + 2)).toEqual([[true, 1], [false, 0]]) // biome-ignore format: a row of windows
      expect(await ask(MINUTE + 3)).toEqual([[true, 1], [false, 0]]) // biome-ignore format: a row of windows
    })

    it('never exceeds a large limit, and frees all of it after the window', async () => {
      const taken: number[] = []
      for (let t = 0; t < 3 * MINUTE; t += 251)
        if ((await takeOne('large', 100, MINUTE, at(t))).allowed) taken.push(t)
      for (const [i, t] of taken.entries())
        expect(taken.filter((u, j) => j >= i && u < t + MINUTE).length).toBeLessThanOrEqual(100)
      expect(taken.length).toBeGreaterThan(100 * 2)
      expect((await takeOne('large', 100, MINUTE, at(5 * MINUTE))).remaining).toBe(99)
    })

    it('is exact for a small limit', async () => {
      const taken: number[] = []
      for (let t = 0; t < 3 * MINUTE; t += 1000)
        if ((await takeOne('small', 10, MINUTE, at(t))).allowed) taken.push(t / 1000)
      const first = Array.from({ length: 10 }, (_, i) => i)
      expect(taken).toEqual([...first, ...first.map((t) => t + 60), ...first.map((t) => t + 120)])
    })

    it('allows exactly as many of 100 parallel requests as the limit says', async () => {
      const asked = Array.from({ length: 100 }, () => takeOne('parallel', 7, MINUTE, at(0)))
      expect((await Promise.all(asked)).filter(({ allowed }) => allowed)).toHaveLength(7)
    })

    it('lets one of 100 parallel requests win, over windows in either order', async () => {
      const once = { key: `${name} once`, max: 1, milliseconds: MINUTE }
      const many = { key: `${name} many`, max: 1000, milliseconds: MINUTE }
      const asked = Array.from({ length: 100 }, (_, i) => take(i % 2 ? [once, many] : [many, once], at(0)))
      const won = (await Promise.all(asked)).filter((verdicts) => verdicts.every(({ allowed }) => allowed))
      expect(won).toHaveLength(1)
    })

    it('tolerates nodes whose clocks differ', async () => {
      for (const t of [5000, 0, 4000]) await takeOne('skewed', 3, MINUTE, at(t))
      expect((await takeOne('skewed', 3, MINUTE, at(59_000))).allowed).toBe(false)
      expect((await takeOne('skewed', 3, MINUTE, at(65_001))).remaining).toBe(2)
    })

    it('takes any text as a key', async () => {
      for (const key of ['', ' ', 'ключ', `"'\\; drop`, 'x'.repeat(5000)]) {
        expect((await takeOne(`text ${key}`, 1, MINUTE, at(0))).allowed).toBe(true)
        expect((await takeOne(`text ${key}`, 1, MINUTE, at(0))).allowed).toBe(false)
      }
    })
  })
}
