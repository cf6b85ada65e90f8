/** RFC 6749, The OAuth 2.0 Authorization Framework: what it requires of an authorization server, by section. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  CALLBACK,
  claimsIn,
  follow,
  formOf,
  type TestApp,
  testApp,
  VERIFIER,
} from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { bitsOf, checkTokenAnswer, checkTokenError, DESCRIPTION } from './checks.ts'

const WITH_QUERY = `${CALLBACK}?tenant=a%20b`
const PROGRAM = { grant_types: ['client_credentials'], scopes: ['orders:read', 'orders:write'] }

let world: World
let ada: Person
let app: TestApp
let other: TestApp
let open: TestApp
let program: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  const settings = { first_party: true, redirect_uris: [CALLBACK, WITH_QUERY] }
  app = await testApp(world, settings)
  other = await testApp(world, settings)
  open = await testApp(world, { ...settings, token_endpoint_auth_method: 'none' })
  program = await testApp(world, PROGRAM)
})
afterAll(() => world?.stop())

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const send = (
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
  path = '/oidc/token',
) =>
  world
    .client()
    .send('POST', path, new URLSearchParams(form).toString(), { headers: { ...FORM, ...headers } })
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const ask = (more: Record<string, string | null>, of = app) => follow(ada.client, authorizePath(of, more))
const answerOf = async (more: Record<string, string | null>, of = app) =>
  Object.fromEntries((await ask(more, of)).left?.searchParams ?? [])
const code = (of = app, more: Record<string, string | null> = {}) => authorizedCode(ada.client, of, more)
const tokens = async (of = app, more: Record<string, string | null> = {}) =>
  (await of.exchange(await code(of, more))).body
const refresh = (of: TestApp, refresh_token: string, more: Record<string, string> = {}) =>
  of.post('/oidc/token', { grant_type: 'refresh_token', refresh_token, ...more })
const userinfo = (token: string) =>
  world.client().get('/oidc/userinfo', { headers: { authorization: `Bearer ${token}` } })
const GRANT = { grant_type: 'client_credentials' }

describe('§2.3 client authentication', () => {
  it('§2.3 refuses more than one method in a request', async () =>
    checkTokenError(
      await send({ ...GRANT, client_secret: program.secret }, basic(program.id, program.secret)),
      'invalid_request',
    ))

  it('§2.3.1 supports HTTP Basic, with the id and the secret encoded as in a form', async () => {
    const named = await testApp(world, PROGRAM, { id: 'a_b.c-d' })
    const encoded = basic('%61_b%2Ec-d', encodeURIComponent(named.secret))
    expect((await send(GRANT, encoded)).status).toBe(200)
    expect((await send(GRANT, basic(named.id, named.secret))).status).toBe(200)
  })

  it('§2.3.1 reads credentials from the body, never from the address', async () => {
    const fields = { ...GRANT, client_id: program.id, client_secret: program.secret }
    expect((await send(fields)).status).toBe(200)
    const inUrl = await send('', {}, `/oidc/token?${new URLSearchParams(fields)}`)
    checkTokenError(inUrl, 'invalid_client')
  })

  it('§2.3.1 gives out secrets that cannot be guessed (§10.10)', () =>
    expect(bitsOf(program.secret)).toBeGreaterThan(160))
})

describe('§3.1 the authorization endpoint', () => {
  it('ignores parameters that it does not know', async () =>
    expect((await answerOf({ extra: 'foobar', audience: 'x' })).code).toMatch(/^ac_/))

  it('treats parameters without a value as omitted', async () => {
    expect((await answerOf({ response_type: '' })).error).toBe('invalid_request')
    expect(Object.keys(await answerOf({ state: '', prompt: '', max_age: '', scope: '' }))).toEqual([
      'code',
      'iss',
    ])
  })

  it('refuses parameters that are sent twice, known or not', async () => {
    for (const more of ['state=x', 'scope=openid', 'extra=1&extra=2']) {
      const { left, reply } = await follow(ada.client, `${authorizePath(app)}&${more}`)
      expect([left, reply.status]).toEqual([null, 400])
    }
  })

  it.each([
    ['is missing', null, 'invalid_request'],
    ['is not understood', 'x', 'unsupported_response_type'],
    ['is the implicit one (§4.2)', 'token', 'unsupported_response_type'],
  ])('§3.1.1 answers with an error where response_type %s', async (_what, response_type, error) =>
    expect((await answerOf({ response_type })).error).toBe(error),
  )

  it('§3.1.2 keeps the query of a redirect URI, and adds to it', async () => {
    const { left } = await ask({ redirect_uri: WITH_QUERY })
    expect(left?.href.startsWith(`${WITH_QUERY}&code=ac_`)).toBe(true)
    expect(left?.searchParams.get('tenant')).toBe('a b')
  })

  it('§3.1.2 registers no redirect URI with a fragment, nor a relative one (§3.1.2.2)', async () => {
    const [root] = await world.people([{ roles: ['super_admin'] }])
    for (const uri of [`${CALLBACK}#a`, '/callback']) {
      const settings = { redirect_uris: [uri] }
      const { status } = (await root?.client.post('/api/v1/oidc/clients', { name: 'x', settings })) ?? {}
      expect(status).toBe(400)
    }
  })

  it('§3.1.2.4 leads the browser to no address that is not registered (§10.15)', async () => {
    for (const redirect_uri of ['https://evil.example/', `${CALLBACK}/`, `${CALLBACK}?a=b`, null]) {
      const { left, reply } = await ask({ redirect_uri })
      expect([left, reply.status, reply.headers.get('location')]).toEqual([null, 400, null])
      expect(reply.text).not.toContain('evil.example')
    }
  })
})

describe('§3.2 the token endpoint', () => {
  it('takes POST alone, as a form', async () => {
    expect((await world.client().get('/oidc/token?grant_type=client_credentials')).status).toBe(405)
    const json = await world
      .client()
      .post('/oidc/token', GRANT, { headers: basic(program.id, program.secret) })
    expect(json.status).toBe(415)
  })

  it('treats parameters without a value as omitted, ignores unknown ones, and refuses one that is sent twice', async () => {
    const by = basic(program.id, program.secret)
    checkTokenError(await send({ grant_type: '' }, by), 'invalid_request')
    checkTokenAnswer(await send({ ...GRANT, extra: 'x', scope: 'orders:read', resource: '' }, by))
    const twice = await send('grant_type=client_credentials&grant_type=client_credentials', by)
    checkTokenError(twice, 'invalid_request')
  })

  it('§3.2.1 requires confidential clients to authenticate, and public ones to name themselves', async () => {
    const form = { grant_type: 'authorization_code', redirect_uri: CALLBACK, code_verifier: VERIFIER }
    checkTokenError(await send({ ...form, code: await code(), client_id: app.id }), 'invalid_client')
    checkTokenError(await send({ ...form, code: await code(open) }), 'invalid_client')
    checkTokenAnswer(await send({ ...form, code: await code(open), client_id: open.id }))
  })

  it('§3.3 says which scopes were granted, in any order of those requested', async () => {
    for (const scope of ['openid email', 'email openid', 'email unknown openid'])
      expect((await tokens(app, { scope })).scope.split(' ').sort()).toEqual(['email', 'openid'])
    checkTokenError(await program.post('/oidc/token', { ...GRANT, scope: 'orders:delete' }), 'invalid_scope')
  })
})

describe('§4.1 the authorization code grant', () => {
  it('§4.1.2 returns the state exactly', async () => {
    for (const state of ['a b&c=d#e', 'ä 🧑‍🚀 "<>', '%2B+%', 'x'.repeat(2000)])
      expect((await answerOf({ state })).state).toBe(state)
  })

  it('§4.1.2 makes codes that expire shortly', async () => {
    const late = await code()
    await world.clock.advance('61 seconds')
    checkTokenError(await app.exchange(late), 'invalid_grant')
  })

  it('§4.1.2 makes codes for one use, and revokes what was issued for one that is used again', async () => {
    const once = await code(app, { scope: 'openid offline_access' })
    const { body } = await app.exchange(once)
    checkTokenError(await app.exchange(once), 'invalid_grant')
    expect((await userinfo(body.access_token)).status).toBe(401)
    checkTokenError(await refresh(app, body.refresh_token), 'invalid_grant')
  })

  it('§4.1.3 binds a code to its client', async () =>
    checkTokenError(await other.exchange(await code()), 'invalid_grant'))

  it('§4.1.3 binds a code to its redirect URI, which has to be there', async () => {
    checkTokenError(await app.exchange(await code(), { redirect_uri: WITH_QUERY }), 'invalid_grant')
    const form = { grant_type: 'authorization_code', code: await code(), code_verifier: VERIFIER }
    checkTokenError(await app.post('/oidc/token', form), 'invalid_request')
  })

  it('§4.1.2.1 describes errors in the characters that it permits, with the state', async () => {
    for (const more of [
      { response_type: 'x' },
      { scope: 'unknown' },
      { prompt: '"\\' },
      { claims: '\u00e4' },
    ]) {
      const answer = await answerOf(more)
      expect(answer.error).toMatch(/^[a-z_]+$/)
      expect(answer.error_description).toMatch(DESCRIPTION)
      expect([answer.state, answer.code]).toEqual(['a state', undefined])
    }
  })

  it('§4.1.2.1 answers access_denied where the user does not allow it', async () => {
    const asking = await testApp(world)
    const { reply } = await ask({}, asking)
    expect((await answerConsent(ada.client, reply.text, 'deny')).searchParams.get('error')).toBe(
      'access_denied',
    )
  })

  it('§4.1.2.1 answers unauthorized_client where the client may not use the grant', async () => {
    const without = await testApp(world, { grant_types: ['client_credentials'] })
    expect((await answerOf({}, without)).error).toBe('unauthorized_client')
  })
})

describe('§4.3, §4.4 other grants', () => {
  it('§4.3 there are no passwords of users', async () => {
    const form = { grant_type: 'password', username: 'ada@example.com', password: ada.password }
    checkTokenError(await app.post('/oidc/token', form), 'unsupported_grant_type')
  })

  it('§4.4 client credentials are for confidential clients alone', async () => {
    const settings = { ...PROGRAM, token_endpoint_auth_method: 'none' }
    const publicly = await testApp(world, settings)
    checkTokenError(await publicly.post('/oidc/token', GRANT), 'unauthorized_client')
  })

  it('§4.4.3 they get no refresh token', async () => {
    const reply = await program.post('/oidc/token', { ...GRANT, scope: 'orders:read' })
    checkTokenAnswer(reply)
    expect(reply.body.refresh_token).toBeUndefined()
    expect(claimsIn(reply.body.access_token)).toMatchObject({ sub: program.id, client_id: program.id })
  })
})

describe('§5 the answers of the token endpoint', () => {
  it('§5.1 are JSON, not to be stored, with type and lifetime', async () => {
    checkTokenAnswer(await app.exchange(await code()))
    const { access_token, refresh_token } = await tokens()
    // §10.3, §10.4, §10.10
    expect([bitsOf(access_token) > 128, bitsOf(refresh_token) > 128]).toEqual([true, true])
  })

  it('§5.2 say invalid_client with 401, and the scheme that the client used', async () => {
    for (const by of [basic(app.id, 'wrong'), basic('unknown', 'x'), { authorization: 'Basic ?' }]) {
      const reply = await send(GRANT, by)
      checkTokenError(reply, 'invalid_client')
      expect(reply.headers.get('www-authenticate')).toMatch(/^Basic /)
    }
    checkTokenError(await send({ ...GRANT, client_id: app.id, client_secret: 'wrong' }), 'invalid_client')
  })

  it.each([
    ['invalid_request', {}],
    ['invalid_grant', { grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK }],
    ['invalid_grant', { grant_type: 'refresh_token', refresh_token: 'x' }],
    ['unauthorized_client', GRANT],
    ['unsupported_grant_type', { grant_type: 'urn:example:none' }],
  ])('§5.2 say %s with 400', async (error, form) =>
    checkTokenError(await app.post('/oidc/token', form as Record<string, string>), error),
  )
})

describe('§6 refreshing', () => {
  it('requires the client to authenticate, and is bound to it', async () => {
    const { refresh_token: token } = await tokens()
    const form = { grant_type: 'refresh_token', refresh_token: token }
    checkTokenError(await send({ ...form, client_id: app.id }), 'invalid_client')
    checkTokenError(await refresh(other, token), 'invalid_grant')
    checkTokenAnswer(await refresh(app, token))
  })

  it('gives no scope that was not granted, and keeps what was', async () => {
    const { refresh_token: token } = await tokens(app, { scope: 'openid email profile' })
    checkTokenError(await refresh(app, token, { scope: 'openid roles' }), 'invalid_scope')
    const narrow = await refresh(app, token, { scope: 'openid' })
    expect(narrow.body.scope).toBe('openid')
    const again = await refresh(app, narrow.body.refresh_token)
    expect(again.body.scope.split(' ').sort()).toEqual(['email', 'openid', 'profile'])
  })

  it('§10.4 notices a token that is used again, and revokes the active one', async () => {
    const { refresh_token: first } = await tokens()
    const { body } = await refresh(app, first)
    await world.clock.advance('11 seconds')
    checkTokenError(await refresh(app, first), 'invalid_grant')
    checkTokenError(await refresh(app, body.refresh_token), 'invalid_grant')
  })
})

describe('§10 the page that asks the user', () => {
  it('§10.12 takes no answer that another site has sent', async () => {
    const asking = await testApp(world)
    const { reply } = await ask({}, asking)
    const { csrf_token: _, ...fields } = formOf(reply.text, '/consent')
    const { csrfToken } = ada.client
    ada.client.csrfToken = null
    const forged = await ada.client.post('/consent', { ...fields, decision: 'allow' }, { form: true })
    ada.client.csrfToken = csrfToken
    expect([forged.status, forged.headers.get('location')]).toEqual([403, null])
  })

  it('§10.13 is shown in no frame', async () => {
    const { reply } = await ask({}, await testApp(world))
    expect(reply.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(reply.headers.get('x-frame-options')).toBe('DENY')
  })
})
