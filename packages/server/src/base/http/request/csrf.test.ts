import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { keyring } from '../../crypto.ts'
import type { Row } from '../row/route.ts'
import { cookiesOf, type HttpResponse, page, route, serve, signedInAs } from '../testing.ts'
import { csrfRows, csrfToken } from './csrf.ts'

const keys = keyring('a secret for tests')
const api = {
  quiet: 'a test',
  tag: 'Test',
  input: z.object({}),
  output: z.null(),
  summary: 'Test',
  run: async () => ({ data: null }),
} as const
const done = {
  quiet: 'a test',
  input: z.object({}),
  summary: 'Test',
  run: async () => ({ redirect: '/done' }),
} as const

const rows: Row[] = [
  ...csrfRows(keys),
  route({ ...api, name: 'mine', path: '/api/v1/mine', method: 'POST', needs: 'session' }),
  route({ ...api, name: 'mine.delete', path: '/api/v1/mine', method: 'DELETE', needs: 'session' }),
  route({ ...api, name: 'login', path: '/api/v1/login', method: 'POST', open: 'a test' }),
  route({ ...api, name: 'strict', path: '/api/v1/strict', method: 'POST', needs: 'session', input: z.strictObject({}) }),
  page({ ...done, name: 'sign-in', path: '/sign-in', method: 'POST', open: 'a test' }),
  page({ ...done, name: 'account', path: '/account', method: 'POST', needs: 'session' }),
  page({ ...done, name: 'form', path: '/sign-in', method: 'GET', open: 'a test', run: async () => ({ page: { props: { children: 'form' } } as never, title: 'Sign in' }) }),
] // biome-ignore format: a table

const server = await serve(rows)
const post = (path: string, headers: Record<string, string> = {}, body?: string) =>
  server.ask(path, {
    method: 'POST',
    headers:
      body === undefined ? headers : { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: body ?? null,
  })
const shown = ({ text }: HttpResponse) => /csrf-token" content="([^"]+)"/.exec(text)?.[1] ?? ''
const tokenOf = async (headers: Record<string, string>) =>
  (await server.ask('/csrf', { headers })).json.data.csrf_token as string

describe('the CSRF token', () => {
  it('is required for unsafe methods with a cookie, in any of three places', async () => {
    const ada = signedInAs('ada')
    expect((await post('/api/v1/mine', ada)).json.error.code).toBe('CSRF_FAILED')
    expect((await server.ask('/api/v1/mine', { method: 'DELETE', headers: ada })).status).toBe(403)
    const token = await tokenOf(ada)
    expect((await post('/api/v1/mine', { ...ada, 'x-csrftoken': token })).status).toBe(200)
    expect((await post('/api/v1/mine', { ...ada, 'x-csrf-token': token })).status).toBe(200)
    expect((await post('/api/v1/mine', ada, `csrf_token=${token}`)).status).toBe(200)
    expect((await post('/api/v1/strict', ada, `csrf_token=${token}`)).status).toBe(200)
    expect(
      (
        await server.ask('/api/v1/mine', {
          method: 'POST',
          headers: { ...ada, 'content-type': 'application/json' },
          body: JSON.stringify({ csrf_token: token }),
        })
      ).status,
    ).toBe(200)
  })

  it('is not required with a bearer token, nor on open API rows without a session', async () => {
    expect((await post('/api/v1/mine', { authorization: 'Bearer st_ada' })).status).toBe(200)
    expect((await post('/api/v1/login')).status).toBe(200)
    expect((await post('/api/v1/login', signedInAs('old'))).status).toBe(200)
    expect((await post('/api/v1/login', signedInAs('ada'))).status).toBe(403)
  })

  it('of one session is refused for another', async () => {
    const token = await tokenOf(signedInAs('ada'))
    expect((await post('/api/v1/mine', { ...signedInAs('ben'), 'x-csrftoken': token })).status).toBe(403)
  })

  it('is new each time, and older ones stay valid', async () => {
    const [one, two] = [await tokenOf(signedInAs('ada')), await tokenOf(signedInAs('ada'))]
    expect(one).not.toBe(two)
    for (const token of [one, two])
      expect((await post('/api/v1/mine', { ...signedInAs('ada'), 'x-csrftoken': token })).status).toBe(200)
  })

  it('is interchangeable with the token of the sign-in', async () => {
    expect(
      (await post('/api/v1/mine', { ...signedInAs('ada'), 'x-csrftoken': csrfToken(keys, 'ses_ada') }))
        .status,
    ).toBe(200)
    expect(
      (
        await post('/api/v1/mine', {
          ...signedInAs('ada'),
          'x-csrftoken': csrfToken(keyring('another secret'), 'ses_ada'),
        })
      ).status,
    ).toBe(403)
  })

  it('that was modified is refused', async () => {
    const token = await tokenOf(signedInAs('ada'))
    const [nonce = '', mac = ''] = token.split('.')
    const touched = [
      '',
      '.',
      nonce,
      `${nonce}.`,
      `.${mac}`,
      `${nonce}.${mac}x`,
      `${nonce}.${mac.slice(0, -1)}`,
      `A${token.slice(1)}`,
      `${nonce}.${mac}.`,
      ` ${token}x`,
      `${token},${token}`,
      `${nonce}.${mac.slice(0, -1)}${mac.endsWith('A') ? 'E' : 'A'}`,
    ]
    for (const bad of touched.filter((text) => text !== token)) {
      expect([
        bad,
        (await post('/api/v1/mine', { ...signedInAs('ada'), 'x-csrftoken': bad })).status,
      ]).toEqual([bad, 403])
    }
  })

  it('can be had with a session limited to changing the password', async () => {
    expect(await tokenOf(signedInAs('limited'))).toMatch(/^[\w-]{22}\.[\w-]{43}$/)
  })
})

describe('a hosted form before sign-in', () => {
  it('requires a token that belongs to the browser', async () => {
    const form = await server.ask('/sign-in')
    const { lk_csrf: secret = '' } = cookiesOf(form)
    const token = shown(form)
    expect(form.headers.get('cache-control')).toBe('no-store')
    expect(form.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^lk_csrf=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
    ])
    const cookie = `lk_csrf=${secret}`
    expect((await post('/sign-in', { cookie }, `csrf_token=${token}`)).status).toBe(303)
    expect((await post('/sign-in', { cookie }, 'identifier=ada')).status).toBe(403)
    expect((await post('/sign-in', {}, `csrf_token=${token}`)).status).toBe(403)
    expect(
      (await post('/sign-in', { cookie: `lk_csrf=${'x'.repeat(43)}` }, `csrf_token=${token}`)).status,
    ).toBe(403)
  })

  it('keeps the cookie of another tab, and replaces an invalid one', async () => {
    const cookie = `lk_csrf=${'k'.repeat(43)}`
    expect(cookiesOf(await server.ask('/sign-in', { headers: { cookie } }))).toEqual({})
    expect(cookiesOf(await server.ask('/sign-in', { headers: { cookie: 'lk_csrf=short' } }))).toHaveProperty(
      'lk_csrf',
    )
  })

  it('has a token that is invalid after sign-in', async () => {
    const { json, ...answered } = await server.ask('/api/v1/auth/csrf')
    const cookie = `lk_csrf=${cookiesOf({ json, ...answered }).lk_csrf}`
    const body = `csrf_token=${json.data.csrf_token}`
    expect((await post('/sign-in', { cookie }, body)).status).toBe(303)
    expect((await post('/sign-in', { cookie: `${cookie}; lk_session=st_ada` }, body)).status).toBe(403)
    expect((await post('/account', { cookie: `${cookie}; lk_session=st_ada` }, body)).status).toBe(403)
  })
})

describe('the origin of an unsafe request', () => {
  const login = (headers: Record<string, string>) => post('/api/v1/login', headers)

  it('may be our own, an allowed one, or absent', async () => {
    const mixed = await serve(rows, { config: { corsOrigins: ['https://app.example'] } })
    const good: Record<string, string>[] = [
      {},
      { origin: 'http://127.0.0.1:4000' },
      { origin: 'https://app.example' },
      { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'same-origin', origin: 'null' },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of good)
      expect([headers, (await mixed.ask('/api/v1/login', { method: 'POST', headers })).status]).toEqual([
        headers,
        200,
      ])
  })

  it('may be the address of the page in development', async () => {
    expect((await login({ origin: server.url })).status).toBe(200)
    const production = await serve(rows, {
      config: { profile: 'production', publicUrl: 'https://id.example.com' },
    })
    const { status } = await production.ask('/api/v1/login', {
      method: 'POST',
      headers: { origin: production.url },
    })
    expect(status).toBe(403)
  })

  it('is refused if it is foreign, also on open rows and with a valid token', async () => {
    const bad: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:4000.evil.example' },
      { origin: 'http://127.0.0.1:4001' },
      { origin: 'https://127.0.0.1:4000' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'nonsense' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'none' },
    ]
    const token = await tokenOf(signedInAs('ada'))
    for (const headers of bad) {
      expect([headers, (await login(headers)).json.error.code]).toEqual([headers, 'CSRF_FAILED'])
      expect(
        (await post('/api/v1/mine', { ...signedInAs('ada'), 'x-csrftoken': token, ...headers })).status,
      ).toBe(403)
    }
  })

  it('is not checked for GET', async () => {
    expect((await server.ask('/csrf', { headers: { origin: 'https://evil.example' } })).status).toBe(200)
  })
})
