/**
 * Properties for all inputs: the strict parsers compared with those of Node and jose, mutated tokens, the cache with a
 * plain map, the event reader with any split of its input, the revocation list with a plain list.
 */
import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { boundedCache } from './cache.ts'
import { Credential, readBasic, readCredentials } from './credentials.ts'
import { accessTokens, can, Problem } from './index.ts'
import { readObject } from './jwt/json.ts'
import { readJwt } from './jwt/read.ts'
import { eventReader, type ServerEvent } from './latchkey/events.ts'
import { revocations } from './latchkey/revocations.ts'
import { makePrincipal } from './principal.ts'
import { WebRequest } from './request.ts'
import { compileRule } from './rules.ts'

const ISSUER = 'https://id.example'
const secret = randomBytes(32)
const NOW = 1_900_000_000
const tokens = accessTokens({
  issuer: ISSUER,
  keys: [{ kty: 'oct', k: secret.toString('base64url'), alg: 'HS256', kid: 'k' }],
  now: () => NOW * 1000,
})
const b64 = (text: string): string => Buffer.from(text).toString('base64url')
const sign = (header: string, payload: string): string => {
  const text = `${b64(header)}.${b64(payload)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
const HEADER = { alg: 'HS256', typ: 'at+jwt', kid: 'k' }
const CLAIMS = {
  iss: ISSUER,
  aud: ISSUER,
  sub: 'u',
  jti: 'j',
  iat: NOW,
  exp: NOW + 60,
  roles: [],
  permissions: [],
}
const GOOD = sign(JSON.stringify(HEADER), JSON.stringify(CLAIMS))
const isGood = (token: string): boolean => !(tokens.check(token) instanceof Problem)

describe('a token', () => {
  it('is valid unchanged, and invalid with any character changed, added, removed or swapped', () => {
    expect(isGood(GOOD)).toBe(true)
    const at = fc.nat(GOOD.length - 1)
    const letter = fc.constantFrom(
      ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ %\n\0é',
    )
    fc.assert(
      fc.property(at, at, letter, (i, j, one) => {
        const changed = GOOD.slice(0, i) + one + GOOD.slice(i + 1)
        const added = GOOD.slice(0, i) + one + GOOD.slice(i)
        const shorter = GOOD.slice(0, i) + GOOD.slice(i + 1)
        const swapped = [...GOOD]
        ;[swapped[i], swapped[j]] = [swapped[j] ?? '', swapped[i] ?? '']
        for (const token of [changed, added, shorter, swapped.join('')])
          if (token !== GOOD && isGood(token)) throw new Error(token)
      }),
      { numRuns: 2000 },
    )
  })

  const mostly = <T>(good: T, ...others: unknown[]) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(good) },
      { weight: 1, arbitrary: fc.constantFrom(...others) },
    )
  const claims = fc.record(
    {
      iss: mostly(ISSUER, `${ISSUER}/`, 'https://evil.example', null, [ISSUER]),
      aud: mostly(ISSUER, [ISSUER, 'x'], [], 'x', 1, null),
      sub: mostly('u', '', 1, null),
      jti: mostly('j', '', null, 7),
      iat: mostly(NOW, NOW + 4, NOW + 6, NOW - 9999, '1', null, -1),
      exp: mostly(NOW + 60, NOW - 4, NOW - 6, NOW, '9', null, 1e99),
      nbf: mostly(NOW, NOW + 4, NOW + 6, null, 'x'),
      roles: mostly([], ['a'], 'a', [1], null),
      permissions: mostly([], ['a:b'], null, {}),
    },
    { requiredKeys: [] },
  )
  const header = fc.record(
    {
      alg: fc.constantFrom('HS256', 'HS256', 'HS256', 'none', 'HS384', 'ES256', 'hs256'),
      typ: fc.constantFrom('at+jwt', 'at+jwt', 'application/at+jwt', 'JWT', ''),
      kid: fc.constantFrom('k', 'k', 'l', '../k', 1),
      crit: fc.constantFrom(['b64'], ['x']),
    },
    { requiredKeys: [] },
  )

  it('that is accepted is accepted by jose as well, and its principal matches its claims', async () => {
    const arbitrary = fc.tuple(
      fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: header }),
      claims,
    )
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(arbitrary, async ([head, more]) => {
        const token = sign(JSON.stringify({ ...HEADER, ...head }), JSON.stringify({ ...CLAIMS, ...more }))
        const verdict = tokens.check(token)
        if (verdict instanceof Problem) return
        accepted += 1
        const options = {
          issuer: ISSUER,
          audience: ISSUER,
          clockTolerance: 6,
          currentDate: new Date(NOW * 1000),
        }
        const { payload } = await jwtVerify(token, secret, { ...options, algorithms: ['HS256'] })
        expect(verdict.principal.userId).toBe(payload.sub)
      }),
      { numRuns: 3000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })

  it('with any text never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), fc.json(), (text, json) => {
        isGood(text)
        isGood(`${b64(json)}.${b64(json)}.${b64(text)}`)
        isGood(sign(json, text))
        isGood(sign(JSON.stringify(HEADER), json))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the strict parsers', () => {
  it('read what JSON.parse reads, if it is an object', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const read = readObject(Buffer.from(JSON.stringify(value)))
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
        expect(read).toEqual(isObject ? JSON.parse(JSON.stringify(value)) : null)
      }),
    )
  })

  it('refuse any duplicate name of an object, at any depth and with any spacing', () => {
    const space = fc.constantFrom('', '', ' ', '\t', '\n\r')
    const name = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('a":', 'sub', '__proto__', ':', '\\"'),
    )
    fc.assert(
      fc.property(
        name,
        fc.jsonValue(),
        fc.jsonValue(),
        fc.nat(2),
        fc.array(space, { minLength: 4, maxLength: 4 }),
        (twice, a, b, depth, [s1, s2, s3, s4]) => {
          fc.pre(twice !== 'y')
          const [first, second] = [JSON.stringify(twice), JSON.stringify(twice).replace('s', '\\u0073')]
          const inner = `{${first}${s1}:${s2}${JSON.stringify(a)},"y":{${second}:0}${s3},${second}${s4}:${JSON.stringify(b)}}`
          expect(readObject(Buffer.from(`${'{"d":['.repeat(depth)}${inner}${']}'.repeat(depth)}`))).toBeNull()
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('accept one encoding only of the same bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.string({ maxLength: 3 }),
        (bytes, more) => {
          const head = b64('{}')
          const text = Buffer.from(bytes).toString('base64url')
          expect(readJwt(`${head}.${head}.${text}`)?.signature).toEqual(Buffer.from(bytes))
          if (more !== '' && Buffer.from(text + more, 'base64url').equals(Buffer.from(bytes)))
            expect(readJwt(`${head}.${head}.${text}${more}`)).toBeNull()
        },
      ),
    )
  })

  it('read a Basic credential as it was encoded (RFC 7617 §2)', () => {
    const plain = fc
      .string({ unit: 'grapheme' })
      .filter((text) => !/\p{Cc}|\ufffd/u.test(text) && text.isWellFormed())
    fc.assert(
      fc.property(plain, plain, (username, password) => {
        const value = Buffer.from(`${username}:${password}`).toString('base64')
        const expected = username === '' || username.includes(':') ? undefined : { username, password }
        if (expected) expect(readBasic(value)).toEqual(expected)
      }),
    )
  })

  it('find one credential or a conflict in any header, and never throw', () => {
    const places = { headers: ['x-api-key'], query: ['key'], tokenQuery: [], cookies: ['sid'] }
    const sources = { ...places, recognizes: () => true }
    const field = fc.string({ unit: fc.constantFrom(...'Bearer Basic Api-Key ,;="%.:x') })
    fc.assert(
      fc.property(fc.option(field), fc.option(field), fc.option(field), fc.option(field), (a, k, c, q) => {
        const headers = new Headers()
        if (a !== null) headers.set('authorization', a)
        if (k !== null) headers.set('x-api-key', k)
        if (c !== null) headers.set('cookie', c)
        const url = `http://app.test/?key=${encodeURIComponent(q ?? '')}`
        const raw = new Request(q === null ? 'http://app.test/' : url, { headers })
        const offered = readCredentials(new WebRequest(raw, raw), sources)
        if (offered instanceof Problem) expect(offered.status).toBe(400)
        else if (a !== null || k !== null || q !== null) expect(offered.explicit).toBeInstanceOf(Credential)
        else expect(offered.explicit).toBeNull()
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the cache', () => {
  it('never exceeds its bound, returns only the last value, and keeps entries in use', () => {
    const step = fc.tuple(fc.constantFrom('set', 'get', 'delete'), fc.nat(30))
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
        const cache = boundedCache<{ n: number }>(max)
        const model = new Map<string, { n: number }>()
        for (const [i, [what, key]] of steps.entries()) {
          const name = `${key}`
          if (what === 'set') {
            const value = { n: i }
            cache.set(name, value)
            model.set(name, value)
            expect(cache.get(name)).toBe(value)
          } else if (what === 'delete') {
            cache.delete(name)
            model.delete(name)
          }
          const found = cache.get(name)
          if (found !== undefined) expect(found).toBe(model.get(name))
          expect(cache.size).toBeLessThanOrEqual(max)
        }
      }),
    )
    const cache = boundedCache<{ n: number }>(10)
    cache.set('hot', { n: 0 })
    for (let i = 0; i < 100; i++) {
      cache.set(`cold ${i}`, { n: i })
      expect(cache.get('hot')).toBeDefined()
    }
  })
})

describe('the event reader', () => {
  it('reads the same events with any split of the text', () => {
    const line = fc.constantFrom(
      'data: a',
      'data:b',
      'event: revoked',
      'id: 7',
      ': beat',
      '',
      'data',
      'retry: 1',
      'id',
      'ünï: x',
    )
    const end = fc.constantFrom('\n', '\r\n', '\r')
    const text = fc
      .array(fc.tuple(line, end), { maxLength: 40 })
      .map((lines) => `${lines.flat().join('')}\n\n`)
    const read = (pieces: string[]): ServerEvent[] => {
      const events: ServerEvent[] = []
      const reader = eventReader((event) => events.push(event))
      for (const piece of pieces) reader.read(piece)
      return events
    }
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (whole, cuts) => {
        const sorted = [...cuts.map((cut) => Math.min(cut, whole.length)), 0, whole.length].sort(
          (a, b) => a - b,
        )
        const pieces = sorted.slice(1).map((cut, i) => whole.slice(sorted[i], cut))
        expect(read(pieces)).toEqual(read([whole]))
      }),
    )
    expect(() => read(['data: '.padEnd(70_000, 'x')])).toThrow(/too long/)
    expect(() => read([`${'data: x\n'.repeat(20_000)}data: ${'y'.repeat(60_000)}\n`])).toThrow(/too long/)
  })
})

describe('revocations', () => {
  it('cover what a plain list covers, in any order and with any repetition', () => {
    const revocation = fc.record({
      kind: fc.constantFrom('jti', 'sid', 'sub', 'key'),
      value: fc.constantFrom('a', 'b'),
      before: fc.option(fc.integer({ min: 0, max: 10 })),
      until: fc.constant(100),
    })
    const id = fc.option(fc.constantFrom('a', 'b', 'c'))
    const token = fc.record({
      jti: id,
      sid: id,
      sub: id,
      keyId: id,
      issuedAt: fc.integer({ min: 0, max: 12 }),
    })
    fc.assert(
      fc.property(fc.array(revocation, { maxLength: 12 }), token, (all, sent) => {
        const kept = revocations(() => 50)
        for (const one of [...all].reverse()) kept.add(one)
        for (const one of all) kept.add(one)
        const values = { jti: sent.jti, sid: sent.sid, sub: sent.sub, key: sent.keyId }
        const expected = all.some(
          (one) => values[one.kind] === one.value && (one.before === null || sent.issuedAt <= one.before),
        )
        expect(kept.covers(sent)).toBe(expected)
      }),
    )
  })

  it('are deleted when the credentials that they cover have expired', () => {
    let now = 0
    const kept = revocations(() => now)
    for (let i = 0; i < 5000; i++) {
      now = i
      kept.add({ kind: 'jti', value: `t${i}`, before: null, until: i + 10 })
      expect(kept.covers({ jti: `t${Math.max(0, i - 9)}`, issuedAt: 0 })).toBe(true)
    }
    expect(kept.size).toBeLessThan(1200)
  })
})

describe('permissions of a rule', () => {
  it('are checked by can() and nothing else', () => {
    const name = fc.constantFrom('a:b', 'a:*', '*:b', '*', 'c:d', 'a:b:c')
    fc.assert(
      fc.property(fc.array(name), fc.array(name, { minLength: 1 }), (permissions, asked) => {
        const who = makePrincipal({ userId: 'u', permissions }, 'jwt', {})
        const isLetIn = !(compileRule({ permissions: asked })(who, 'GET') instanceof Problem)
        expect(isLetIn).toBe(asked.every((one) => can(who, one)))
      }),
    )
  })
})
