/**
 * The fifth document: a library that protects an API by JWT, Basic, API key or a callable, and by roles. It is the
 * guard.
 */
import { createHash, createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect } from 'vitest'
import {
  apiKey,
  basic,
  createGuard,
  currentPrincipal,
  custom,
  type Guard,
  jwt,
} from '../../packages/guard/src/index.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { seedDocument } from './document.ts'
import { pageSettings } from './settings.ts'

interface User {
  id: string
  username: string
  password: string
  api_key: string
  api_key_hash: string
  roles: string[]
}
const user = (username: string, roles: string[]): User => ({
  id: `id-of-${username}`,
  username,
  password: `${username}-password`,
  api_key: `${username}-key`,
  api_key_hash: createHash('sha256').update(`${username}-key`).digest('hex'),
  roles,
})
const USERS = [user('username', ['admin', 'editor']), user('clerk', ['admin'])]
const ACCESS_SECRET_KEY = 'access-secret'.padEnd(32, '.')

const API_AUTHENTICATE_METHOD = {
  jwt: () => jwt({ secret: ACCESS_SECRET_KEY, issuer: 'demo', audience: 'demo' }),
  basic: () =>
    basic<User>({
      find: (name) => USERS.find(({ username }) => username === name) ?? null,
      check: (found, password) => found?.password === password,
    }),
  api_key: () => apiKey<User>({ find: (key) => USERS.find(({ api_key }) => api_key === key) ?? null }),
  custom: () =>
    custom((request) => {
      const found = USERS.find(({ api_key }) => api_key === request.header('x-token'))
      return found ? { userId: found.id, username: found.username, roles: found.roles } : null
    }),
}

const URL_OF = { books: 'http://localhost:5000/api/books', login: 'http://localhost:5000/auth/login' }
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
function token(claims: object): string {
  const now = Math.floor(Date.now() / 1000)
  const payload = { sub: 'id-of-username', iss: 'demo', aud: 'demo', iat: now, exp: now + 600, ...claims }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}`
  return `${signed}.${createHmac('sha256', ACCESS_SECRET_KEY).update(signed).digest('base64url')}`
}
const books = (guard: Guard, headers: Record<string, string>) =>
  guard.web(() => Response.json({ by: currentPrincipal()?.userId }))(new Request(URL_OF.books, { headers }))
const answerOf = async (response: Response) => ({ status: response.status, body: await response.json() })
/** The headers and the method of a printed `curl`. */
function curl(line: string, values: Readonly<Record<string, string>> = {}): Request {
  const given = Object.entries(values).reduce((text, [name, value]) => text.replace(name, value), line)
  const headers = new Headers()
  for (const [, name = '', value = ''] of given.matchAll(/-H "([\w-]+): ([^"]+)"/g)) headers.set(name, value)
  const basicUser = /-u (\S+)/.exec(given)?.[1]
  if (basicUser) headers.set('authorization', `Basic ${Buffer.from(basicUser).toString('base64')}`)
  return new Request(/https?:\S+/.exec(given)?.[0] ?? '', {
    method: /-X (\w+)/.exec(given)?.[1] ?? 'GET',
    headers,
  })
}

seedDocument('flarchitect', ({ printed, prose }) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(pageSettings('flarchitect'))
  })
  afterAll(() => world.stop())
  const newPerson = async () => {
    const [person] = await world.people([{ signIn: false }])
    if (!person) throw new Error('no person')
    return person
  }

  prose('1-2', 'an introduction')
  printed('3-7', 'one or several methods', async (excerpt) => {
    const [[names = ''] = []] = excerpt.all(/methods are ([^.]+)\./g)
    expect(names.split(/, | and /)).toEqual(Object.keys(API_AUTHENTICATE_METHOD))
    const guard = createGuard({ methods: Object.values(API_AUTHENTICATE_METHOD).map((method) => method()) })
    for (const headers of [
      { authorization: `Bearer ${token({})}` },
      { authorization: `Basic ${Buffer.from('username:username-password').toString('base64')}` },
      { 'x-api-key': 'username-key' },
      { 'x-token': 'username-key' },
    ])
      expect(await answerOf(await books(guard, headers))).toEqual({
        status: 200,
        body: { by: 'id-of-username' },
      })
  })
  prose('8-9', 'roles: line 122')
  printed('10-16', 'a missing or invalid credential', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.jwt()], style: 'errors' })
    expect(await answerOf(await books(guard, {}))).toEqual({ status: 401, body: excerpt.json() })
    const invalid = await answerOf(await books(guard, { authorization: 'Bearer a.b.c' }))
    expect([invalid.status, Object.keys(invalid.body)]).toEqual([401, Object.keys(excerpt.json())])
    const server = await world.client().get('/api/v1/auth/me')
    expect([server.status, server.body]).toEqual([401, excerpt.json()])
  })
  printed('17-22', 'an expired token', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.jwt()], style: 'errors' })
    const headers = { authorization: `Bearer ${token({ exp: 1_609_462_800, iat: 1_609_459_200 })}` }
    expect(await answerOf(await books(guard, headers))).toEqual({ status: 401, body: excerpt.json() })
    const { email, password } = await newPerson()
    const reply = await world.client().post('/api/v1/auth/login', { username: email, password, tokens: true })
    await world.clock.advance('2 hours')
    const late = await world.client().get('/api/v1/auth/me', {
      headers: { authorization: `Bearer ${reply.body.value.access_token}` },
    })
    expect([late.status, late.body]).toEqual([401, excerpt.json()])
  })
  printed('23-28', 'an invalid refresh token is a 403', async (excerpt) => {
    const reply = await world.client().post('/api/v1/auth/refresh', { refresh_token: `rt_${'A'.repeat(43)}` })
    expect([reply.status, reply.body]).toEqual([403, excerpt.json()])
  })
  printed('29-33', 'a token has the user’s id and an expiry, and comes from the sign-in', async (excerpt) => {
    expect(excerpt.text.replaceAll('\n', ' ')).toContain('contains the user’s ID and an expiry timestamp')
    const { id, email, password } = await newPerson()
    const { body } = await world
      .client()
      .post('/api/v1/auth/login', { username: email, password, tokens: true })
    const claims = JSON.parse(
      Buffer.from(body.value.access_token.split('.')[1] ?? '', 'base64url').toString(),
    )
    expect([claims.sub, claims.exp - claims.iat]).toEqual([id, body.value.expires_in])
  })
  printed('34', 'Authorization: Bearer <access-token>', async (excerpt) => {
    const [name = '', value = ''] = excerpt.text.split(': ')
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.jwt()] })
    expect((await books(guard, { [name]: value.replace('<access-token>', token({})) })).status).toBe(200)
  })
  printed('35-60', 'a login that gives an access and a refresh token', async (excerpt) => {
    const { email, password } = await newPerson()
    const login = (typed: string) =>
      world.client().post('/api/v1/auth/login', { username: email, password: typed, tokens: true })
    const fields = excerpt.all(/^"(\w+_token)":/gm).flat()
    expect(fields).toEqual(['access_token', 'refresh_token'])
    for (const field of fields) expect((await login(password)).body.value[field]).toEqual(expect.any(String))
    expect((await login('wrong')).status).toBe(Number(excerpt.all(/abort\((\d+)\)/g)[0]?.[0]))
  })
  printed('61-62', 'the next requests, and a refresh', async () => {
    const { email, password } = await newPerson()
    const first = (
      await world.client().post('/api/v1/auth/login', { username: email, password, tokens: true })
    ).body
    const next = await world
      .client()
      .post('/api/v1/auth/refresh', { refresh_token: first.value.refresh_token })
    for (const { access_token } of [first.value, next.body.value]) {
      const headers = { authorization: `Bearer ${access_token}` }
      expect((await world.client().get('/api/v1/auth/me', { headers })).status).toBe(200)
    }
  })
  printed('63-67', 'Basic is sent with every request; none is remembered', async () => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.basic()] })
    const authorization = `Basic ${Buffer.from('username:username-password').toString('base64')}`
    const first = await books(guard, { authorization })
    expect([first.status, first.headers.getSetCookie()]).toEqual([200, []])
    expect((await books(guard, {})).status).toBe(401)
  })
  printed('68-77', 'Basic by a look-up field and a check; its login', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.basic()] })
    const line = (excerpt.lines.at(-1) ?? '').replace('username:password', 'username:username-password')
    const { status, body } = await answerOf(await guard.loginHandler().web(curl(line)))
    expect([status, body.data.user]).toEqual([
      200,
      expect.objectContaining({ id: 'id-of-username', username: 'username', roles: ['admin', 'editor'] }),
    ])
    const wrong = line.replace('username-password', 'other')
    expect((await guard.loginHandler().web(curl(wrong))).status).toBe(401)
  })
  printed('78-80', 'curl -u', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.basic()] })
    const line = (excerpt.lines[1] ?? '').replace('username:password', 'username:username-password')
    expect((await guard.web(() => new Response('[]'))(curl(line))).status).toBe(200)
  })
  printed('81-86', 'the key in a header, or in the query where asked; a stored hash', async (excerpt) => {
    expect(excerpt.text).toMatch(/X-API-Key[\s\S]*query string/)
    const inQuery = apiKey<User>({
      find: (key) => USERS.find(({ api_key }) => api_key === key) ?? null,
      query: 'api_key',
    })
    const stored = apiKey<User>({ storedHashField: 'api_key_hash', find: USERS })
    const status = async (method: typeof stored, url: string, headers: Record<string, string> = {}) =>
      (await createGuard({ methods: [method] }).web(() => new Response('[]'))(new Request(url, { headers })))
        .status
    expect(await status(inQuery, `${URL_OF.books}?api_key=username-key`)).toBe(200)
    expect(await status(API_AUTHENTICATE_METHOD.api_key(), `${URL_OF.books}?api_key=username-key`)).toBe(401)
    expect(await status(stored, URL_OF.books, { 'x-api-key': 'username-key' })).toBe(200)
    expect(await status(stored, URL_OF.books, { 'x-api-key': 'username-kez' })).toBe(401)
  })
  printed(
    '87-96',
    'a function that takes the key and returns the user, who is then the current one',
    async () => {
      const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.api_key()] })
      expect(await answerOf(await books(guard, { 'x-api-key': 'clerk-key' }))).toEqual({
        status: 200,
        body: { by: 'id-of-clerk' },
      })
      expect((await books(guard, { 'x-api-key': 'another' })).status).toBe(401)
    },
  )
  printed('97-100', 'POST /auth/login with an Api-Key', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.api_key()] })
    const request = curl(excerpt.lines.at(-1) ?? '', { '<token>': 'username-key' })
    const { status, body } = await answerOf(await guard.loginHandler().web(request))
    expect([status, body.data.user.username]).toEqual([200, 'username'])
  })
  printed('101-103', 'X-API-Key', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.api_key()] })
    const request = curl(excerpt.lines[1] ?? '', { '<token>': 'username-key' })
    expect((await guard.web(() => new Response('[]'))(request)).status).toBe(200)
  })
  printed('104-121', 'any callable, by any header', async (excerpt) => {
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.custom()] })
    const [line = ''] = excerpt.lines.filter((one) => one.startsWith('curl'))
    const handler = guard.web(() => Response.json({ by: currentPrincipal()?.userId }))
    expect(await answerOf(await handler(curl(line, { '<token>': 'clerk-key' })))).toEqual({
      status: 200,
      body: { by: 'id-of-clerk' },
    })
    expect((await handler(curl(line, { '<token>': 'nothing' }))).status).toBe(401)
  })
  printed('122-130', 'one role', async (excerpt) => {
    const [[role = ''] = []] = excerpt.all(/@roles_required\("(\w+)"\)/g)
    const guard = createGuard({ methods: [API_AUTHENTICATE_METHOD.api_key()] })
    const admin = guard.web(() => Response.json({ status: 'ok' }), { roles: [role] })
    const call = (key: string) =>
      admin(new Request('http://localhost:5000/admin', { headers: { 'x-api-key': key } }))
    expect(await answerOf(await call('clerk-key'))).toEqual({ status: 200, body: { status: 'ok' } })
    USERS.push(user('stranger', []))
    expect((await call('stranger-key')).status).toBe(403)
  })
  printed(
    '131-137',
    'several roles: all of them; without them a 403, also without a user where asked',
    async (excerpt) => {
      const roles = (excerpt.all(/@roles_required\(([^)]+)\)/g)[0]?.[0] ?? '')
        .split(', ')
        .map((one) => JSON.parse(one))
      expect(roles).toEqual(['admin', 'editor'])
      const guard = createGuard({
        methods: [API_AUTHENTICATE_METHOD.api_key()],
        style: 'detail',
        unauthenticatedStatus: 403,
      })
      const update = guard.web(() => new Response('{}'), { roles })
      const status = async (headers: Record<string, string>) =>
        (await update(new Request('http://localhost:5000/posts', { headers }))).status
      expect(await status({ 'x-api-key': 'username-key' })).toBe(200)
      expect(await status({ 'x-api-key': 'clerk-key' })).toBe(403)
      expect(await status({})).toBe(403)
    },
  )
})
