/**
 * The `latchkey` method with a fake server that implements the contract: which credentials are verified offline and
 * which by the server, while the revocation stream is connected, lost, silent and reconnected.
 */
import { describe, expect, it } from 'vitest'
import { asked, eachTestHasACounterpart, live, make, server, statusOf } from './testing/consumers.ts'
import { type Counterpart, makeKey, opaqueOf, type SigningKey } from './testing/counterpart.ts'
import { until, withinASecond } from './testing/waiting.ts'

eachTestHasACounterpart()

describe('with a connected stream', () => {
  it('verifies tokens offline, and returns their principal', async () => {
    const consumer = await live()
    const { principal } = await consumer.bearer(
      await server.token({ org: 'org_1', jti: 'tok_1', auth_time: 1 }),
    )
    expect(principal).toMatchObject({
      userId: 'usr_1',
      username: 'ada',
      role: 'staff',
      roles: ['staff', 'viewer'],
      permissions: ['invoices:read', 'chat:*'],
      method: 'access_token',
      organizationId: 'org_1',
      sessionId: 'ses_1',
      keyId: null,
      tokenId: 'tok_1',
      amr: ['pwd'],
      acr: '1',
      authenticatedAt: new Date(1000),
    })
    expect(principal?.expiresAt).toBeInstanceOf(Date)
    expect(Object.isFrozen(principal)).toBe(true)
    expect(asked()).toBe(0)
  })

  it.each([
    ['jti', 'tok_1'],
    ['sid', 'ses_1'],
    ['sub', 'usr_1'],
  ])('refuses a token seen before as soon as its %s is revoked', async (kind, value) => {
    const consumer = await live()
    const token = await server.token({ jti: 'tok_1' })
    const other = await server.token({ jti: 'tok_2', sid: 'ses_2', sub: 'usr_2' })
    expect([await statusOf(consumer, token), await statusOf(consumer, other)]).toEqual([200, 200])
    server.revoke({ kind, value, before: kind === 'sub' ? Math.floor(Date.now() / 1000) : null })
    await until(async () => (await statusOf(consumer, token)) === 401, 'the revocation')
    expect(await statusOf(consumer, other)).toBe(200)
    expect(asked()).toBe(0)
  })

  it.each([
    ['sub', 'usr_9'],
    ['client', 'orders-api'],
  ])('refuses a token as soon as the %s of who acts, or has acted, is revoked', async (kind, sub) => {
    const consumer = await live()
    const iat = Math.floor(Date.now() / 1000) - 10
    const tokens = await Promise.all([
      server.token({ iat, act: { sub } }),
      server.token({ iat, act: { sub: 'billing-api', act: { sub } } }),
      // of another actor, of none, and issued afterwards
      server.token({ iat, act: { sub: 'usr_8' } }),
      server.token({ iat }),
      server.token({ iat: iat + 2, act: { sub } }),
    ])
    const statuses = () => Promise.all(tokens.map((token) => statusOf(consumer, token)))
    expect(await statuses()).toEqual([200, 200, 200, 200, 200])
    server.revoke({ kind, value: sub, before: iat + 1 })
    await until(async () => (await statusOf(consumer, tokens[0] ?? '')) === 401, 'the revocation')
    expect(await statuses()).toEqual([401, 401, 200, 200, 200])
    expect(asked()).toBe(0)
  })

  it('refuses tokens that depend on roles without naming them as soon as any role is revoked', async () => {
    const consumer = await live()
    const iat = Math.floor(Date.now() / 1000) - 10
    const ofApp = { iat, client_id: 'shop', scope: 'orders:read', role: undefined, roles: undefined }
    const tokens = await Promise.all([
      server.token({ iat, act: { sub: 'usr_9' } }),
      server.token({ ...ofApp, permissions: ['orders:read'] }),
      // a service that acts has no roles; nothing depends on a role; its roles are named; issued afterwards
      server.token({ iat, act: { sub: 'orders-api' } }),
      server.token({ ...ofApp, permissions: [] }),
      server.token({ iat }),
      server.token({ ...ofApp, permissions: ['orders:read'], iat: iat + 2 }),
    ])
    const statuses = () => Promise.all(tokens.map((token) => statusOf(consumer, token)))
    expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200])
    server.revoke({ kind: 'role', value: '*', before: iat + 1 })
    await until(async () => (await statusOf(consumer, tokens[0] ?? '')) === 401, 'the revocation')
    expect(await statuses()).toEqual([401, 401, 200, 200, 200, 200])
    expect(asked()).toBe(0)
  })

  it.each([null, 'usr_9', [], {}, { sub: 9 }, { sub: 'usr_9', act: 'usr_8' }])(
    'reads any actor of a token: %j',
    async (act) => {
      const consumer = await live()
      const token = await server.token({ act })
      expect(await statusOf(consumer, token)).toBe(200)
      server.revoke({ kind: 'role', value: 'helper' })
      server.revoke({ kind: 'jti', value: 'tok_0' })
      expect(await statusOf(consumer, token)).toBe(200)
      server.revoke({ kind: 'sub', value: 'usr_1' })
      await until(async () => (await statusOf(consumer, token)) === 401, 'the revocation')
    },
  )

  it('accepts tokens of a user that were issued after the revocation', async () => {
    const consumer = await live()
    const seconds = Math.floor(Date.now() / 1000)
    const [before, after] = [await server.token({ iat: seconds - 10 }), await server.token({ iat: seconds })]
    server.revoke({ kind: 'sub', value: 'usr_1', before: seconds - 10 })
    await until(async () => (await statusOf(consumer, before)) === 401)
    expect(await statusOf(consumer, after)).toBe(200)
  })

  it('receives earlier revocations, and tolerates repeated events', async () => {
    const token = await server.token({ jti: 'tok_1' })
    server.revoke({ kind: 'jti', value: 'tok_1' })
    server.revoke({ kind: 'jti', value: 'tok_1' })
    const consumer = await live()
    expect(await statusOf(consumer, token)).toBe(401)
  })

  it('refetches the keys when they change, and refuses tokens of a removed key', async () => {
    const consumer = await live()
    const token = await server.token()
    expect(await statusOf(consumer, token)).toBe(200)
    server.keys = [await makeKey()]
    server.tell('keys')
    await until(async () => (await statusOf(consumer, token)) === 401)
    const before = asked()
    expect([await statusOf(consumer, await server.token()), asked()]).toEqual([200, before])
  })

  it('accepts every valid token while keys rotate, announced or not', async () => {
    const consumer = await live()
    const statuses = new Set<number>()
    for (let turn = 0; turn < 12; turn++) {
      server.keys = [await makeKey(), ...server.keys].slice(0, 3)
      if (turn % 2) server.tell('keys')
      for (let i = 0; i < 5; i++) statuses.add(await statusOf(consumer, await server.token()))
    }
    expect(statuses).toEqual(new Set([200]))
  })

  it('validates API keys and sessions at the server, and caches the answer for some seconds', async () => {
    let time = Date.now()
    const consumer = await live({}, () => time)
    const key = opaqueOf(server, 'api_key')
    for (let i = 0; i < 3; i++) {
      const response = await consumer.send({ 'x-api-key': key })
      expect(response.principal).toMatchObject({ method: 'api_key', keyId: 'key_1', userId: 'usr_1' })
    }
    expect(asked()).toBe(1)
    time += 5001
    await consumer.send({ 'x-api-key': key })
    expect(asked()).toBe(2)
    expect((await consumer.bearer(opaqueOf(server, 'session'))).principal?.sessionId).toBe('ses_1')
  })

  it.each([
    ['key', 'key_1', 'api_key'],
    ['sid', 'ses_1', 'session'],
    ['sub', 'usr_1', 'api_key'],
  ] as const)('drops a remembered answer when its %s is revoked', async (kind, value, what) => {
    const consumer = await live()
    const credential = opaqueOf(server, what)
    expect(await statusOf(consumer, credential)).toBe(200)
    server.revoke({ kind, value, before: kind === 'sub' ? Math.ceil(Date.now() / 1000) : null })
    await until(async () => (await statusOf(consumer, credential)) === 401)
  })

  it('does not cache an answer that a revocation has overtaken', async () => {
    const consumer = await live()
    const key = opaqueOf(server, 'api_key')
    server.trouble = { wait: 150 }
    const early = statusOf(consumer, key)
    await new Promise((resolve) => setTimeout(resolve, 50))
    server.revoke({ kind: 'key', value: 'key_1' })
    expect(await early).toBe(200)
    server.trouble = {}
    expect(await statusOf(consumer, key)).toBe(401)
  })

  it('reaches four guards within a second', async () => {
    const guards = await Promise.all([live(), live(), live(), live()])
    let tokens = 0
    await withinASecond(async () => {
      const jti = `tok_${++tokens}`
      const token = await server.token({ jti })
      const statuses = () => Promise.all(guards.map((guard) => statusOf(guard, token)))
      expect(await statuses()).toEqual([200, 200, 200, 200])
      server.revoke({ kind: 'jti', value: jti })
      return async () => (await statuses()).every((status) => status === 401)
    })
  })
})

describe('without a connected stream', () => {
  it('validates every token at the server where it has no credential', async () => {
    const consumer = make()
    const token = await server.token()
    for (let i = 0; i < 3; i++) expect(await statusOf(consumer, token)).toBe(200)
    expect([asked(), consumer.guard.state()]).toEqual([3, 'asking'])
    server.forget(token)
    expect(await statusOf(consumer, token)).toBe(401)
  })

  it('shares one call for concurrent requests with the same token', async () => {
    const consumer = make()
    const token = await server.token()
    await statusOf(consumer, token)
    server.trouble = { wait: 60 }
    const statuses = await Promise.all(Array.from({ length: 50 }, () => statusOf(consumer, token)))
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(asked()).toBe(2)
  })

  it('does not share a call that began before a revocation', async () => {
    const consumer = make({ timeout: 2000 })
    const token = await server.token()
    server.trouble = { wait: 400 }
    const early = statusOf(consumer, token)
    await new Promise((resolve) => setTimeout(resolve, 150))
    server.forget(token)
    expect([await statusOf(consumer, token), await early]).toEqual([401, 200])
  })

  it('never calls the server with revocation `none`, and reports the state off', async () => {
    const consumer = make({ revocation: 'none' })
    const token = await server.token()
    server.forget(token)
    expect([await statusOf(consumer, token), asked(), consumer.guard.state()]).toEqual([200, 0, 'off'])
  })

  it.each<[string, (server: Counterpart) => unknown]>([
    ['is down', (s) => s.fall()],
    ['fails', (s) => Object.assign(s.trouble, { status: 500 })],
    ['answers nonsense', (s) => Object.assign(s.trouble, { status: 200, body: '{"success":true}' })],
    ['answers a page', (s) => Object.assign(s.trouble, { status: 200, body: '<html>' })],
    [
      'answers without permissions',
      (s) => Object.assign(s.trouble, { status: 200, body: '{"data":{"user_id":"usr_1"}}' }),
    ],
    ['hangs', (s) => Object.assign(s.trouble, { wait: 5000 })],
    ['limits the rate', (s) => Object.assign(s.trouble, { status: 429 })],
    ['is another server', (s) => Object.assign(s.trouble, { status: 404 })],
    ['answers endlessly', (s) => Object.assign(s.trouble, { status: 200, body: ' '.repeat(100_000) })],
  ])('answers 503 and believes nothing where the server %s', async (_name, trouble) => {
    const consumer = make({ timeout: 1500 })
    const token = await server.token()
    expect(await statusOf(consumer, token)).toBe(200)
    await trouble(server)
    for (const rule of [{}, { optional: true }]) {
      const response = await consumer.bearer(token, { rule })
      expect([response.status, response.code, response.principal]).toEqual([503, 'UNAVAILABLE', null])
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await consumer.send({ 'x-api-key': opaqueOf(server, 'api_key') })).status).toBe(503)
  })

  it('forwards the problem of the server', async () => {
    const consumer = make()
    const token = await server.token()
    const error = {
      code: 'ACCOUNT_DISABLED',
      type: 'AUTHORIZATION_ERROR',
      message: 'Disabled.',
      details: null,
    }
    server.trouble = { status: 403, body: JSON.stringify({ error }) }
    const response = await consumer.bearer(token)
    expect([response.status, response.code, response.body.message]).toEqual([
      403,
      'ACCOUNT_DISABLED',
      'Disabled.',
    ])
    server.trouble = { status: 401, body: JSON.stringify({ error: { code: 'INTERNAL_ERROR' } }) }
    expect((await consumer.bearer(token)).code).toBe('INVALID_TOKEN')
  })

  it('takes roles and permissions from the answer, which is more recent than the token', async () => {
    const consumer = make()
    const token = await server.token()
    Object.assign(server.accounts.get(token) ?? {}, { roles: ['viewer'], permissions: [] })
    expect((await consumer.bearer(token)).principal?.roles).toEqual(['viewer'])
    expect((await consumer.bearer(token, { rule: { permissions: 'invoices:read' } })).status).toBe(403)
  })

  it('refuses where the answer is for another user', async () => {
    const consumer = make()
    const token = await server.token()
    Object.assign(server.accounts.get(token) ?? {}, { user_id: 'usr_2' })
    expect(await statusOf(consumer, token)).toBe(401)
  })

  it('validates a token of an unknown key at the server, if its claims are valid', async () => {
    const consumer = make()
    expect(await statusOf(consumer, await server.token())).toBe(200)
    await statusOf(consumer, await server.token({}, {}, await makeKey()))
    // the fetch for unknown keys is exhausted; the next key is not cached yet
    const next = await makeKey()
    server.keys = [next]
    const other = await server.token({ aud: 'https://other.example' }, {}, next)
    expect(await statusOf(consumer, other)).toBe(401)
    const fetched = server.count['/.well-known/jwks.json']
    expect(await statusOf(consumer, await server.token({}, {}, next))).toBe(200)
    await until(() => server.count['/.well-known/jwks.json'] === Number(fetched) + 1)
  })

  it('bounds concurrent validations of unknown keys, and caches refusals', async () => {
    const consumer = await live()
    const stranger = await makeKey()
    const frauds = await Promise.all(
      Array.from({ length: 60 }, (_, n) => server.token({ jti: `tok_${n}` }, {}, stranger)),
    )
    server.trouble.wait = 50
    const statuses = await Promise.all(frauds.map((fraud) => statusOf(consumer, fraud)))
    expect(new Set(statuses)).toEqual(new Set([401, 503]))
    expect(asked()).toBeLessThanOrEqual(16)
    // a token of a known key causes no call meanwhile
    expect(await statusOf(consumer, await server.token())).toBe(200)
    const before = asked()
    for (const [n, status] of statuses.entries())
      if (status === 401) expect(await statusOf(consumer, frauds[n] ?? '')).toBe(401)
    expect(asked()).toBe(before)
    // a token that was answered with 503 can be sent again
    const turnedAway = frauds[statuses.indexOf(503)] ?? ''
    expect(await statusOf(consumer, turnedAway)).toBe(401)
  })

  it('never sends a credential that the server cannot have issued', async () => {
    const consumer = make()
    for (const text of [
      'rt_abc',
      'st_short',
      `st_${'a'.repeat(44)}`,
      'x',
      `lk_live_${'a'.repeat(31)}`,
      'sk-123',
    ])
      expect([text, await statusOf(consumer, text)]).toEqual([text, 401])
    expect((await consumer.send({ 'x-api-key': 'nothing-of-ours' })).code).toBe('INVALID_API_KEY')
    expect(asked()).toBe(0)
  })
})

describe('a server that signs with a secret', () => {
  it('is verified with that secret only', async () => {
    const secret = 's'.repeat(32)
    const consumer = make({ secret, revocation: 'none' })
    const { SignJWT } = await import('jose')
    const claims = JSON.parse(
      Buffer.from((await server.token()).split('.')[1] ?? '', 'base64url').toString(),
    ) as Record<string, unknown>
    const sign = (text: string) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'hs' })
        .sign(new TextEncoder().encode(text))
    expect(await statusOf(consumer, await sign(secret))).toBe(200)
    expect(await statusOf(consumer, await sign('t'.repeat(32)))).toBe(401)
    expect(await statusOf(consumer, await server.token({}, {}, server.keys[0] as SigningKey))).toBe(401)
  })
})
