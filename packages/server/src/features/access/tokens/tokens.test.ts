import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { disableUser, enableUser } from '../../identity/lifecycle/index.ts'
import { getUser } from '../../identity/users/index.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
})
afterAll(() => world.stop())

interface Tokens {
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
}
const bearer = (token: string): Client => world.client({ headers: { authorization: `Bearer ${token}` } })
const partOf = (token: string, part: 0 | 1) =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString())
const signIn = async (
  who = ada,
): Promise<Tokens & { token: string; session: { id: string; expires_at: string } }> =>
  (await world.client().signIn(who.email, PASSWORD, { tokens: true })).data
const refresh = (token: string, headers: Record<string, string> = {}) =>
  world.client().post('/api/v1/auth/refresh', { refresh_token: token }, { headers })
const me = async (token: string) => (await bearer(token).get('/api/v1/auth/me')).status

describe('tokens of a sign-in', () => {
  it('are issued on request only', async () => {
    const { data } = await world.client().signIn(ada.email, PASSWORD)
    expect(data).not.toHaveProperty('access_token')
    const tokens = await signIn()
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600 })
    expect(tokens.refresh_token).toMatch(/^rt_[\w-]{43}$/)
  })

  it('identify the user by the documented claims', async () => {
    const tokens = await signIn()
    const jwks = await world.client().get('/.well-known/jwks.json')
    expect(partOf(tokens.access_token, 0)).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: jwks.body.keys[0].kid,
    })
    const claims = partOf(tokens.access_token, 1)
    const now = Math.floor(world.clock.now().getTime() / 1000)
    expect(claims).toEqual({
      iss: world.config.publicUrl,
      aud: world.config.publicUrl,
      sub: ada.id,
      username: 'ada',
      role: 'viewer',
      roles: ['viewer'],
      permissions: ['analytics:read', 'dashboard:read'],
      sid: tokens.session.id,
      jti: expect.stringMatching(/^tok_[0-9a-f]{32}$/),
      amr: ['pwd'],
      acr: 'aal1',
      auth_time: expect.any(Number),
      iat: expect.any(Number),
      exp: claims.iat + 3600,
    })
    expect(Math.abs(claims.iat - now)).toBeLessThan(5)
  })

  it('are accepted where a session is, without a CSRF token', async () => {
    const tokens = await signIn()
    const client = bearer(tokens.access_token)
    expect((await client.get('/api/v1/auth/me')).data.user.id).toBe(ada.id)
    expect((await client.patch('/api/v1/users/me', { full_name: 'Ada L.' })).status).toBe(200)
    expect((await client.post('/api/v1/auth/tokens')).code).toBe('AUTHENTICATION_REQUIRED')
  })

  it('give the session the lifetime of a remembered one', async () => {
    const { session } = await signIn()
    const days = (new Date(session.expires_at).getTime() - world.clock.now().getTime()) / 86_400_000
    expect(days).toBeCloseTo(30, 1)
  })

  it('can be issued for a session later, and are audited once a family', async () => {
    const client = world.client()
    await client.signIn(ada.email, PASSWORD)
    const { status, data } = await client.post('/api/v1/auth/tokens')
    expect(status).toBe(201)
    expect(await me(data.access_token)).toBe(200)
    const before = (await world.events(ada.id)).filter((type) => type === 'auth.token.issued').length
    expect((await refresh(data.refresh_token)).status).toBe(200)
    const after = (await world.events(ada.id)).filter((type) => type === 'auth.token.issued').length
    expect(after).toBe(before)
  })

  it('expire', async () => {
    const tokens = await signIn()
    await world.clock.advance('61 minutes')
    expect((await bearer(tokens.access_token).get('/api/v1/auth/me')).code).toBe('TOKEN_EXPIRED')
    expect(await me((await refresh(tokens.refresh_token)).data.access_token)).toBe(200)
  })
})

describe('an access token alone, for a page', () => {
  const PATH = '/api/v1/auth/token'
  const page = async (who = ada) => {
    const client = world.client()
    await client.signIn(who.email, PASSWORD)
    return client
  }

  it('is issued to the session for 15 minutes, without a refresh token and without extending the session', async () => {
    const client = await page()
    const sessions = async () => (await client.get('/api/v1/auth/sessions')).data
    const current = async () => (await sessions()).find((one: { current: boolean }) => one.current)
    const before = await current()
    const { status, data, headers } = await client.post(PATH)
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store'])
    expect(data).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 900 })
    expect(partOf(data.access_token, 1)).toMatchObject({ sub: ada.id, sid: before.id, amr: ['pwd'] })
    expect(await me(data.access_token)).toBe(200)
    expect((await current()).expires_at).toBe(before.expires_at)
    await world.clock.advance('16 minutes')
    expect((await bearer(data.access_token).get('/api/v1/auth/me')).code).toBe('TOKEN_EXPIRED')
    expect((await client.post(PATH)).status).toBe(201)
  })

  it('is audited with its id', async () => {
    const client = await page()
    const { data } = await client.post(PATH)
    const { jti, exp, sid } = partOf(data.access_token, 1)
    const [event] = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .selectAll()
        .where('event_type', '=', 'auth.token.issued')
        .where('session_id', '=', sid)
        .execute(),
    )
    expect(event?.details).toEqual({ token: jti, expires_at: new Date(exp * 1000).toISOString() })
  })

  it('requires the CSRF token, and an origin that is listed', async () => {
    const client = await page()
    const csrf = client.csrfToken
    client.csrfToken = null
    expect((await client.post(PATH)).code).toBe('CSRF_FAILED')
    client.csrfToken = (await page()).csrfToken
    expect((await client.post(PATH)).code).toBe('CSRF_FAILED')
    client.csrfToken = csrf
    const from = (origin: string) =>
      client.post(PATH, {}, { headers: { origin, 'sec-fetch-site': 'same-site' } })
    expect((await from('https://evil.example')).code).toBe('CSRF_FAILED')
    expect((await from(world.config.publicUrl)).status).toBe(201)
  })

  it('is issued 120 times in ten minutes to a user, in all sessions together', async () => {
    const limited = await startWorld({ rateLimits: 'standard' })
    const [grace, other] = await limited.people(2)
    if (!grace || !other) throw new Error('no users')
    const again = limited.client()
    await again.signIn(grace.email, grace.password)
    // below the burst of a session
    for (let n = 0; n < 120; n += 1) {
      if (n % 20 === 0) await limited.clock.advance('61 seconds')
      expect([n, (await (n % 2 === 0 ? grace.client : again).post(PATH)).status]).toEqual([n, 201])
    }
    const refused = await again.post(PATH)
    expect([refused.status, refused.code, refused.headers.get('x-ratelimit-limit')]).toEqual([
      429,
      'RATE_LIMIT_EXCEEDED',
      '120',
    ])
    expect((await other.client.post(PATH)).status).toBe(201)
    await limited.clock.advance('10 minutes')
    expect((await again.post(PATH)).status).toBe(201)
    await limited.stop()
  })

  it('is not issued for an access token, an API key, or no credential', async () => {
    const client = await page()
    const { data } = await client.post(PATH)
    expect((await bearer(data.access_token).post(PATH)).code).toBe('AUTHENTICATION_REQUIRED')
    const { secret } = await client.apiKey({ permissions: ['*'] })
    expect((await bearer(secret).post(PATH)).status).toBeGreaterThanOrEqual(401)
    expect((await world.client().post(PATH)).code).toBe('AUTHENTICATION_REQUIRED')
  })

  it('is limited for each user, over all sessions', async () => {
    const limited = await startWorld({ rateLimits: 'standard' })
    try {
      const [one, other] = await limited.people(2)
      if (!one || !other) throw new Error('no users')
      const second = limited.client()
      await second.signIn(one.email, PASSWORD)
      for (let n = 0; n < 60; n += 1)
        for (const client of [one.client, second]) expect((await client.post(PATH)).status).toBe(201)
      const refused = await second.post(PATH)
      expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.any(Number)])
      expect((await other.client.post(PATH)).status).toBe(201)
      await limited.clock.advance('10 minutes')
      expect((await one.client.post(PATH)).status).toBe(201)
    } finally {
      await limited.stop()
    }
  })

  it('ends with the session, however the two are raced', async () => {
    const client = await page()
    const [, ...issued] = await Promise.all([
      client.post('/api/v1/auth/logout'),
      ...Array.from({ length: 10 }, () => client.post(PATH)),
    ])
    for (const { status, data } of issued)
      expect(status === 201 ? await me(data.access_token) : status).toBe(401)
    expect((await client.post(PATH)).status).toBe(401)
  })
})

describe('a refresh token', () => {
  it('works once and is followed by another', async () => {
    const first = await signIn()
    const second = (await refresh(first.refresh_token)).data as Tokens
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(await me(second.access_token)).toBe(200)
    expect((await refresh(second.refresh_token)).status).toBe(200)
  })

  it('repeated within ten seconds gets the same successor', async () => {
    const first = await signIn()
    const second = (await refresh(first.refresh_token)).data as Tokens
    await world.clock.advance('9 seconds')
    const again = await refresh(first.refresh_token)
    expect(again.data.refresh_token).toBe(second.refresh_token)
    expect(await me(again.data.access_token)).toBe(200)
  })

  it('used again later ends its family, its session and their tokens, and sends the user an e-mail', async () => {
    const first = await signIn()
    const second = (await refresh(first.refresh_token)).data as Tokens
    const third = (await refresh(second.refresh_token)).data as Tokens
    await world.clock.advance('11 seconds')
    expect((await refresh(first.refresh_token)).code).toBe('INVALID_TOKEN')
    expect((await refresh(third.refresh_token)).code).toBe('INVALID_TOKEN')
    for (const { access_token } of [first, second, third]) expect(await me(access_token)).toBe(401)
    expect(await me(first.token)).toBe(401)
    const events = await world.events(ada.id)
    expect(events.slice(-3)).toEqual(expect.arrayContaining(['auth.token.reuse', 'auth.session.revoked']))
    expect((await world.mailbox.emailTo(ada.email, /session .* was ended/i)).text).toContain(
      '/account/sessions',
    )
    // told once, however often it is tried
    const letters = (await world.mailbox.emailsTo(ada.email)).length
    expect((await refresh(first.refresh_token)).status).toBe(401)
    expect((await world.mailbox.emailsTo(ada.email)).length).toBe(letters)
    expect(await me((await signIn()).access_token)).toBe(200)
  })

  it('that is unknown, malformed or another kind of token is refused alike', async () => {
    const tokens = await signIn()
    for (const token of [
      `rt_${'A'.repeat(43)}`,
      `${tokens.refresh_token}A`,
      tokens.refresh_token.slice(0, -1),
      tokens.refresh_token.toUpperCase(),
      ` ${tokens.refresh_token}`,
      tokens.access_token,
      tokens.token,
      'x',
    ]) {
      const { status, code } = await refresh(token)
      expect({ token, status, code }).toEqual({ token, status: 401, code: 'INVALID_TOKEN' })
    }
    expect((await refresh(tokens.refresh_token)).status).toBe(200)
  })

  it('that is refused is a 403 in the style `errors`', async () => {
    const reply = await refresh('rt_x', { accept: 'application/vnd.latchkey.errors+json' })
    expect([reply.status, reply.body.status_code]).toEqual([403, 403])
  })

  it('keeps its session alive, and ends with it', async () => {
    let tokens: Tokens = await signIn()
    for (let day = 0; day < 6; day++) {
      await world.clock.advance('5 days')
      const reply = await refresh(tokens.refresh_token)
      // 30 days are the end, however busy
      if (day === 5) expect(reply.status).toBe(401)
      else tokens = reply.data
    }
    const idle = await signIn()
    await world.clock.advance('8 days')
    expect((await refresh(idle.refresh_token)).status).toBe(401)
  })
})

describe('at once', () => {
  it('a session that ends ends its tokens, in every way of ending', async () => {
    const ways: [string, (client: Client, sid: string) => Promise<unknown>][] = [
      ['sign-out', (client) => client.post('/api/v1/auth/logout')],
      ['ended by id', (_, sid) => ada.client.delete(`/api/v1/auth/sessions/${sid}`)],
      ['revoked by its token', (client) => client.post('/api/v1/auth/revoke', { token: client.headers.authorization?.slice(7) })],
    ] // biome-ignore format: a table
    await ada.client.signIn(ada.email, PASSWORD)
    for (const [about, end] of ways) {
      const tokens = await signIn()
      await end(bearer(tokens.token), tokens.session.id)
      expect(await me(tokens.access_token), about).toBe(401)
      expect((await refresh(tokens.refresh_token)).status, about).toBe(401)
    }
  })

  it('a changed password ends the tokens of the other sessions', async () => {
    const eve = await world.person({ email: 'eve@example.com' })
    const other = await signIn(eve)
    const own = (await eve.client.post('/api/v1/auth/tokens')).data as Tokens
    const change = { current_password: PASSWORD, new_password: 'an entirely different sentence' }
    expect((await eve.client.post('/api/v1/users/me/password', change)).status).toBe(200)
    expect([await me(other.access_token), await me(own.access_token)]).toEqual([401, 200])
  })

  it('a user who is disabled or deleted has no valid tokens, and after being enabled only new ones', async () => {
    const bob = await world.person({ email: 'bob@example.com' })
    const tokens = await signIn(bob)
    const user = () => world.db.tx('system', (tx) => getUser(tx, bob.id))
    const before = await user()
    await world.db.tx('system', (tx) =>
      disableUser(world.app.tools, tx, systemCall(world.clock.now()), before),
    )
    expect(await me(tokens.access_token)).toBe(401)
    expect((await refresh(tokens.refresh_token)).status).toBe(401)
    const disabled = await user()
    await world.db.tx('system', (tx) => enableUser(tx, systemCall(world.clock.now()), disabled))
    expect(await me(tokens.access_token)).toBe(401)
    const renewed = await signIn(bob)
    expect(await me(renewed.access_token)).toBe(200)
    const gone = await bearer(renewed.access_token).delete('/api/v1/users/me', { password: PASSWORD })
    expect(gone.status).toBe(200)
    expect(await me(renewed.access_token)).toBe(401)
    expect((await refresh(renewed.refresh_token)).status).toBe(401)
  })
})

describe('revoking', () => {
  const revoke = (token: string) => world.client().post('/api/v1/auth/revoke', { token })

  it('an access token refuses that one alone', async () => {
    const tokens = await signIn()
    expect((await revoke(tokens.access_token)).status).toBe(200)
    expect(await me(tokens.access_token)).toBe(401)
    expect(await me(tokens.token)).toBe(200)
    expect(await me((await refresh(tokens.refresh_token)).data.access_token)).toBe(200)
  })

  it('a refresh token refuses its family and its access tokens, and leaves the session', async () => {
    const first = await signIn()
    const second = (await refresh(first.refresh_token)).data as Tokens
    expect((await revoke(first.refresh_token)).status).toBe(200)
    expect([await me(first.access_token), await me(second.access_token), await me(first.token)]).toEqual([
      401, 401, 200,
    ])
    expect((await refresh(second.refresh_token)).status).toBe(401)
    const renewed = (await bearer(first.token).post('/api/v1/auth/tokens')).data as Tokens
    expect(await me(renewed.access_token)).toBe(200)
  })

  it('reveals nothing about the text that it gets', async () => {
    const { access_token } = await signIn()
    for (const token of [
      'nonsense',
      `rt_${'A'.repeat(43)}`,
      `st_${'A'.repeat(43)}`,
      `${access_token}x`,
      'a.b.c',
    ]) {
      const reply = await revoke(token)
      expect({ token, status: reply.status, data: reply.data }).toEqual({ token, status: 200, data: null })
    }
    expect(await me(access_token)).toBe(200)
  })

  it('all of mine leaves the sessions', async () => {
    const [one, two] = [await signIn(), await signIn()]
    expect((await bearer(one.access_token).delete('/api/v1/auth/tokens')).status).toBe(200)
    for (const tokens of [one, two]) {
      expect(await me(tokens.access_token)).toBe(401)
      expect((await refresh(tokens.refresh_token)).status).toBe(401)
      expect(await me(tokens.token)).toBe(200)
    }
    expect(await me((await signIn()).access_token)).toBe(200)
  })
})
