import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createSightings, MOST_SIGHTINGS } from './sightings.ts'

const at = (second: number) => new Date(Date.UTC(2030, 0, 1, 12, 0, second))
/** So long that the timer never fires during a test. */
const NEVER = 3_600_000

/** Sightings whose writes the test records, delays and makes fail. */
function make(every = NEVER) {
  const seen = {
    writes: [] as [ids: string[], at: Date[]][],
    fail: false,
    warnings: [] as string[],
  }
  let hold: Promise<void> | null = null
  /** Delays all writes that begin after this call. @returns a function that releases them */
  function holdBack(): () => void {
    let release = () => {}
    hold = new Promise((resolve) => {
      release = resolve
    })
    return release
  }
  const sightings = createSightings({
    name: 'examples',
    every,
    log: { warn: (_, message) => seen.warnings.push(message) },
    async write(ids, instants) {
      await hold
      if (seen.fail) throw new Error('not now')
      seen.writes.push([ids, instants])
    },
  })
  return { sightings, seen, holdBack }
}

describe('sightings', () => {
  it('are written in one batch, in the order of their ids, each with its latest instant', async () => {
    const { sightings, seen } = make()
    for (const [id, second] of [
      ['c', 1],
      ['a', 2],
      ['b', 3],
      ['c', 4],
    ] as const)
      sightings.see(id, at(second))
    await sightings.flush()
    expect(seen.writes).toEqual([
      [
        ['a', 'b', 'c'],
        [at(2), at(3), at(4)],
      ],
    ])
    await sightings.flush()
    expect(seen.writes).toHaveLength(1)
  })

  it('have the latest timestamp until the write is done', async () => {
    const { sightings, holdBack } = make()
    const release = holdBack()
    expect([sightings.latest('a', null), sightings.latest('a', at(0))]).toEqual([null, at(0)])
    sightings.see('a', at(5))
    const flushing = sightings.flush()
    await pause(1)
    expect([sightings.latest('a', null), sightings.latest('a', at(9))]).toEqual([at(5), at(9)])
    sightings.see('a', at(6))
    expect(sightings.latest('a', at(1))).toEqual(at(6))
    release()
    await flushing
    expect(sightings.latest('a', null)).toEqual(at(6))
    await sightings.flush()
    expect(sightings.latest('a', null)).toBeNull()
  })

  it('that could not be written are kept, and later ones are not overwritten', async () => {
    const { sightings, seen } = make()
    sightings.see('a', at(1))
    sightings.see('b', at(1))
    seen.fail = true
    const flushing = sightings.flush()
    sightings.see('a', at(2))
    await expect(flushing).rejects.toThrow('not now')
    seen.fail = false
    sightings.see('b', at(3))
    await sightings.flush()
    expect(seen.writes).toEqual([
      [
        ['a', 'b'],
        [at(2), at(3)],
      ],
    ])
  })

  it('of deleted objects are dropped, also if a write fails', async () => {
    const { sightings, seen, holdBack } = make()
    sightings.see('a', at(1))
    sightings.see('b', at(1))
    sightings.forget('a')
    seen.fail = true
    const release = holdBack()
    const flushing = sightings.flush()
    await pause(1)
    sightings.forget('b')
    release()
    await expect(flushing).rejects.toThrow('not now')
    seen.fail = false
    await sightings.flush()
    expect(seen.writes).toEqual([])
  })

  it('are written by the timer, which the first of them starts', async () => {
    const { sightings, seen } = make(20)
    await pause(50)
    sightings.see('a', at(1))
    await expect.poll(() => seen.writes.length).toBe(1)
    sightings.see('a', at(2))
    await expect.poll(() => seen.writes.length).toBe(2)
  })

  it('that the timer could not write are logged and retried', async () => {
    const { sightings, seen } = make(20)
    seen.fail = true
    sightings.see('a', at(1))
    await expect.poll(() => seen.warnings.length).toBeGreaterThan(1)
    expect(new Set(seen.warnings)).toEqual(new Set(['flushing last-seen timestamps of examples failed']))
    seen.fail = false
    await expect.poll(() => seen.writes).toEqual([[['a'], [at(1)]]])
  })

  it('leave no timer after a flush, whether it succeeds or not', async () => {
    const { sightings, seen } = make(20)
    seen.fail = true
    sightings.see('a', at(1))
    await expect.poll(() => seen.warnings.length).toBeGreaterThan(0)
    await expect(sightings.flush()).rejects.toThrow('not now')
    const { length } = seen.warnings
    seen.fail = false
    await pause(100)
    expect([seen.warnings.length, seen.writes]).toEqual([length, []])
  })

  it('are bounded in number: known ones are still updated, further ones are dropped and logged', async () => {
    const { sightings, seen } = make()
    for (let n = 0; n < MOST_SIGHTINGS + 7; n++) sightings.see(String(n), at(1))
    sightings.see('0', at(2))
    await sightings.flush()
    const ids = seen.writes.flatMap(([part]) => part)
    expect(ids).toHaveLength(MOST_SIGHTINGS)
    expect(ids).toEqual([...ids].sort())
    expect(seen.writes[0]?.[1][0]).toEqual(at(2))
    expect(seen.warnings).toEqual(['too many last-seen timestamps of examples: some were dropped'])
  })

  it('of a large batch are written in parts; after a failure, only the failed part and those after it again', async () => {
    const { sightings, seen } = make()
    for (let n = 0; n < 12_000; n++) sightings.see(String(n).padStart(6, '0'), at(1))
    let writes = 0
    Object.defineProperty(seen, 'fail', { get: () => ++writes === 2 })
    await expect(sightings.flush()).rejects.toThrow('not now')
    expect(seen.writes).toHaveLength(1)
    await sightings.flush()
    const ids = seen.writes.flatMap(([part]) => part)
    expect([ids.length, new Set(ids).size]).toEqual([12_000, 12_000])
  })
})
