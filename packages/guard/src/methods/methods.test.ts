/** The methods with callbacks, the places of credentials, and the order of several methods. */
import { createHash, randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { apiKey, basic, custom, jwt, problem, session } from '../index.ts'
import { probe } from '../testing/probe.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const basically = (text: string) => ({ authorization: `Basic ${base64(text)}` })
const people = new Map([['ada', { id: 7, username: 'ada', password: 'pässword:x', role: 'admin' }]])

describe('basic', () => {
  const checked: (string | null)[] = []
  const consumer = probe({
    methods: [
      basic({
        find: async (name) => people.get(name) ?? null,
        check: (person, password) => {
          checked.push(person?.username ?? null)
          return person ? person.password === password : true
        },
      }),
    ],
  })

  it('accepts a name and a password in UTF-8, colons included', async () => {
    const { principal } = await consumer.send(basically('ada:pässword:x'))
    expect(principal).toMatchObject({
      userId: '7',
      username: 'ada',
      role: 'admin',
      roles: ['admin'],
      method: 'basic',
    })
  })

  it('calls the check for unknown accounts too, and ignores its result', async () => {
    checked.length = 0
    const [unknown, wrong] = [
      await consumer.send(basically('bob:x')),
      await consumer.send(basically('ada:x')),
    ]
    expect(checked).toEqual([null, 'ada'])
    expect([unknown.status, unknown.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
    const without = (text: string) => text.replace(/"(?:request_id|timestamp)":"[^"]*"/g, '')
    expect(without(unknown.text)).toBe(without(wrong.text))
    expect(unknown.headers.get('www-authenticate')).toBe('Basic realm="latchkey", charset="UTF-8"')
  })

  it.each([
    ['no colon', base64('ada')],
    ['no name', base64(':x')],
    ['a control character', base64('ada:x\u0000')],
    ['no UTF-8', Buffer.from([0x61, 0x3a, 0xff]).toString('base64')],
    ['no base64', '%%%'],
    ['lax base64', `${base64('ada:x')} `.replace(/=* $/, '!')],
    ['a tab', `\t${base64('ada:x')}`],
  ])('refuses %s as unreadable', async (_name, value) => {
    expect((await consumer.send({ authorization: `Basic ${value}` })).status).toBe(400)
  })
})

describe('apiKey', () => {
  const KEY = randomBytes(24).toString('base64url')
  const hash = createHash('sha256').update(KEY).digest()
  const records = [
    { id: 'other', key_hash: createHash('sha256').update('other').digest('hex') },
    { id: 'mine', key_hash: hash.toString('hex') },
  ]

  it('is looked up by the callback', async () => {
    const consumer = probe({ methods: [apiKey({ find: (key) => (key === KEY ? { id: 'mine' } : null) })] })
    for (const headers of [
      { 'x-api-key': KEY },
      { authorization: `Api-Key ${KEY}` },
      { authorization: `API-KEY ${KEY}` },
    ])
      expect((await consumer.send(headers)).principal?.userId).toBe('mine')
    const response = await consumer.send({ 'x-api-key': `${KEY}x` })
    expect([response.status, response.code, response.headers.get('www-authenticate')]).toEqual([
      401,
      'INVALID_API_KEY',
      'Api-Key realm="latchkey"',
    ])
  })

  it.each(['hex', 'base64url'] as const)(
    'is compared with a stored hash in %s, and not passed to the callback',
    async (encoding) => {
      const record = { id: 'mine', key_hash: hash.toString(encoding) }
      const shown: unknown[] = []
      const consumer = probe({
        methods: [
          apiKey({
            storedHashField: 'key_hash',
            find: (...all) => {
              shown.push(...all)
              return record
            },
          }),
        ],
      })
      expect((await consumer.send({ 'x-api-key': KEY })).principal?.userId).toBe('mine')
      // the look-up found a record: the hash decides
      expect((await consumer.send({ 'x-api-key': 'another' })).status).toBe(401)
      expect(JSON.stringify(shown)).not.toContain(KEY)
      expect(shown[0]).toEqual({ hex: hash.toString('hex'), base64url: hash.toString('base64url') })
    },
  )

  it('is found in a list of all records', async () => {
    const consumer = probe({ methods: [apiKey({ storedHashField: 'key_hash', find: records })] })
    expect((await consumer.send({ 'x-api-key': KEY })).principal?.userId).toBe('mine')
    for (const key of ['other2', hash.toString('hex'), '', ' '])
      expect([key, (await consumer.send({ 'x-api-key': key })).status]).toEqual([key, 401])
  })

  it.each([null, undefined, '', 42, 'not a hash', hash.toString('hex').slice(1)])(
    'never fits a stored %j',
    async (stored) => {
      const consumer = probe({
        methods: [apiKey({ storedHashField: 'key_hash', find: [{ id: 'mine', key_hash: stored }] })],
      })
      expect((await consumer.send({ 'x-api-key': KEY })).status).toBe(401)
    },
  )

  it('is read from the query, another header field and Bearer only where that is enabled', async () => {
    const find = (key: string) => (key === KEY ? { id: 'mine' } : null)
    const off = probe({ methods: [apiKey({ find })] })
    const on = probe({ methods: [apiKey({ find, query: 'api_key', headers: ['X-My-Key'], bearer: true })] })
    const url = `/things?page=2&api_key=${KEY}`
    const bearer = { authorization: `Bearer ${KEY}` }
    expect([(await off.send({}, { url })).status, (await on.send({}, { url })).status]).toEqual([401, 200])
    expect([(await off.send(bearer)).status, (await on.send(bearer)).status]).toEqual([401, 200])
    expect((await on.send({ 'x-my-key': KEY })).status).toBe(200)
    expect((await on.send({ 'x-api-key': KEY })).code).toBe('AUTHENTICATION_REQUIRED')
    expect((await on.send(bearer, { url: `${url}x` })).code).toBe('BAD_REQUEST')
    expect((await on.send({}, { url: `${url}&api_key=other` })).code).toBe('BAD_REQUEST')
    expect((await on.send({ authorization: `Bearer ${KEY} x` })).status).toBe(401)
  })
})

describe('session', () => {
  const find = (token: string) =>
    token === 'good' || token === 's:good.sig' ? { user_id: 'u1', session_id: 's1' } : null
  const consumer = probe({ methods: [session({ cookie: 'sid', find, origins: ['https://app.example'] })] })

  it('reads its cookie among others, plain or percent-encoded', async () => {
    for (const cookie of [
      'sid=good',
      'a=b; sid=good; c=d',
      'sid=good; sid=good',
      'sid=s%3Agood.sig',
      ' sid=good ',
    ])
      expect([cookie, (await consumer.send({ cookie })).principal?.sessionId]).toEqual([cookie, 's1'])
    expect((await consumer.send({ cookie: 'sid2=good' })).code).toBe('AUTHENTICATION_REQUIRED')
  })

  it.each([
    'sid=',
    'sid=a b',
    'sid="good"',
    'sid=good; sid=other',
    'sid=%zz',
    'sid=%ff',
    'sid=a,b',
    `sid=${'x'.repeat(5000)}`,
  ])('refuses the malformed %s, also where a credential is optional', async (cookie) => {
    const response = await consumer.send({ cookie }, { rule: { optional: true } })
    expect([response.status, response.code]).toEqual([401, 'INVALID_TOKEN'])
  })

  it('answers SESSION_EXPIRED to an unknown session', async () => {
    const response = await consumer.send({ cookie: 'sid=gone' }, { rule: { optional: true } })
    expect([response.status, response.code, response.headers.get('www-authenticate')]).toEqual([
      401,
      'SESSION_EXPIRED',
      'Session realm="latchkey"',
    ])
  })

  it('refuses unsafe requests of another site', async () => {
    const post = async (headers: Record<string, string>) =>
      (await consumer.send({ cookie: 'sid=good', host: 'api.example', ...headers }, { method: 'POST' }))
        .code ?? 'ok'
    expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe('CSRF_FAILED')
    expect(await post({ 'sec-fetch-site': 'same-site' })).toBe('CSRF_FAILED')
    expect(await post({ 'sec-fetch-site': 'same-origin' })).toBe('ok')
    expect(await post({ 'sec-fetch-site': 'none' })).toBe('ok')
    expect(await post({ origin: 'https://evil.example' })).toBe('CSRF_FAILED')
    expect(await post({ origin: 'null' })).toBe('CSRF_FAILED')
    expect(await post({ origin: 'https://api.example' })).toBe('ok')
    expect(await post({ origin: 'https://app.example', 'sec-fetch-site': 'same-site' })).toBe('ok')
    expect(await post({})).toBe('ok')
    const read = await consumer.send({ cookie: 'sid=good', 'sec-fetch-site': 'cross-site' })
    expect(read.status).toBe(200)
  })
})

describe('custom', () => {
  it('accepts, returns null for the next method, or refuses by throwing', async () => {
    const consumer = probe({
      methods: [
        custom(
          async (request) => {
            const who = request.header('x-who')
            if (who === undefined) return null
            if (who === 'locked')
              throw problem('ACCOUNT_LOCKED', { retryAfter: 90, details: { lockout_duration: 90 } })
            if (who === 'broken') throw new Error('the database is down at 10.0.0.7')
            return who === 'odd' ? ({} as never) : { userId: who, permissions: ['a:b'] }
          },
          { name: 'header', scheme: 'Who' },
        ),
      ],
    })
    expect((await consumer.send({ 'x-who': 'ada' })).principal).toMatchObject({
      userId: 'ada',
      method: 'header',
    })
    const anonymous = await consumer.send()
    expect([anonymous.code, anonymous.headers.get('www-authenticate')]).toEqual([
      'AUTHENTICATION_REQUIRED',
      'Who realm="latchkey"',
    ])
    const locked = await consumer.send({ 'x-who': 'locked' }, { rule: { optional: true } })
    expect([locked.status, locked.headers.get('retry-after')]).toEqual([423, '90'])
    for (const who of ['broken', 'odd']) {
      const response = await consumer.send({ 'x-who': who }, { rule: { optional: true } })
      expect([response.status, response.code, response.text.includes('10.0.0.7')]).toEqual([
        401,
        'INVALID_TOKEN',
        false,
      ])
    }
    expect(
      consumer.problems.map(({ cause }) => cause).filter((cause) => cause instanceof Error),
    ).toHaveLength(2)
  })

  it('that throws synchronously is caught as well', async () => {
    const consumer = probe({
      methods: [
        custom(() => {
          throw new Error('oops')
        }),
      ],
    })
    expect((await consumer.send()).status).toBe(401)
  })
})

describe('several methods', () => {
  const [first, second] = [randomBytes(32), randomBytes(32)]
  const of = (secret: Uint8Array, issuer: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(issuer)
      .setIssuer(issuer)
      .setAudience('api')
      .setExpirationTime('1h')
      .sign(secret)
  const consumer = probe({
    methods: [
      jwt({ secret: first, issuer: 'one', audience: 'api' }),
      jwt({ secret: second, issuer: 'two', audience: 'api' }),
      basic({ find: (name) => people.get(name), check: (person, password) => person?.password === password }),
      apiKey({ find: (key) => (key === 'key' ? { id: 'robot' } : null) }),
      session({ cookie: 'sid', find: (token) => (token === 'good' ? { id: 'browser' } : null) }),
    ],
    realm: 'my "api"',
  })

  it('each decide about their kind of credential', async () => {
    const who = async (headers: Record<string, string>) => (await consumer.send(headers)).principal?.userId
    expect(await who({ authorization: `Bearer ${await of(first, 'one')}` })).toBe('one')
    expect(await who({ authorization: `Bearer ${await of(second, 'two')}` })).toBe('two')
    expect(await who(basically('ada:pässword:x'))).toBe('7')
    expect(await who({ 'x-api-key': 'key' })).toBe('robot')
    expect(await who({ cookie: 'sid=good' })).toBe('browser')
  })

  it('never pass an invalid credential to the next method', async () => {
    const crossed = await consumer.bearer(await of(second, 'one'))
    expect([crossed.status, crossed.code]).toEqual([401, 'INVALID_TOKEN'])
    for (const authorization of [
      'Bearer key',
      'Api-Key good',
      `Basic ${base64('key:key')}`,
      'Bearer',
      'Negotiate x',
      'Bearer  x',
    ])
      expect([
        authorization,
        (await consumer.send({ authorization }, { rule: { optional: true } })).status,
      ]).toEqual([authorization, 401])
  })

  it('name all schemes in order', async () => {
    const response = await consumer.send()
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="my 'api'", Basic realm="my 'api'", charset="UTF-8", Api-Key realm="my 'api'", Session realm="my 'api'"`,
    )
  })

  it('refuse two explicit credentials, and prefer an explicit one to the cookie', async () => {
    const bearer = { authorization: `Bearer ${await of(first, 'one')}` }
    expect((await consumer.send({ ...bearer, 'x-api-key': 'key' })).code).toBe('BAD_REQUEST')
    expect((await consumer.send({ ...basically('ada:x'), 'x-api-key': 'key' })).code).toBe('BAD_REQUEST')
    expect((await consumer.send({ ...bearer, cookie: 'sid=good' })).principal?.userId).toBe('one')
    expect((await consumer.send({ authorization: 'Bearer x', cookie: 'sid=good' })).status).toBe(401)
  })

  it('accept schemes in any case and one or more spaces (RFC 9110 §11.1, §11.4)', async () => {
    const token = await of(first, 'one')
    for (const scheme of ['bearer', 'BEARER', 'bEaReR', 'Bearer ', 'Bearer   '])
      expect((await consumer.send({ authorization: `${scheme} ${token}` })).status).toBe(200)
    expect((await consumer.send({ authorization: `Basic  ${base64('ada:pässword:x')}` })).status).toBe(200)
    expect((await consumer.send({ authorization: 'Api-Key   key' })).status).toBe(200)
    for (const authorization of [
      `Bearer\t${token}`,
      `Bearer${token}`,
      `Bearer: ${token}`,
      token,
      `Bearer "${token}"`,
      `Bearer ${token} x`,
      `Bearer token=${token}`,
    ])
      expect((await consumer.send({ authorization })).status).toBe(401)
    for (const authorization of [`Bearer ${token}, Bearer ${token}`, `Basic YQ==, Bearer ${token}`])
      expect((await consumer.send({ authorization })).status).toBe(400)
  })
})
