/** Timing of hashing: it uses threads and not the event loop, and takes equal work for known and unknown accounts. */
import { describe, expect, test } from 'vitest'
import { createHashing } from './index.ts'
import { CHEAP } from './testing.ts'

const hashing = await createHashing(CHEAP)
/** Retries for measurements: a real difference appears in each of them. */
const MEASURED = { retry: 4 }

describe('hashes made elsewhere', () => {
  test('leave the event loop responsive, for any number of rounds', MEASURED, async () => {
    const stored = `$6$rounds=300000$saltstring$${'a'.repeat(86)}`
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    const began = performance.now()
    expect((await hashing.verify(stored, 'a password')).matches).toBe(false)
    clearInterval(timer)
    expect(longest).toBeLessThan((performance.now() - began) / 2)
  })

  test(
    'of SHA-crypt take no more time for a long password than for one of 128 characters',
    MEASURED,
    async () => {
      const stored = `$6$rounds=1000000$saltstring$${'a'.repeat(86)}`
      const measure = async (length: number): Promise<number> => {
        const began = process.cpuUsage()
        expect((await hashing.verify(stored, 'x'.repeat(length))).matches).toBe(false)
        return process.cpuUsage(began).user
      }
      expect((await measure(1024)) / (await measure(128))).toBeLessThan(1.8)
    },
  )
})

describe('an unknown account', () => {
  test('takes as much work as a known one', MEASURED, async () => {
    const costly = await createHashing({ ...CHEAP, argon2MemoryKib: 19_456, concurrency: 1 })
    const stored = await costly.hash('a password')
    // of all threads, so that a busy machine does not count
    const measure = async (hash: string | null): Promise<number> => {
      const begun = process.cpuUsage()
      for (let i = 0; i < 8; i++) expect((await costly.verify(hash, `guess ${i}`)).matches).toBe(false)
      return process.cpuUsage(begun).user
    }
    await measure(stored)
    const [known, unknown, unreadable] = [
      await measure(stored),
      await measure(null),
      await measure('unreadable'),
    ]
    expect(unknown / known).toBeGreaterThan(0.5)
    expect(unknown / known).toBeLessThan(2)
    expect(unreadable / known).toBeGreaterThan(0.5)
  })
})

describe('the queue', () => {
  test.each(['argon2id', 'bcrypt'] as const)(
    'leaves the event loop responsive under %s',
    async (algorithm) => {
      const costs = { argon2MemoryKib: 19_456, bcryptCost: 8 }
      const costly = await createHashing({ ...CHEAP, ...costs, algorithm, concurrency: 1 })
      let turns = 0
      const timer = setInterval(() => {
        turns += 1
      }, 1)
      await Promise.all(Array.from({ length: 20 }, () => costly.hash('a password')))
      clearInterval(timer)
      expect(turns).toBeGreaterThan(20)
    },
  )
})
