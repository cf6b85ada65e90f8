import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { authHeaders } from './headers.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld({ returnOrigins: ['https://app.example.com'] })
  ada = await world.person({ username: 'ada' })
})
afterAll(() => world.stop())

const VALIDATE = '/api/v1/auth/validate'
const ask = (headers: Record<string, string>, query = '') =>
  world.client().get(`${VALIDATE}${query}`, { headers })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const BROWSER = { accept: 'text/html,application/xhtml+xml' }

describe('validate', () => {
  it('returns the same for a session by cookie and by bearer', async () => {
    const { data } = await world.client().signIn('ada', PASSWORD)
    const expected = {
      user_id: ada.id,
      username: 'ada',
      role: 'viewer',
      roles: ['viewer'],
      permissions: ['analytics:read', 'dashboard:read'],
      method: 'session',
      session_id: data.session.id,
      key_id: null,
      organization_id: null,
      organization_role: null,
      organization_permissions: [],
      token_id: null,
      authenticated_at: expect.stringMatching(/^2030-06-01T/),
      expires_at: data.expires_at,
      amr: ['pwd'],
      acr: 'aal1',
    }
    expect((await ask(bearer(data.token))).data).toEqual(expected)
    expect((await ask({ cookie: `lk_session=${data.token}` })).data).toEqual(expected)
  })

  it('answers an unsafe request the same, under a cookie with the CSRF token of its session only', async () => {
    const { data } = await world.client().signIn('ada', PASSWORD)
    const check = (headers: Record<string, string>) => world.client().post(VALIDATE, undefined, { headers })
    const cookie = `lk_session=${data.token}`
    const right = await check({ cookie, 'x-csrf-token': data.session.csrf_token })
    expect([right.status, right.data]).toEqual([200, (await ask({ cookie })).data])
    const other = (await world.client().signIn('ada', PASSWORD)).data.session.csrf_token
    for (const token of ['', 'x', other])
      expect((await check({ cookie, 'x-csrf-token': token })).code).toBe('CSRF_FAILED')
    expect((await check({ cookie })).code).toBe('CSRF_FAILED')
    expect((await check(bearer(data.token))).status).toBe(200)
    expect((await check({})).status).toBe(401)
  })

  it('returns the id and the session of an access token', async () => {
    const { data } = await world.client().signIn('ada', PASSWORD, { tokens: true })
    const reply = await ask(bearer(data.access_token))
    expect(reply.data).toMatchObject({
      user_id: ada.id,
      role: 'viewer',
      method: 'access_token',
      session_id: data.session.id,
    })
    expect(reply.data.token_id).toMatch(/^tok_/)
    expect(Date.parse(reply.data.expires_at)).toBeGreaterThan(world.clock.now().getTime())
  })

  it('returns every X-Auth header for every kind of credential', async () => {
    const { id, secret } = await ada.client.apiKey({ permissions: ['dashboard:read'] })
    const { headers, data: body } = await ask({ 'x-api-key': secret })
    expect(Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-auth-')))).toEqual({
      'x-auth-user-id': ada.id,
      'x-auth-username': 'ada',
      'x-auth-role': 'viewer',
      'x-auth-roles': 'viewer',
      'x-auth-permissions': '',
      'x-auth-method': 'api_key',
      'x-auth-session-id': '',
      'x-auth-key-id': id,
      'x-auth-organization-id': '',
      'x-auth-organization-role': '',
      'x-auth-organization-permissions': '',
      'x-auth-token-id': '',
      'x-auth-authenticated-at': '',
      'x-auth-expires-at': '',
      'x-auth-amr': '',
      'x-auth-acr': '',
    })
    expect(body.key_id).toBe(id)
    const asked = await ask({ 'x-api-key': secret }, '?headers=permissions,organization_permissions')
    expect(asked.headers.get('x-auth-permissions')).toBe('dashboard:read')
    const refused = await ask({ 'x-api-key': 'nonsense' })
    expect([...refused.headers.keys()].filter((name) => name.startsWith('x-auth-'))).toEqual([])
  })

  it('ignores identity headers that a proxy or a client sets', async () => {
    const forged = {
      'x-auth-user-id': ada.id,
      'x-forwarded-user': 'ada',
      'remote-user': 'ada',
      'x-forwarded-for': '10.0.0.1',
    }
    expect((await ask(forged)).status).toBe(401)
    expect(
      (
        await ask({
          ...forged,
          'x-original-url': 'https://app.example.com/?a=1',
          'x-original-method': 'OPTIONS',
        })
      ).status,
    ).toBe(401)
  })

  it('is not subject to the limits of other routes', async () => {
    const limited = await startWorld({ rateLimits: 'standard' })
    const { client } = await limited.person()
    const { client: key } = await client.apiKey()
    for (let i = 0; i < 120; i += 1) expect((await key.get(VALIDATE)).status).toBe(200)
    await limited.stop()
  })

  it.each(['require=users:read,', 'require=*', 'role=administrator'])(
    'refuses a caller who lacks a required permission or role: %s',
    async (query) => {
      const reply = await ada.client.get(`${VALIDATE}?${query}`)
      expect([reply.status, reply.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    },
  )
  it.each([
    'require=a%20b:c:d',
    'role=<x>',
    'redirect=yes',
    'headers=roles',
    'require=dashboard:read&require=x:y',
  ])('refuses a malformed query: %s', async (query) => {
    expect((await ada.client.get(`${VALIDATE}?${query}`)).status).toBe(400)
  })
  it.each([
    'require=',
    'require',
    'require=,',
    'require=%20',
    'require=+,,+',
    'role=',
    'role=,%09',
    'require=&role=viewer',
  ])('refuses a condition that is empty, which would admit everyone: %s', async (query) => {
    for (const style of ['', 'headers=permissions&', 'redirect=1&']) {
      const reply = await ada.client.get(`${VALIDATE}?${style}${query}`)
      expect([reply.status, reply.body.error.details]).toEqual([
        400,
        [expect.objectContaining({ field: query.startsWith('role') ? 'role' : 'require', code: 'empty' })],
      ])
      expect(reply.headers.get('x-auth-user-id')).toBeNull()
    }
    expect((await ask({}, `?${query}`)).status).toBe(401)
  })
  it('takes other empty parameters for absent ones', async () => {
    expect((await ada.client.get(`${VALIDATE}?redirect=&headers=`)).status).toBe(200)
  })
  it('accepts a caller with all the permissions and one of the roles', async () => {
    expect(
      (await ada.client.get(`${VALIDATE}?require=dashboard:read,analytics:read&role=staff,viewer`)).status,
    ).toBe(200)
  })
})

describe('HTTP Basic', () => {
  const basic = (name: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
  })

  it('returns the user of a password, starts no session, and sets no cookie', async () => {
    const person = await world.person({ username: 'basic', signIn: false })
    const before = await world.events(person.id)
    const reply = await ask(basic('basic', PASSWORD), '?require=dashboard:read&headers=permissions')
    expect(reply.data).toMatchObject({
      user_id: person.id,
      username: 'basic',
      method: 'basic',
      permissions: ['analytics:read', 'dashboard:read'],
      session_id: null,
      authenticated_at: expect.stringMatching(/^2030-/),
      expires_at: null,
      amr: ['pwd'],
      acr: 'aal1',
    })
    expect(reply.headers.get('x-auth-method')).toBe('basic')
    expect(reply.headers.get('x-auth-permissions')).toBe('analytics:read,dashboard:read')
    expect(reply.headers.getSetCookie()).toEqual([])
    expect(await world.events(person.id)).toEqual(before)
    expect((await ask(basic('basic', PASSWORD), '?require=users:read')).code).toBe('INSUFFICIENT_PERMISSIONS')
  })

  it('counts as a guess, together with those at the login', async () => {
    const person = await world.person({ username: 'guessed', signIn: false })
    for (let i = 0; i < 4; i += 1)
      expect((await ask(basic('guessed', 'wrong'))).code).toBe('AUTHENTICATION_FAILED')
    const last = await world.client().post('/api/v1/auth/login', { username: 'guessed', password: 'wrong' })
    expect(last.code).toBe('AUTHENTICATION_FAILED')
    const locked = await ask(basic('guessed', PASSWORD))
    expect([locked.status, locked.code]).toEqual([423, 'ACCOUNT_LOCKED'])
    expect(
      (await world.events(person.id)).filter((type) => type === 'auth.login.failure').length,
    ).toBeGreaterThanOrEqual(5)
    const unknown = await ask(basic('unknown-user', 'wrong'))
    expect([unknown.status, unknown.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
  })

  it('is limited as a sign-in: one counter for both', async () => {
    const limited = await startWorld({ rateLimits: 'standard' })
    try {
      const { email } = await limited.person()
      const validate = () => limited.client().get(VALIDATE, { headers: basic(email, PASSWORD) })
      const statuses: number[] = []
      for (let i = 0; i < 60; i += 1) statuses.push((await validate()).status)
      const login = () => limited.client().post('/api/v1/auth/login', { username: email, password: PASSWORD })
      for (let i = 0; i < 39; i += 1) statuses.push((await login()).status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(99)
      expect([(await validate()).status, (await login()).status]).toEqual([429, 429])
    } finally {
      await limited.stop()
    }
  })

  it('is refused where a sign-in would be refused, or would require a further step', async () => {
    const classic = await startWorld({ passwordProfile: 'classic' })
    try {
      const old = await classic.person({ password: 'Tr4vel-agency!', signIn: false })
      const validate = () => classic.client().get(VALIDATE, { headers: basic(old.email, 'Tr4vel-agency!') })
      await classic
        .client()
        .post('/api/v1/auth/register', { email: 'new@example.com', password: 'Tr4vel-agency!' })
      const unproven = await classic
        .client()
        .get(VALIDATE, { headers: basic('new@example.com', 'Tr4vel-agency!') })
      expect([unproven.status, unproven.code]).toEqual([403, 'EMAIL_NOT_VERIFIED'])
      expect((await validate()).status).toBe(200)
      await classic.clock.advance('91 days')
      const expired = await validate()
      expect([expired.status, expired.code, expired.body.error.details]).toEqual([
        403,
        'PASSWORD_EXPIRED',
        { reason: 'age' },
      ])
    } finally {
      await classic.stop()
    }
  })

  it('is refused where it cannot be read, beside another credential, and on other routes', async () => {
    expect((await ask({ authorization: 'Basic !!!' })).status).toBe(400)
    const { secret } = await ada.client.apiKey()
    expect((await ask({ ...basic('ada', PASSWORD), 'x-api-key': secret })).status).toBe(400)
    const other = await world.client().get('/api/v1/auth/me', { headers: basic('ada', PASSWORD) })
    expect([other.status, other.code]).toEqual([401, 'INVALID_TOKEN'])
  })
})

describe('a credential header that belongs to the app', () => {
  const FOREIGN: Record<string, string>[] = [
    { 'x-api-key': '0123456789abcdef' },
    { 'x-api-key': 'sk_live_4eC39HqLyjWDarjtT1zdp7dc' },
    { authorization: 'Bearer 0123456789abcdef' },
    { authorization: 'Digest username="a"' },
    { authorization: 'Bearer 0123', 'x-api-key': '4567' },
    { authorization: 'Api-Key 0123456789abcdef' },
    { authorization: 'Bearer sk_live_4eC39HqLyjWDarjtT1zdp7dc' },
  ]
  it.each(FOREIGN)('is ignored beside a session cookie: %j', async (headers) => {
    const { data } = await world.client().signIn('ada', PASSWORD)
    const cookie = `lk_session=${data.token}`
    const reply = await ask({ ...headers, cookie })
    expect([reply.status, reply.data?.method]).toEqual([200, 'session'])
    // without a session, and on every other route, it is an invalid credential
    expect((await ask(headers)).status).toBeGreaterThanOrEqual(400)
    const me = await world.client().get('/api/v1/auth/me', { headers: { ...headers, cookie } })
    expect([400, 401]).toContain(me.status)
    expect((await ask({ ...headers, cookie: 'lk_session=nonsense' })).status).toBe(401)
  })

  it('is none that has the form of ours: it takes precedence over the cookie, even if it is invalid', async () => {
    const { data } = await world.client().signIn('ada', PASSWORD)
    const cookie = `lk_session=${data.token}`
    const { id, secret } = await ada.client.apiKey()
    await ada.client.delete(`/api/v1/auth/api-keys/${id}`)
    for (const headers of [
      { 'x-api-key': secret },
      bearer(secret),
      bearer(`st_${'A'.repeat(43)}`),
      bearer('a.b.c'),
    ] as Record<string, string>[])
      expect([headers, (await ask({ ...headers, cookie })).status]).toEqual([headers, 401])
    expect((await ask({ ...bearer(secret), 'x-api-key': secret, cookie })).status).toBe(400)
  })
})

describe('a browser that is not signed in', () => {
  const original = (url: string, more: Record<string, string> = {}) => ({
    ...BROWSER,
    'x-original-url': url,
    ...more,
  })
  const forwarded = (proto: string, host: string, uri: string) => ({
    ...BROWSER,
    'x-forwarded-proto': proto,
    'x-forwarded-host': host,
    'x-forwarded-uri': uri,
  })
  const sentTo = async (headers: Record<string, string>) => {
    const reply = await ask(headers, '?redirect=1')
    return [reply.status, reply.headers.get('location')?.replace(world.config.publicUrl, '') ?? null]
  }

  it('is redirected to sign in, and back where the origin is registered', async () => {
    const back = `/sign-in?return_to=${encodeURIComponent('https://app.example.com/a?b=c&d=e')}`
    expect(await sentTo(original('https://app.example.com/a?b=c&d=e'))).toEqual([303, back])
    expect(await sentTo(forwarded('https', 'app.example.com', '/a?b=c&d=e'))).toEqual([303, back])
    expect(await sentTo(original(`${world.config.publicUrl}/app/`))).toEqual([
      303,
      '/sign-in?return_to=%2Fapp%2F',
    ])
  })

  it.each([
    ['a foreign origin', original('https://evil.example/a')],
    ['a look-alike', original('https://app.example.com.evil.example/')],
    ['a user in front', original('https://app.example.com@evil.example/')],
    ['another scheme', original('javascript:alert(1)')],
    ['a bare path', original('//evil.example/')],
    ['a malformed host', forwarded('https', 'app.example.com/@evil.example', '/')],
    ['a list of hosts', forwarded('https', 'app.example.com, evil.example', '/')],
    ['a malformed uri', forwarded('https', 'app.example.com', '.evil.example/')],
    [
      'an unsafe request, which cannot be repeated',
      original('https://app.example.com/a', { 'x-original-method': 'POST' }),
    ],
    ['nothing', BROWSER],
  ])('is redirected to sign in, but not back to %s', async (_, headers) => {
    expect(await sentTo(headers)).toEqual([303, '/sign-in'])
  })

  it('is redirected with a notice when the session has expired', async () => {
    const person = await world.person()
    const cookie = `lk_session=${person.client.cookies.get('lk_session')}`
    await world.clock.advance('31 minutes')
    expect(await sentTo({ ...BROWSER, cookie })).toEqual([303, '/sign-in?expired=1'])
  })

  it('is redirected only where the query requests it; other clients never are', async () => {
    expect((await ask(BROWSER)).status).toBe(401)
    expect((await ask({ accept: 'application/json' }, '?redirect=1')).status).toBe(401)
    expect((await ask({ ...BROWSER, 'x-api-key': 'nonsense' }, '?redirect=1')).status).toBe(401)
    expect((await ask({ ...BROWSER, ...bearer('nonsense') }, '?redirect=1')).status).toBe(401)
  })
})

describe('the headers', () => {
  it('are printable ASCII for any value, and a list can be split again', () => {
    const hostile = ['a,b', 'ö\r\nX-Evil: 1', '100%', 'x y', '\u{1f600}', '\ud800']
    const headers = authHeaders({ username: 'Jürgen\r\nSet-Cookie: a=b', roles: hostile, key_id: null }, [])
    for (const value of Object.values(headers)) expect(value).toMatch(/^[\x21-\x7e]*$/)
    expect(headers['x-auth-roles']?.split(',').map(decodeURIComponent)).toEqual([
      ...hostile.slice(0, 5),
      '\ufffd',
    ])
    expect(headers['x-auth-key-id']).toBe('')
  })
})
