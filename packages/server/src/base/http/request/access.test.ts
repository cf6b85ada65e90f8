import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../../errors.ts'
import { operation } from '../row/operation.ts'
import type { Row } from '../row/route.ts'
import { cookiesOf, page, route, serve, signedInAs } from '../testing.ts'
import { joinRefusals } from './access.ts'

const base = { method: 'GET', quiet: 'a test', tag: 'Test', input: z.object({}), summary: 'Test' } as const
const who = { output: z.object({ who: z.string().nullable(), via: z.string().nullable() }) }
const run = async (call: {
  principal: { username: string | null } | null
  session: { via: string } | null
}) => ({
  data: { who: call.principal?.username ?? null, via: call.session?.via ?? null },
})

const rows: Row[] = [
  route({ ...base, ...who, name: 'open', path: '/api/v1/open', open: 'a test', run }),
  route({ ...base, ...who, name: 'mine', path: '/api/v1/mine', needs: 'session', run }),
  route({ ...base, ...who, name: 'users', path: '/api/v1/users', needs: 'users:read', run }),
  route({ ...base, ...who, name: 'fresh', path: '/api/v1/fresh', needs: 'session', fresh: '10m', run }),
  route({ ...base, ...who, name: 'same', path: '/api/v1/same', open: 'a test', anonymous: true, run }),
  route({
    ...base, name: 'login', path: '/api/v1/login', open: 'a test', method: 'POST', takesBasic: true,
    input: z.object({ username: z.string(), password: z.string() }), output: z.object({ username: z.string(), length: z.number() }),
    run: async (_call, { username, password }) => ({ data: { username, length: password.length } }),
  }),
  ...(['users:write', 'session', 'caller'] as const).map((needs) =>
    route({
      ...base, ...who, name: `checked.${needs}`, path: `/api/v1/checked/${needs}`, needs, run,
      withBasic: { as: operation({ name: `guess.${needs}`, summary: 'Test', open: 'a test', quiet: 'a test' }), run: async () => ({ data: { who: 'by password', via: null } }) },
    })),
  route({ ...base, ...who, name: 'anybody', path: '/api/v1/anybody', needs: 'caller', run }),
  route({ ...base, ...who, name: 'change', path: '/api/v1/change', needs: 'caller', method: 'POST', run }),
  route({
    ...base, ...who, name: 'program', path: '/api/v1/program', open: 'a test', method: 'POST',
    input: z.object({ password: z.string() }), run, withKey: async () => ({ data: { who: 'a program', via: null } }),
  }),
  route({ ...base, ...who, name: 'gate', path: '/api/v1/gate', needs: 'caller', run,
    redirectRefused: ({ url, credential }, { code }) => (credential === 'bearer' ? null : `https://id.example/in?${code}${url}`) }),
  page({ ...base, name: 'recent', path: '/recent', needs: 'session', fresh: '10m', run: async () => ({ redirect: '/in' }) }),
  page({ ...base, name: 'recent.submit', path: '/recent', method: 'POST', needs: 'session', fresh: '10m', run: async () => ({ redirect: '/in' }) }),
  page({ ...base, name: 'account', path: '/account', needs: 'session', run: async () => ({ redirect: '/in' }) }),
  page({ ...base, name: 'account.save', path: '/account', method: 'POST', needs: 'session', run: async () => ({ redirect: '/in' }) }),
  page({ ...base, name: 'admin', path: '/admin', needs: 'system:admin', run: async () => ({ redirect: '/in' }) }),
  page({ ...base, name: 'sign-in', path: '/sign-in', open: 'a test', run: async () => ({ redirect: '/shown' }) }),
  page({ ...base, name: 'sign-in.done', path: '/signed-in', open: 'a test', run: async () => ({ redirect: '/', cookies: [{ name: 'session', value: 'st_new' }] }) }),
  page({ ...base, name: 'asked', path: '/asked', open: 'a test', run: async () => ({ redirect: '/question', cookies: [{ name: 'question', value: 'rtp_new' }] }) }),
] // biome-ignore format: a table

const server = await serve(rows)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const get = (path: string, headers: Record<string, string> = {}) => server.ask(path, { headers })

describe('a credential', () => {
  it('is the session cookie or the bearer token', async () => {
    expect((await get('/api/v1/mine', signedInAs('ada'))).json.data).toEqual({ who: 'ada', via: 'cookie' })
    expect((await get('/api/v1/mine', bearer('st_ada'))).json.data).toEqual({ who: 'ada', via: 'bearer' })
    for (const authorization of ['bearer st_ada', 'Bearer  st_ada'])
      expect((await get('/api/v1/mine', { authorization })).json.data.who).toBe('ada')
  })

  it.each(['Bearer st_ada x', 'Bearer,st_ada', 'Bearer "st_ada"', 'Bearerst_ada', 'Bearer st_ada,'])(
    'that is malformed, as %j, is refused',
    async (authorization) => {
      expect((await get('/api/v1/mine', { authorization })).status).toBe(401)
    },
  )

  it('that is present twice, as Authorization and as X-API-Key, is a BAD_REQUEST', async () => {
    const key = { 'x-api-key': 'lk_live_ada' }
    expect((await get('/api/v1/mine', { ...bearer('st_ada'), ...key })).status).toBe(400)
    expect((await get('/api/v1/mine', { ...bearer('lk_live_ada'), ...key })).status).toBe(400)
    const headers = { authorization: `Basic ${Buffer.from('a:b').toString('base64')}`, ...key }
    expect((await server.ask('/api/v1/login', { method: 'POST', headers })).status).toBe(400)
    const twice =
      'GET /api/v1/anybody HTTP/1.1\r\nhost: x\r\nx-api-key: lk_live_ada\r\nX-Api-Key: lk_live_ada\r\n\r\n'
    expect(await server.raw(twice)).toMatch(/^HTTP\/1.1 400 /)
  })

  it('in Authorization takes precedence over the cookie, even if it is invalid', async () => {
    expect((await get('/api/v1/mine', { ...signedInAs('ada'), ...bearer('st_ben') })).json.data.who).toBe(
      'ben',
    )
    expect((await get('/api/v1/mine', { ...signedInAs('ada'), ...bearer('st_nobody') })).status).toBe(401)
    expect(
      (await get('/api/v1/open', { ...signedInAs('ada'), ...bearer('st_nobody') })).json.data.who,
    ).toBeNull()
  })

  it('that is missing is AUTHENTICATION_REQUIRED, with a challenge for which browsers open no dialog', async () => {
    const { status, json, headers } = await get('/api/v1/mine')
    expect([status, json.error.code]).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect(headers.get('www-authenticate')).toBe('Session realm="latchkey"')
  })

  it('that is refused gets the reason, and a challenge of its kind', async () => {
    const old = await get('/api/v1/mine', signedInAs('old'))
    expect([old.status, old.json.error.code]).toEqual([401, 'SESSION_EXPIRED'])
    expect(old.headers.get('www-authenticate')).toBe('Session realm="latchkey"')
    const token = await get('/api/v1/mine', bearer('st_old'))
    expect(token.headers.get('www-authenticate')).toBe(
      'Bearer realm="latchkey", error="invalid_token", error_description="Your session has expired. Sign in again."',
    )
    expect((await get('/api/v1/mine', bearer('eyJhbGciOiJub25lIn0.e30.'))).json.error.code).toBe(
      'INVALID_TOKEN',
    )
  })

  it('that is invalid is ignored by open rows', async () => {
    for (const headers of [signedInAs('old'), signedInAs('nonsense'), bearer('nonsense')]) {
      const { status, json } = await get('/api/v1/open', headers)
      expect([status, json.data.who]).toEqual([200, null])
    }
    expect((await get('/api/v1/open', signedInAs('ada'))).json.data.who).toBe('ada')
  })

  it('in two cookies with different values is invalid', async () => {
    expect((await get('/api/v1/mine', { cookie: 'lk_session=st_ada; lk_session=st_ben' })).status).toBe(401)
    expect((await get('/api/v1/mine', { cookie: 'lk_session=st_ada; x=y; lk_session=st_ada' })).status).toBe(
      200,
    )
  })

  it('is found among other cookies, and only by its exact name', async () => {
    const name = async (cookie: string) => (await get('/api/v1/open', { cookie })).json.data.who
    expect(await name('a=b;lk_session=st_ada;c')).toBe('ada')
    expect(await name('xlk_session=st_ada')).toBeNull()
    expect(await name('lk_sessions=st_ada; lk_session')).toBeNull()
    expect(await name('a=lk_session=st_ada')).toBeNull()
    expect(await name('lk_session=')).toBeNull()
  })

  it('must have the __Host- name under https', async () => {
    const secure = await serve(rows, { config: { publicUrl: 'https://id.example.com' } })
    expect((await secure.ask('/api/v1/mine', { headers: signedInAs('ada') })).status).toBe(401)
    expect(
      (await secure.ask('/api/v1/mine', { headers: { cookie: '__Host-lk_session=st_ada' } })).status,
    ).toBe(200)
  })

  it('is not read by anonymous rows', async () => {
    const never = { check: async () => Promise.reject(new Error('was called')) }
    const other = await serve(rows, { authenticator: never })
    expect((await other.ask('/api/v1/same', { headers: signedInAs('ada') })).status).toBe(200)
    expect((await other.ask('/healthz', { headers: signedInAs('ada') })).status).toBe(200)
    expect((await other.ask('/api/v1/open', { headers: signedInAs('ada') })).status).toBe(500)
  })
})

describe('an API key', () => {
  const key = { 'x-api-key': 'lk_live_ada' }

  it.each([
    ['X-API-Key', key],
    ['Authorization: Api-Key', { authorization: 'Api-Key lk_live_ada' }],
    ['Authorization: Bearer', { authorization: 'Bearer lk_live_ada' }],
  ])('is read from %s', async (_, headers) => {
    expect((await get('/api/v1/anybody', headers)).json.data.who).toBe('ada')
    expect((await get('/api/v1/users', headers)).json.data.who).toBe('ada')
  })

  it('that is invalid is INVALID_API_KEY, with a challenge', async () => {
    for (const headers of [{ 'x-api-key': 'lk_live_x' }, { 'x-api-key': 'st_ada' }, bearer('lk_test_x')]) {
      const { status, json, headers: told } = await get('/api/v1/anybody', headers)
      expect([status, json.error.code]).toEqual([401, 'INVALID_API_KEY'])
      expect(told.get('www-authenticate')).toMatch(/^Bearer realm="latchkey", error="invalid_token"/)
    }
  })

  it('is not sufficient for rows that need a session or a recent authentication', async () => {
    const { status, json } = await get('/api/v1/mine', key)
    expect([status, json.error.code]).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect(json.error.message).toContain('API key')
    expect((await get('/api/v1/fresh', key)).status).toBe(401)
  })

  it('is read from the query only if the setting allows it', async () => {
    const path = '/api/v1/anybody?api_key=lk_live_ada'
    expect((await get(path)).json.error.code).toBe('AUTHENTICATION_REQUIRED')
    const open = await serve(rows, { config: { apiKeyInQuery: true } })
    expect((await open.ask(path)).json.data.who).toBe('ada')
    expect((await open.ask('/api/v1/anybody?api_key=lk_live_x')).json.error.code).toBe('INVALID_API_KEY')
    for (const headers of [key, bearer('st_ada'), bearer('garbage')])
      expect((await open.ask(path, { headers })).status).toBe(400)
    expect((await open.ask(`${path}&api_key=lk_live_ada`)).status).toBe(400)
    expect(open.logged).toEqual([])
  })

  it('needs no CSRF token for changes from any origin, except in a query', async () => {
    const open = await serve(rows, { config: { apiKeyInQuery: true } })
    const foreign = { origin: 'https://evil.example' }
    const post = (path: string, headers: Record<string, string>) =>
      open.ask(path, { method: 'POST', headers })
    expect((await post('/api/v1/change', { ...key, ...foreign })).status).toBe(200)
    expect((await post('/api/v1/change?api_key=lk_live_ada', {})).status).toBe(200)
    expect((await post('/api/v1/change?api_key=lk_live_ada', foreign)).json.error.code).toBe('CSRF_FAILED')
    expect((await post('/api/v1/change', { 'x-api-key': 'lk_live_x', ...foreign })).status).toBe(401)
  })

  it('alone is answered by `withKey`; together with a password it is a second credential', async () => {
    const post = (headers: Record<string, string>, body?: string) =>
      server.ask('/api/v1/program', {
        method: 'POST',
        headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
        ...(body ? { body } : {}),
      })
    expect((await post(key)).json.data.who).toBe('a program')
    expect((await post(key, '{"password":"x"}')).status).toBe(400)
    expect((await post({ 'x-api-key': 'lk_live_x' }, '{"password":"x"}')).json.error.code).toBe(
      'INVALID_API_KEY',
    )
    expect((await post({}, '{"password":"x"}')).json.data.who).toBeNull()
    expect((await post({})).json.error.code).toBe('VALIDATION_ERROR')
  })
})

describe('a row that redirects refused requests', () => {
  it('redirects them, and answers all others with the refusal', async () => {
    const sent = await get('/api/v1/gate?a=1')
    expect([sent.status, sent.headers.get('location')]).toEqual([
      303,
      'https://id.example/in?AUTHENTICATION_REQUIRED/api/v1/gate?a=1',
    ])
    expect((await get('/api/v1/gate', bearer('st_nobody'))).status).toBe(401)
    expect((await get('/api/v1/gate', bearer('st_ada'))).status).toBe(200)
  })
})

it('answers 403 instead of 401 to a missing credential in the detail style if the setting requires it', async () => {
  const { ask } = await serve(rows, { config: { compat: ['not-authenticated-403'] } })
  const headers = { accept: 'application/vnd.latchkey.detail+json' }
  const stranger = await ask('/api/v1/mine', { headers })
  expect([stranger.status, stranger.json]).toEqual([403, { detail: 'Not authenticated' }])
  expect(stranger.headers.has('www-authenticate')).toBe(false)
  expect((await ask('/api/v1/mine')).status).toBe(401)
  expect((await ask('/api/v1/mine', { headers: { ...headers, ...bearer('st_nobody') } })).status).toBe(401)
})

it('words a missing credential as the clients of the styles expect, and a more specific refusal as it is', async () => {
  const of = async (style: string, path: string, more: Record<string, string> = {}) => {
    const headers = { accept: `application/vnd.latchkey.${style}+json`, ...more }
    const { status, json } = await server.ask(path, { headers })
    return [status, json]
  }
  expect(await of('errors', '/api/v1/mine')).toEqual([
    401,
    { errors: { error: 'Authorization header missing' }, status_code: 401, value: null },
  ])
  expect(await of('detail', '/api/v1/mine')).toEqual([401, { detail: 'Not authenticated' }])
  const [status, json] = await of('errors', '/api/v1/mine', { 'x-api-key': 'lk_live_ada' })
  expect([status, json.errors.error]).toEqual([
    401,
    'This is for a person who is signed in; an API key is not enough.',
  ])
})

describe('HTTP Basic', () => {
  const login = (authorization: string) =>
    server.ask('/api/v1/login', { method: 'POST', headers: { authorization } })
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

  it('replaces username and password on rows that accept it', async () => {
    expect((await login(basic('ada@x:pass:wörd'))).json.data).toEqual({ username: 'ada@x', length: 9 })
  })

  it('that cannot be read is a 400', async () => {
    for (const text of ['Basic', 'Basic !!!', basic('no colon'), basic(':empty')])
      expect([text, (await login(text)).status]).toEqual([text, 400])
  })

  it('is checked for characters like any other field', async () => {
    expect((await login(basic('a\0b:x'))).status).toBe(400)
  })

  it('is no credential on other rows', async () => {
    expect((await get('/api/v1/mine', { authorization: basic('ada:x') })).status).toBe(401)
    const checked = async (needs: string) =>
      (await get(`/api/v1/checked/${needs}`, { authorization: basic('ada:x') })).status
    expect([await checked('caller'), await checked('session'), await checked('users:write')]).toEqual([
      200, 401, 401,
    ])
  })
})

describe('the requirement of a row', () => {
  it('may be a permission, which the refusal names', async () => {
    expect((await get('/api/v1/users', signedInAs('ada'))).status).toBe(200)
    const { status, json } = await get('/api/v1/users', signedInAs('ben'))
    expect([status, json.error]).toMatchObject([
      403,
      { code: 'INSUFFICIENT_PERMISSIONS', details: { required: 'users:read' } },
    ])
  })

  it('may be a recent authentication', async () => {
    expect((await get('/api/v1/fresh', signedInAs('ada'))).status).toBe(200)
    const { status, json } = await get('/api/v1/fresh', signedInAs('late'))
    expect([status, json.error]).toMatchObject([401, { code: 'STEP_UP_REQUIRED', details: { max_age: 600 } }])
    const token = await get('/api/v1/fresh', bearer('st_late'))
    // RFC 9470 §3
    expect(token.headers.get('www-authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_user_authentication", max_age="600"',
    )
  })
})

describe('a page that needs a session', () => {
  it('redirects to sign-in and back', async () => {
    const { status, headers } = await get('/account?tab=a%26b')
    expect([status, headers.get('location')]).toEqual([303, '/sign-in?return_to=%2Faccount%3Ftab%3Da%2526b'])
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('reports that the session has expired, and clears the cookies of its user', async () => {
    const { headers } = await get('/account', signedInAs('old'))
    expect(headers.get('location')).toBe('/sign-in?return_to=%2Faccount&expired=1')
    expect(headers.getSetCookie()).toEqual([
      expect.stringMatching(/^lk_session=; Max-Age=0;/),
      expect.stringMatching(/^lk_question=; Max-Age=0;/),
    ])
    expect((await get('/account', signedInAs('nonsense'))).headers.get('location')).toBe(
      '/sign-in?return_to=%2Faccount',
    )
  })

  it('answers a form with the error page', async () => {
    const { status, text, headers } = await server.ask('/account', { method: 'POST' })
    expect([status, headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8'])
    expect(text).toContain('AUTHENTICATION_REQUIRED')
    expect(headers.has('www-authenticate')).toBe(true)
  })

  it('shows the error page to a signed-in user who lacks the permission', async () => {
    const { status, text } = await get('/admin', signedInAs('ada'))
    expect([status, text.includes('INSUFFICIENT_PERMISSIONS')]).toEqual([403, true])
  })

  it('never returns to another host, in any spelling of the path', async () => {
    const answer = await server.raw(
      'GET /account?x=//evil.example HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\r\n',
    )
    expect(answer).toMatch(/\r\nlocation: \/sign-in\?return_to=%2Faccount%3Fx%3D%2F%2Fevil\.example\r\n/)
  })
})

describe('an open page', () => {
  it('clears an invalid session cookie, and what its user has left', async () => {
    expect(cookiesOf(await get('/sign-in', signedInAs('old')))).toEqual({ lk_session: '', lk_question: '' })
    expect(cookiesOf(await get('/sign-in', signedInAs('ada')))).toEqual({})
  })

  it('keeps the session that it sets, and what waits for a new user', async () => {
    const cookiesAt = async (path: string) =>
      (await get(path, signedInAs('old'))).headers.getSetCookie().sort()
    expect(await cookiesAt('/signed-in')).toEqual([
      expect.stringMatching(/^lk_question=; Max-Age=0;/),
      expect.stringMatching(/^lk_session=st_new; Path=\//),
    ])
    expect(await cookiesAt('/asked')).toEqual([
      expect.stringMatching(/^lk_question=rtp_new; Path=\//),
      expect.stringMatching(/^lk_session=; Max-Age=0;/),
    ])
  })
})

describe('an authenticator that fails', () => {
  it('is a 503, not a missing session, if the database is unreachable', async () => {
    const down = await serve(rows, {
      authenticator: {
        check: () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })),
      },
    })
    expect((await down.ask('/api/v1/mine', { headers: signedInAs('ada') })).status).toBe(503)
    const page = await down.ask('/account', { headers: signedInAs('ada') })
    expect([page.status, page.headers.has('set-cookie')]).toEqual([503, false])
  })

  it('that throws a Problem decides the answer', async () => {
    const disabled = await serve(rows, {
      authenticator: { check: async () => ({ refused: problem('ACCOUNT_DISABLED') }) },
    })
    expect((await disabled.ask('/api/v1/mine', { headers: signedInAs('ada') })).json.error.code).toBe(
      'ACCOUNT_DISABLED',
    )
    expect((await disabled.ask('/account', { headers: signedInAs('ada') })).status).toBe(303)
  })
})

describe('a recent proof and what an organization requires', () => {
  const stepUp = (details: object) => problem('STEP_UP_REQUIRED', { details: { ...details } })
  const row = { max_age: 600, methods: ['totp', 'backup_code', 'password'] }
  const policy = { acr: 'aal2', methods: ['totp'], organization_id: 'org_1' }
  it.each([
    ['a method of the policy', row, policy, { ...policy, max_age: 600 }],
    ['the higher level of the row', { ...row, acr: 'aal2-phr' }, policy, { ...policy, acr: 'aal2-phr', max_age: 600 }],
    ['the higher level of the policy', { ...row, acr: 'aal1' }, policy, { ...policy, max_age: 600 }],
    ['the shorter age', row, { max_age: 300, methods: ['password'], organization_id: 'org_1' }, { max_age: 300, methods: ['password'], organization_id: 'org_1' }],
    ['the shorter age of the row', row, { max_age: 900, methods: ['password'], organization_id: 'org_1' }, { max_age: 600, methods: ['password'], organization_id: 'org_1' }],
  ])('are one refusal: %s', (_name, recent, ofPolicy, details) => {
    expect(joinRefusals(stepUp(recent), stepUp(ofPolicy)).details).toEqual(details)
  }) // biome-ignore format: a table

  it('is the enrolment where a factor is missing, and the recent proof where the policy is not what refuses', () => {
    const recent = stepUp(row)
    const enrol = problem('MFA_ENROLMENT_REQUIRED', { details: { attempt: 'sgn_1.x' } })
    expect(joinRefusals(recent, enrol)).toBe(enrol)
    expect(joinRefusals(recent, problem('NOT_FOUND'))).toBe(recent)
    expect(joinRefusals(recent, { id: 'org_1', roles: [], permissions: [] } as never)).toBe(recent)
  })
})
