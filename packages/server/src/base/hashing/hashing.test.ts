import { describe, expect, test } from 'vitest'
import { Problem } from '../errors.ts'
import { BOUNDS } from './algorithms.ts'
import { createHashing } from './index.ts'
import { createGate } from './queue.ts'
import { CHEAP } from './testing.ts'

const hashing = await createHashing(CHEAP)

describe('new hashes', () => {
  test('match their password, and no other', async () => {
    const stored = await hashing.hash('correct horse battery staple')
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=1024,t=2,p=1\$/)
    expect(await hashing.verify(stored, 'correct horse battery staple')).toEqual({
      matches: true,
      outdated: false,
    })
    expect(await hashing.verify(stored, 'correct horse battery stapler')).toEqual({
      matches: false,
      outdated: false,
    })
  })

  test('match all normalization forms of the password', async () => {
    const stored = await hashing.hash('Ångström ﬁnd ２３')
    expect((await hashing.verify(stored, 'A\u030Angstro\u0308m find 23')).matches).toBe(true)
  })

  test.each([
    ['more memory', { argon2MemoryKib: 2048 }],
    ['more passes', { argon2Passes: 3 }],
    ['another algorithm', { algorithm: 'bcrypt' as const }],
  ])('are outdated when the settings require %s', async (_, change) => {
    const stored = await hashing.hash('a password')
    const raised = await createHashing({ ...CHEAP, ...change })
    expect(await raised.verify(stored, 'a password')).toEqual({ matches: true, outdated: true })
  })

  test('are not outdated where the password is wrong', async () => {
    const stored = await (await createHashing({ ...CHEAP, argon2Passes: 1 })).hash('a password')
    expect(await hashing.verify(stored, 'another')).toEqual({ matches: false, outdated: false })
  })

  test('refuse a password of more than 1024 bytes', async () => {
    await expect(hashing.hash('ü'.repeat(513))).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
    expect(await hashing.verify(await hashing.hash('x'), 'x'.repeat(1025))).toEqual({
      matches: false,
      outdated: false,
    })
  })

  test('may exceed the bounds of imported ones if the settings do', async () => {
    const strong = await createHashing({
      ...CHEAP,
      argon2MemoryKib: BOUNDS.memoryKib + 1024,
      argon2Passes: 1,
    })
    expect(await strong.verify(await strong.hash('a password'), 'a password')).toEqual({
      matches: true,
      outdated: false,
    })
  })
})

describe('bcrypt', async () => {
  const bcrypt = await createHashing({ ...CHEAP, algorithm: 'bcrypt' })

  test('hashes with the configured cost', async () => {
    const stored = await bcrypt.hash('a password')
    expect(stored).toMatch(/^\$2b\$05\$/)
    expect(await bcrypt.verify(stored, 'a password')).toEqual({ matches: true, outdated: false })
    const raised = await createHashing({ ...CHEAP, algorithm: 'bcrypt', bcryptCost: 6 })
    expect(await raised.verify(stored, 'a password')).toEqual({ matches: true, outdated: true })
  })

  test('refuses to hash more than 72 bytes', async () => {
    await expect(bcrypt.hash('é'.repeat(36))).resolves.toMatch(/^\$2b\$/)
    await expect(bcrypt.hash('é'.repeat(37))).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  test('refuses to hash a password with a NUL, where it would stop to read', async () => {
    await expect(bcrypt.hash('a pass\0word')).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  test('never matches what follows byte 72, and neither the longer password of an imported hash', async () => {
    const { hash } = await import('bcrypt')
    const stored = await hash('x'.repeat(100), 4)
    const verdict = async (password: string) => (await bcrypt.verify(stored, password)).matches
    expect(await verdict('x'.repeat(72))).toBe(true)
    expect(await verdict('x'.repeat(73))).toBe(false)
    expect(await verdict(`${'x'.repeat(72)} anything`)).toBe(false)
    expect(await verdict('x'.repeat(100))).toBe(false)
    // 72 bytes are 24 characters of three
    const wide = await hash('€'.repeat(24), 4)
    expect((await bcrypt.verify(wide, '€'.repeat(24))).matches).toBe(true)
    expect((await bcrypt.verify(wide, `${'€'.repeat(24)}.`)).matches).toBe(false)
  })

  test('never matches a password with a NUL, which repeats as bcrypt repeats', async () => {
    const { hash } = await import('bcrypt')
    const stored = await hash('secret', 4)
    expect((await bcrypt.verify(stored, 'secret\0secret')).matches).toBe(false)
    expect((await bcrypt.verify(stored, 'secret\0')).matches).toBe(false)
  })
})

describe('an unknown account', () => {
  test('is refused even with the password of the dummy', async () => {
    expect(await hashing.verify(null, 'the password of no account')).toEqual({
      matches: false,
      outdated: false,
    })
  })
})

describe('a code', () => {
  test('is hashed with the salt of its set', async () => {
    const salts = [Buffer.alloc(16, 1), Buffer.alloc(16, 1), Buffer.alloc(16, 2)]
    const [a, b, c] = await Promise.all(salts.map((salt) => hashing.hashCode('12345678', salt)))
    expect(a).toHaveLength(32)
    expect(a).toEqual(b)
    expect(a).not.toEqual(c)
  })

  test('waits in the queue of passwords', async () => {
    const small = await createHashing({ ...CHEAP, concurrency: 1, queue: 2 })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, (_, n) => small.hashCode(String(n), Buffer.alloc(16))),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  })
})

describe('the queue', () => {
  test('runs a bounded number at the same time, and the rest in order of arrival', async () => {
    const gate = createGate(2, 10)
    const begun: number[] = []
    let most = 0
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        gate.run(async () => {
          begun.push(i)
          most = Math.max(most, gate.load().running)
          await new Promise((done) => setTimeout(done, 10 - i))
        }),
      ),
    )
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(most).toBe(2)
    expect(gate.load()).toEqual({ running: 0, waiting: 0 })
  })

  test('refuses immediately, with Retry-After, when it is full', async () => {
    const small = await createHashing({ ...CHEAP, concurrency: 1, queue: 2 })
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => small.hash('a password')))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue
      expect(outcome.reason).toBeInstanceOf(Problem)
      expect(outcome.reason).toMatchObject({ code: 'UNAVAILABLE', retryAfter: 2 })
    }
    expect(small.load()).toEqual({ running: 0, waiting: 0 })
  })

  test('frees its slot when the work throws', async () => {
    const gate = createGate(1, 1)
    await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await gate.run(async () => 'yes')).toBe('yes')
  })
})
