import { describe, expect, it } from 'vitest'
import { limitsInMemory } from './memory.ts'

const MINUTE = 60_000
const start = Date.parse('2026-03-01T10:00:00.000Z')
const at = (milliseconds: number) => new Date(start + milliseconds)

/** The store with a single window in each request. */
function single(maxKeys?: number) {
  const limits = limitsInMemory(maxKeys)
  return {
    size: limits.size,
    take(key: string, max: number, milliseconds: number, now: Date) {
      const [verdict] = limits.take([{ key, max, milliseconds }], now)
      if (!verdict) throw new Error('a request without a verdict')
      return verdict
    },
  }
}

describe('the limits in memory', () => {
  it('allows requests up to the limit and returns how many remain', () => {
    const limits = single()
    expect(limits.take('a', 3, MINUTE, at(0))).toEqual({
      allowed: true,
      limit: 3,
      remaining: 2,
      resetSeconds: 60,
      windowSeconds: 60,
    })
    limits.take('a', 3, MINUTE, at(1000))
    expect(limits.take('a', 3, MINUTE, at(2000))).toMatchObject({ allowed: true, remaining: 0 })
    expect(limits.take('a', 3, MINUTE, at(3000))).toMatchObject({
      allowed: false,
      remaining: 0,
      resetSeconds: 57,
    })
  })

  it('allows a request exactly after the announced time', () => {
    const limits = single()
    for (const second of [0, 10, 20]) limits.take('a', 3, MINUTE, at(second * 1000))
    const { resetSeconds } = limits.take('a', 3, MINUTE, at(30_000))
    expect(limits.take('a', 3, MINUTE, at(30_000 + resetSeconds * 1000 - 1)).allowed).toBe(false)
    expect(limits.take('a', 3, MINUTE, at(30_000 + resetSeconds * 1000)).allowed).toBe(true)
    expect(limits.take('a', 3, MINUTE, at(60_001)).allowed).toBe(false)
  })

  it('does not count refused requests', () => {
    const limits = single()
    limits.take('a', 1, MINUTE, at(0))
    for (let second = 1; second < 60; second++) limits.take('a', 1, MINUTE, at(second * 1000))
    expect(limits.take('a', 1, MINUTE, at(MINUTE)).allowed).toBe(true)
  })

  it('counts keys separately', () => {
    const limits = single()
    limits.take('a', 1, MINUTE, at(0))
    expect(limits.take('b', 1, MINUTE, at(0)).allowed).toBe(true)
  })

  it('never exceeds a large limit, and frees all of it after the window', () => {
    const limits = single()
    const taken: number[] = []
    for (let t = 0; t < 10 * MINUTE; t += 37) if (limits.take('a', 200, MINUTE, at(t)).allowed) taken.push(t)
    for (const [i, t] of taken.entries())
      expect(taken.filter((u, j) => j >= i && u < t + MINUTE).length).toBeLessThanOrEqual(200)
    expect(taken.length).toBeGreaterThan(200 * 9)
    expect(limits.take('a', 200, MINUTE, at(12 * MINUTE)).remaining).toBe(199)
  })

  it('stays bounded under a flood of distinct keys', () => {
    const limits = single(1000)
    for (let i = 0; i < 20_000; i++) limits.take(`k${i}`, 5, MINUTE, at(i))
    expect(limits.size()).toBeLessThanOrEqual(1000)
  })

  it('keeps a key in use through a flood', () => {
    const limits = single(100)
    for (let i = 0; i < 1000; i++) {
      limits.take(`k${i}`, 5, MINUTE, at(i))
      limits.take('busy', 100, MINUTE, at(i))
    }
    expect(limits.take('busy', 100, MINUTE, at(1000)).allowed).toBe(false)
  })

  it('deletes keys whose window has passed', () => {
    const limits = single()
    for (let i = 0; i < 1000; i++) limits.take(`k${i}`, 5, MINUTE, at(0))
    for (let i = 0; i < 1000; i++) limits.take(`n${i}`, 5, MINUTE, at(2 * MINUTE))
    expect(limits.size()).toBeLessThanOrEqual(1000)
  })
})
