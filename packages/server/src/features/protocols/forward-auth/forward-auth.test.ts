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
    }
    expect((await ask(bearer(data.token))).data).toEqual(expected)
    expect((await ask({ cookie: `lk_session=${data.token}` })).data).toEqual(expected)
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
      'x-auth-permissions': 'dashboard:read',
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
    })
    expect(body.key_id).toBe(id)
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
  it.each(['require=a%20b:c:d', 'role=<x>', 'redirect=yes', 'require=dashboard:read&require=x:y'])(
    'refuses a malformed query: %s',
    async (query) => {
      expect((await ada.client.get(`${VALIDATE}?${query}`)).status).toBe(400)
    },
  )
  it('accepts a caller with all the permissions and one of the roles', async () => {
    expect(
      (await ada.client.get(`${VALIDATE}?require=dashboard:read,analytics:read&role=staff,viewer`)).status,
    ).toBe(200)
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
    const headers = authHeaders({ username: 'Jürgen\r\nSet-Cookie: a=b', roles: hostile, key_id: null })
    for (const value of Object.values(headers)) expect(value).toMatch(/^[\x21-\x7e]*$/)
    expect(headers['x-auth-roles']?.split(',').map(decodeURIComponent)).toEqual([
      ...hostile.slice(0, 5),
      '\ufffd',
    ])
    expect(headers['x-auth-key-id']).toBe('')
  })
})
