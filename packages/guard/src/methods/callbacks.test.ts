/**
 * Callbacks of the app, in every method: each may be asynchronous, is awaited within a time limit, and its answer
 * judged. What is thrown and what is no principal refuses the credential, is reported to the operator and not to the
 * caller.
 */
import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import {
  apiKey,
  basic,
  type Claims,
  createGuard,
  custom,
  jwt,
  type MethodPlan,
  type PrincipalFields,
  type Problem,
  problem,
  session,
} from '../index.ts'
import { judgedFields } from '../principal.ts'
import { probe } from '../testing/probe.ts'

const secret = randomBytes(32)
const tokenOf = (claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ iss: 'me', aud: 'api', sub: 'ada', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(secret)
const basically = { authorization: `Basic ${Buffer.from('ada:pw').toString('base64')}` }
const trusted = { secret, issuer: 'me', audience: 'api' }

type Callback = (...values: never[]) => unknown
interface Place {
  /** A method whose callback it is, within a time limit of 50 ms. */
  of(callback: Callback): MethodPlan
  headers: Record<string, string>
  code: string
  /** What the callback returns where it accepts. */
  good: unknown
  /** Whether null means that the credential is unknown to the app, with its own code. */
  unknown?: string
}
const timeout = 50
const as = (callback: Callback): never => callback as never
const token = await tokenOf()
const bearer = { authorization: `Bearer ${token}` }

/** Every callback of every method. */
const PLACES: Record<string, Place> = {
  'principal of jwt()': {
    of: (callback) => jwt({ ...trusted, principal: as(callback), timeout }),
    headers: bearer,
    code: 'INVALID_TOKEN',
    good: { userId: 'ada' },
  },
  'issuer of jwt()': {
    of: (callback) => jwt({ ...trusted, issuer: as(callback), timeout }),
    headers: bearer,
    code: 'INVALID_TOKEN',
    good: true,
  },
  'find of basic()': {
    of: (callback) => basic({ find: as(callback), check: () => true, timeout }),
    headers: basically,
    code: 'AUTHENTICATION_FAILED',
    good: { id: 'ada' },
    unknown: 'AUTHENTICATION_FAILED',
  },
  'check of basic()': {
    of: (callback) => basic({ find: () => ({ id: 'ada' }), check: as(callback), timeout }),
    headers: basically,
    code: 'AUTHENTICATION_FAILED',
    good: true,
  },
  'principal of basic()': {
    of: (callback) => basic({ find: () => ({}), check: () => true, principal: as(callback), timeout }),
    headers: basically,
    code: 'AUTHENTICATION_FAILED',
    good: { userId: 'ada' },
  },
  'find of apiKey()': {
    of: (callback) => apiKey({ find: as(callback), timeout }),
    headers: { 'x-api-key': 'key' },
    code: 'INVALID_API_KEY',
    good: { id: 'ada' },
    unknown: 'INVALID_API_KEY',
  },
  'principal of apiKey()': {
    of: (callback) => apiKey({ find: () => ({}), principal: as(callback), timeout }),
    headers: { 'x-api-key': 'key' },
    code: 'INVALID_API_KEY',
    good: { userId: 'ada' },
  },
  'find of session()': {
    of: (callback) => session({ cookie: 'sid', find: as(callback), timeout }),
    headers: { cookie: 'sid=x' },
    code: 'INVALID_TOKEN',
    good: { id: 'ada' },
    unknown: 'SESSION_EXPIRED',
  },
  'principal of session()': {
    of: (callback) => session({ cookie: 'sid', find: () => ({}), principal: as(callback), timeout }),
    headers: { cookie: 'sid=x' },
    code: 'INVALID_TOKEN',
    good: { userId: 'ada' },
  },
  'check of custom()': {
    of: (callback) => custom(as(callback), { timeout }),
    headers: {},
    code: 'INVALID_TOKEN',
    good: { userId: 'ada' },
    unknown: 'AUTHENTICATION_REQUIRED',
  },
}
const isDecision = ({ good }: Place): boolean => good === true

const causeOf = (fault: Problem | undefined): string => String((fault?.cause as Error | undefined)?.cause)

/** A thenable that is no Promise, such as a query builder. */
const thenable = <T>(value: T) => ({
  // biome-ignore lint/suspicious/noThenProperty: what the test is about
  then: (resolve: (value: T) => void) => void setTimeout(() => resolve(value), 1),
})

describe.each(Object.keys(PLACES))('%s', (name) => {
  const place = PLACES[name] as Place
  const run = async (callback: Callback) => {
    const consumer = probe({ methods: [place.of(callback)] })
    const response = await consumer.send(place.headers)
    const optional = await consumer.send(place.headers, { rule: { optional: true } })
    // an optional rule does not make a caller of it
    expect([optional.status, optional.principal?.userId]).toEqual([
      response.principal || place.unknown !== 'AUTHENTICATION_REQUIRED' || response.code !== place.unknown
        ? response.status
        : 200,
      response.principal?.userId,
    ])
    return { ...response, cause: consumer.problems[0]?.cause, consumer }
  }

  it('may answer at once, later, or as a thenable', async () => {
    const ways: Callback[] = [
      () => place.good,
      async () => place.good,
      () => new Promise((resolve) => setTimeout(() => resolve(place.good), 2)),
      () => thenable(place.good),
    ]
    for (const way of ways) expect((await run(way)).principal?.userId).toBe('ada')
  })

  const thrown: [string, Callback][] = [
    ['throws', () => { throw new Error('secret 10.0.0.7') }],
    ['throws no error', () => { throw undefined }],
    ['rejects', async () => { throw new Error('secret 10.0.0.7') }],
    ['rejects later', () => new Promise((_, reject) => setTimeout(() => reject(new Error('secret 10.0.0.7')), 2))],
    ['rejects with nothing', () => Promise.reject()],
  ] // biome-ignore format: a table
  it.each(thrown)('refuses the credential where it %s', async (_name, callback) => {
    const { status, code, text, cause, principal } = await run(callback)
    expect([status, code, principal, text.includes('10.0.0.7')]).toEqual([401, place.code, null, false])
    expect(String(cause)).toContain(name.split(' ')[0])
  })

  it('may throw a problem, at once and later', async () => {
    const locked = problem('ACCOUNT_LOCKED', { retryAfter: 9 })
    for (const callback of [() => { throw locked }, async () => { throw locked }]) // biome-ignore format: it reads as one line
      expect((await run(callback)).status).toBe(423)
  })

  it('may return a problem, at once and later, which is the refusal', async () => {
    const disabled = problem('ACCOUNT_DISABLED')
    for (const callback of [() => disabled, async () => disabled, () => thenable(disabled)]) {
      const { status, code, principal, consumer } = await run(callback)
      expect([status, code, principal]).toEqual([disabled.status, 'ACCOUNT_DISABLED', null])
      expect(consumer.problems[0]?.cause).toBeUndefined()
    }
  })

  it('refuses the credential for null and undefined, at once and later', async () => {
    for (const nothing of [null, undefined])
      for (const callback of [() => nothing, async () => nothing, () => thenable(nothing)]) {
        const { status, code, principal } = await run(callback)
        expect([status, code, principal]).toEqual([401, place.unknown ?? place.code, null])
      }
  })

  const noPrincipals: unknown[] = isDecision(place)
    ? ['true', 1, 0, {}, [], 'yes', Symbol('yes')]
    : [{}, [], '', 'ada', 0, 7, true, false, { userId: '' }, { userId: null }, { userId: {} }, { userId: Number.NaN },
       { userId: ' ' }, { id: '' }, { id: ['ada'] }, { userId: 'ada', id: 'ada', permissions: 'orders:* profile' },
       { userId: 'ada', id: 'ada', roles: 'admin' }, { userId: 'ada', id: 'ada', permissions: [['*']] },
       { userId: 'ada', id: 'ada', scopes: '*' }, { userId: 'ada', id: 'ada', permissions: new Set(['*']) },
       { userId: 'ada', id: 'ada', roles: [null] }] // biome-ignore format: a table
  it.each(noPrincipals.map((answer, i) => [i, answer] as const))(
    'refuses the credential for what is no principal (%i)',
    async (_i, answer) => {
      for (const callback of [() => answer, async () => answer]) {
        const { status, code, cause, principal } = await run(callback)
        expect([status, code, principal]).toEqual([401, place.code, null])
        expect(String((cause as Error).cause)).toMatch(/^TypeError/)
      }
    },
  )

  it('is bounded: an endless promise is answered with 503', async () => {
    const { status, code, principal, cause } = await run(() => new Promise(() => {}))
    expect([status, code, principal]).toEqual([503, 'UNAVAILABLE', null])
    expect(String(cause)).toMatch(/has not answered within 50 ms/)
  })

  it('does not end the process when it rejects after its time', async () => {
    const late = () => new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 80))
    expect((await run(late)).status).toBe(503)
    await new Promise((resolve) => setTimeout(resolve, 60))
  })

  it('is written to the console by default where it fails, and only there', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const broken = createGuard({
      methods: [place.of(() => { throw new Error('secret 10.0.0.7') })],
    }) // biome-ignore format: it reads as one line
    const request = new Request('http://app.test/', { headers: place.headers })
    const response = await broken.web(() => new Response())(request)
    expect([response.status, (await response.text()).includes('10.0.0.7')]).toEqual([401, false])
    expect(printed).toHaveBeenCalledOnce()
    expect(String(printed.mock.calls[0]?.[1])).toContain('secret 10.0.0.7')
  })
})

describe('a login handler', () => {
  it.each(Object.keys(PLACES))('refuses where the callback throws: %s', async (name) => {
    const place = PLACES[name] as Place
    const guard = createGuard({
      methods: [place.of(async () => Promise.reject(new Error('no')))],
      onProblem: () => {},
    })
    const request = new Request('http://app.test/', { method: 'POST', headers: place.headers })
    expect((await guard.loginHandler().web(request)).status).toBe(401)
  })
})

const scoped = await tokenOf({ scope: 'orders:* profile', permissions: ['reports:read'], jti: 't1' })

it('a cookie of jwt() that is too long is invalid, also where a credential is optional', async () => {
  const consumer = probe({ methods: [jwt({ ...trusted, cookie: 'token' })] })
  const rule = { optional: true }
  expect((await consumer.send({ cookie: `token=${'x'.repeat(16_385)}` }, { rule })).code).toBe(
    'INVALID_TOKEN',
  )
  expect(consumer.reasons).toEqual(['the cookie is too long'])
  expect((await consumer.send({ cookie: 'other=x' }, { rule })).status).toBe(200)
})

describe('a principal callback of jwt()', () => {
  const withPrincipal = (principal: (claims: Claims) => PrincipalFields) =>
    probe({ methods: [jwt({ ...trusted, principal })] })

  it('that returns the text of a scope as permissions refuses every token, instead of letters as permissions', async () => {
    const consumer = withPrincipal((claims) => ({
      userId: claims.sub as string,
      permissions: claims.scope as never,
    }))
    const response = await consumer.bearer(scoped, { rule: { permissions: 'users:delete' } })
    expect([response.status, response.principal]).toEqual([401, null])
    expect(causeOf(consumer.problems[0])).toMatch(
      /`permissions` must be a list of strings; a string is split/,
    )
  })

  it('replaces what the claims say, and keeps what it leaves out', async () => {
    const consumer = withPrincipal((claims) => ({
      userId: `auth0|${claims.sub}`,
      permissions: (claims.scope as string).split(' '),
    }))
    expect((await consumer.bearer(scoped)).principal).toMatchObject({
      userId: 'auth0|ada',
      permissions: ['orders:*', 'profile'],
      tokenId: 't1',
    })
  })

  it('that leaves out grants grants nothing: what the token says of itself and its sign-in remains', async () => {
    const now = Math.floor(Date.now() / 1000)
    const token = await tokenOf({
      jti: 't1', sid: 's1', amr: ['pwd'], acr: '1', auth_time: now, username: 'ada', role: 'admin', roles: ['admin'],
      permissions: ['*'], scope: 'all', org: 'o1', org_role: 'owner', org_permissions: ['*'],
    }) // biome-ignore format: a table
    const { principal } = await withPrincipal(() => ({ userId: 'ada' })).bearer(token)
    expect({ ...principal }).toEqual({
      userId: 'ada', username: null, role: null, roles: [], permissions: [], scopes: [], method: 'jwt',
      organizationId: null, organizationRole: null, organizationPermissions: [], sessionId: 's1', keyId: null,
      tokenId: 't1', amr: ['pwd'], acr: '1', authenticatedAt: new Date(now * 1000), expiresAt: expect.any(Date),
    }) // biome-ignore format: a table
  })

  it('is called once for each token, and for every request without a cache', async () => {
    const called = vi.fn(async () => ({ userId: 'ada' }))
    const cached = probe({ methods: [jwt({ ...trusted, principal: called })] })
    const uncached = probe({ methods: [jwt({ ...trusted, principal: called, cacheSize: 0 })] })
    for (let i = 0; i < 3; i++) await cached.bearer(scoped)
    expect(called).toHaveBeenCalledTimes(1)
    for (let i = 0; i < 3; i++) expect((await uncached.bearer(scoped)).status).toBe(200)
    expect(called).toHaveBeenCalledTimes(4)
  })

  it('that fails is called again for the next request', async () => {
    let failures = 2
    const consumer = probe({
      methods: [
        jwt({
          ...trusted,
          principal: async () => {
            failures -= 1
            if (failures >= 0) throw new Error('the database is down')
            return { userId: 'ada' }
          },
        }),
      ],
    })
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await consumer.bearer(scoped)).status)
    expect(statuses).toEqual([401, 401, 200])
  })

  it('is not called before the signature was verified', async () => {
    const called = vi.fn(() => ({ userId: 'ada' }))
    const consumer = probe({ methods: [jwt({ ...trusted, principal: called })] })
    const [head, body] = token.split('.') as [string, string]
    const forged = createHmac('sha256', 'another').update(`${head}.${body}`).digest('base64url')
    expect((await consumer.bearer(`${head}.${body}.${forged}`)).status).toBe(401)
    expect(called).not.toHaveBeenCalled()
  })
})

describe('the fields of a principal', () => {
  const LISTS = ['roles', 'permissions', 'scopes', 'organizationPermissions', 'amr'] as const

  it('are judged for any answer: no id and no list of strings is a TypeError, and nothing else is kept', () => {
    const mostly = <T>(good: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: fc.anything() })
    const list = mostly(fc.array(fc.string(), { maxLength: 3 }))
    const answer = fc.record(
      {
        userId: mostly(fc.oneof(fc.string(), fc.integer())),
        username: mostly(fc.string()),
        expiresAt: mostly(fc.date({ noInvalidDate: false })),
        roles: list,
        permissions: list,
        scopes: list,
        organizationPermissions: list,
        amr: list,
      },
      { requiredKeys: [] },
    )
    let accepted = 0
    fc.assert(
      fc.property(fc.oneof({ weight: 3, arbitrary: answer }, fc.anything()), (given) => {
        let fields: PrincipalFields
        try {
          fields = judgedFields(given)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        accepted += 1
        expect(typeof fields.userId === 'string' && fields.userId.trim() !== '').toBe(true)
        for (const name of LISTS) {
          const value = fields[name]
          expect(
            value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string')),
          ).toBe(true)
        }
        expect(fields.username === undefined || typeof fields.username === 'string').toBe(true)
        expect(fields.expiresAt === undefined || !Number.isNaN(fields.expiresAt?.getTime())).toBe(true)
      }),
      { numRuns: 3000 },
    )
    expect(accepted).toBeGreaterThan(20)
  })

  it('may have numbers as ids, and null for what is absent', () => {
    expect(
      judgedFields({ userId: 7, organizationId: 9n, keyId: null, roles: null, username: undefined }),
    ).toEqual({
      userId: '7',
      organizationId: '9',
    })
  })
})

/** A `principal` callback that does not look at the record accepts every record. */
describe('an answer of `find` that is no record', () => {
  const principal = () => ({ userId: 'svc', permissions: ['*'] })
  const methods: [string, (find: Callback) => MethodPlan, Record<string, string>, string][] = [
    ['apiKey()', (find) => apiKey({ find: as(find), principal }), { 'x-api-key': 'wrong' }, 'INVALID_API_KEY'],
    ['session()', (find) => session({ cookie: 'sid', find: as(find), principal }), { cookie: 'sid=x' }, 'INVALID_TOKEN'],
    ['basic()', (find) => basic({ find: as(find), check: () => true, principal }), basically, 'AUTHENTICATION_FAILED'],
  ] // biome-ignore format: a table
  it.each(methods)('of %s makes no principal', async (_name, of, headers, code) => {
    const answers = [false, true, 0, 1, '', 'ada', [], [{ id: 'ada' }], Symbol('ada'), () => ({ id: 'ada' })]
    for (const answer of answers)
      for (const find of [() => answer, async () => answer]) {
        const response = await probe({ methods: [of(find)] }).send(headers)
        expect([response.status, response.code, response.principal]).toEqual([401, code, null])
      }
    expect((await probe({ methods: [of(() => ({}))] }).send(headers)).principal?.userId).toBe('svc')
  })
})
