/** The token endpoint: who the app is, each grant's refusals, races of codes and refresh tokens, and the end of what was issued. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  CALLBACK,
  claimsIn,
  type TestApp,
  testApp,
  testResource,
  VERIFIER,
} from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true })
})
afterAll(() => world?.stop())

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const send = (form: Record<string, string>, headers: Record<string, string> = {}) =>
  world
    .client()
    .send('POST', '/oidc/token', new URLSearchParams(form).toString(), { headers: { ...FORM, ...headers } })
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
})
const userinfo = (token: string) =>
  world.client().get('/oidc/userinfo', { headers: { authorization: `Bearer ${token}` } })
const tokens = async (more: Record<string, string | null> = {}, of = app) =>
  (await of.exchange(await authorizedCode(ada.client, of, more))).body

describe('an app that does not prove who it is', () => {
  const grant = { grant_type: 'client_credentials' }
  it('gets the same answer in every case, with the scheme that it used', async () => {
    for (const reply of [
      await send(grant, basic(app.id, 'cs_wrong')),
      await send(grant, basic('unknown-app', app.secret)),
      await send(grant, { authorization: 'Basic !!' }),
      await send(grant, { authorization: 'Bearer st_x' }),
    ]) {
      expect([reply.status, reply.body.error]).toEqual([401, 'invalid_client'])
      expect(reply.headers.get('www-authenticate')).toBe('Basic realm="latchkey"')
    }
    for (const form of [
      {},
      { client_id: app.id },
      { client_id: app.id, client_secret: '' },
      { client_id: 'unknown-app', client_secret: 'x' },
    ]) {
      const { status, body } = await send({ ...grant, ...form })
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
  })

  it('is refused where it authenticates in two ways, or names two apps', async () => {
    const twice = await send({ ...grant, client_secret: app.secret }, basic(app.id, app.secret))
    const other = await send({ ...grant, client_id: 'other' }, basic(app.id, app.secret))
    expect([twice.body.error, other.body.error]).toEqual(['invalid_request', 'invalid_request'])
  })

  it('is a public one that sends a secret', async () => {
    const open = await testApp(world, { token_endpoint_auth_method: 'none' })
    const { status } = await send({ ...grant, client_id: open.id, client_secret: 'x' })
    expect(status).toBe(401)
  })

  it('has an empty secret only where it has none: libraries send one for public apps (RFC 6749 §2.3.1)', async () => {
    const open = await testApp(world, { token_endpoint_auth_method: 'none' })
    const code = {
      grant_type: 'authorization_code',
      code: 'ac_none',
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    }
    for (const { id, error } of [
      { id: open.id, error: 'invalid_grant' },
      { id: app.id, error: 'invalid_client' },
    ]) {
      const [byHeader, byForm] = [
        await send(code, basic(id, '')),
        await send({ ...code, client_id: id, client_secret: '' }),
      ]
      expect([byHeader.body.error, byForm.body.error]).toEqual([error, error])
    }
  })

  it('is none whose secret has expired, or that was disabled', async () => {
    const late = await testApp(world, { grant_types: ['client_credentials'] })
    expect((await late.post('/oidc/token', grant)).status).toBe(200)
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('client_secrets')
        .set({ expires_at: world.clock.now() })
        .where('client_id', '=', late.id)
        .execute(),
    )
    await expect.poll(async () => (await late.post('/oidc/token', grant)).status).toBe(401)
  })
})

describe('the grants', () => {
  it('refuse what is missing, unknown, or not registered', async () => {
    const errors = async (form: Record<string, string>) => (await app.post('/oidc/token', form)).body.error
    expect(await errors({})).toBe('invalid_request')
    expect(await errors({ grant_type: 'password', username: 'ada', password: 'x' })).toBe(
      'unsupported_grant_type',
    )
    expect(await errors({ grant_type: '__proto__' })).toBe('unsupported_grant_type')
    expect(await errors({ grant_type: 'client_credentials' })).toBe('unauthorized_client')
    expect(await errors({ grant_type: 'authorization_code' })).toBe('invalid_request')
    expect(await errors({ grant_type: 'authorization_code', code: 'x' })).toBe('invalid_request')
    expect(await errors({ grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK })).toBe(
      'invalid_grant',
    )
    expect(await errors({ grant_type: 'refresh_token' })).toBe('invalid_request')
    expect(await errors({ grant_type: 'refresh_token', refresh_token: 'x' })).toBe('invalid_grant')
  })

  it('of client credentials give a token for the app itself, which has no user', async () => {
    const program = await testApp(world, { grant_types: ['client_credentials'], scopes: ['orders:read'] })
    const { status, body } = await program.post('/oidc/token', {
      grant_type: 'client_credentials',
      scope: 'orders:read',
    })
    expect(status).toBe(200)
    expect(body.refresh_token).toBeUndefined()
    expect(claimsIn(body.access_token)).toMatchObject({
      sub: program.id,
      client_id: program.id,
      scope: 'orders:read',
    })
    const without = await program.post('/oidc/token', { grant_type: 'client_credentials' })
    expect([without.status, 'scope' in without.body]).toEqual([200, false])
    const beyond = await program.post('/oidc/token', { grant_type: 'client_credentials', scope: 'openid' })
    expect(beyond.body.error).toBe('invalid_scope')
    const asUser = await world
      .client()
      .get('/api/v1/users/me', { headers: { authorization: `Bearer ${body.access_token}` } })
    expect(asUser.status).toBe(401)
    expect((await userinfo(body.access_token)).status).toBe(401)
  })

  it('of client credentials, repeated, follow each change of the request, the app and the API', async () => {
    const api = 'https://repeated.example.com'
    await testResource(world, api, ['read', 'write'])
    const settings = { grant_types: ['client_credentials'], scopes: ['read', 'write'] }
    const program = await testApp(world, settings)
    const outcome = async (scope: string, resource: string | null = api) => {
      const form = { grant_type: 'client_credentials', scope, ...(resource !== null && { resource }) }
      const { body } = await program.post('/oidc/token', form)
      return body.error ?? { ...claimsIn(body.access_token), expires_in: body.expires_in }
    }
    for (const scope of ['read', 'read', 'read write', 'read'])
      expect(await outcome(scope)).toMatchObject({ scope, aud: api, expires_in: 3600 })
    expect(await outcome('read', null)).toMatchObject({ scope: 'read', aud: world.config.publicUrl })
    expect(await outcome('read')).toMatchObject({ aud: api })
    await world.db.tx('system', (tx) =>
      tx.updateTable('resources').set({ token_lifetime_seconds: 60 }).where('identifier', '=', api).execute(),
    )
    await expect.poll(() => outcome('read')).toMatchObject({ scope: 'read', expires_in: 60 })
    const narrowed = JSON.stringify({ redirect_uris: [CALLBACK], ...settings, scopes: ['write'] })
    await world.db.tx('system', (tx) =>
      tx.updateTable('clients').set({ settings: narrowed }).where('id', '=', program.id).execute(),
    )
    await expect.poll(() => outcome('read')).toBe('invalid_scope')
    expect(await outcome('write')).toMatchObject({ scope: 'write', expires_in: 60 })
  })

  it('narrow at a refresh, and never widen', async () => {
    const { refresh_token: first } = await tokens({ scope: 'openid profile email' })
    const refresh = (refresh_token: string, scope: string) =>
      app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token, scope })
    const narrow = await refresh(first, 'openid')
    expect(narrow.body.scope).toBe('openid')
    expect((await refresh(narrow.body.refresh_token, 'openid roles')).body.error).toBe('invalid_scope')
  })

  it('of a refresh outlive the session with offline_access, and end with it otherwise', async () => {
    const ben = await world.person({ email: 'ben@example.com' })
    const get = async (scope: string) =>
      (await app.exchange(await authorizedCode(ben.client, app, { scope }))).body.refresh_token
    const [online, offline] = [await get('openid'), await get('openid offline_access')]
    await ben.client.post('/api/v1/auth/logout')
    const refresh = (refresh_token: string) =>
      app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })
    expect((await refresh(online)).body.error).toBe('invalid_grant')
    const again = await refresh(offline)
    expect(again.status).toBe(200)
    expect(claimsIn(again.body.id_token).sid).toBeUndefined()
    await world.clock.advance('31 days')
    expect((await refresh(again.body.refresh_token)).body.error).toBe('invalid_grant')
  })
})

describe('of concurrent requests', () => {
  it('one exchanges a code, and what it got is revoked', async () => {
    ada = await world.person({ email: 'ada3@example.com' })
    for (let round = 0; round < 5; round += 1) {
      const code = await authorizedCode(ada.client, app)
      const replies = await Promise.all(Array.from({ length: 20 }, () => app.exchange(code)))
      const good = replies.filter(({ status }) => status === 200)
      expect(good).toHaveLength(1)
      expect(new Set(replies.filter(({ status }) => status !== 200).map(({ body }) => body.error))).toEqual(
        new Set(['invalid_grant']),
      )
      await expect.poll(async () => (await userinfo(good[0]?.body.access_token)).status).toBe(401)
      const refreshed = await app.post('/oidc/token', {
        grant_type: 'refresh_token',
        refresh_token: good[0]?.body.refresh_token,
      })
      expect(refreshed.body.error).toBe('invalid_grant')
    }
    const events = await world.db.tx('system', (tx) =>
      tx.selectFrom('audit_events').select('id').where('event_type', '=', 'oidc.token.reuse').execute(),
    )
    expect(events).toHaveLength(5)
  })

  it('all that repeat a refresh at once get the same successor', async () => {
    const { refresh_token } = await tokens()
    const replies = await Promise.all(
      Array.from({ length: 20 }, () =>
        app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token }),
      ),
    )
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(replies.map(({ body }) => body.refresh_token)).size).toBe(1)
  })

  it('those of two apps with one refresh token give it to its own', async () => {
    const { refresh_token } = await tokens()
    const other = await testApp(world, { first_party: true })
    const form = { grant_type: 'refresh_token', refresh_token }
    const [own, foreign] = await Promise.all([app.post('/oidc/token', form), other.post('/oidc/token', form)])
    expect([own.status, foreign.body.error]).toEqual([200, 'invalid_grant'])
  })
})

describe('what was issued', () => {
  it('is introspected by its app, by none of another organization, and not by a public app', async () => {
    const { access_token: token, refresh_token: refresh } = await tokens({ scope: 'openid email' })
    const organization = await world.organization({ members: [[ada, 'owner']] })
    const foreign = await testApp(world, {}, { organization })
    const open = await testApp(world, { token_endpoint_auth_method: 'none' })
    const { body } = await app.post('/oidc/introspect', { token })
    expect(body).toMatchObject({
      active: true,
      client_id: app.id,
      scope: 'openid email',
      sub: ada.id,
      token_type: 'Bearer',
    })
    expect((await app.post('/oidc/introspect', { token: refresh })).body).toMatchObject({
      active: true,
      client_id: app.id,
    })
    for (const text of [token, refresh])
      expect((await foreign.post('/oidc/introspect', { token: text })).body).toEqual({ active: false })
    expect((await app.post('/oidc/introspect', { token: 'nonsense' })).body).toEqual({ active: false })
    expect((await open.post('/oidc/introspect', { token })).body.error).toBe('unauthorized_client')
    expect((await app.post('/oidc/introspect', {})).body.error).toBe('invalid_request')
  })

  it('is revoked by its app alone, a refresh token with its access tokens', async () => {
    const { access_token: token, refresh_token: refresh } = await tokens()
    const other = await testApp(world)
    for (const text of [token, refresh])
      expect((await other.post('/oidc/revoke', { token: text })).body.error).toBe('unauthorized_client')
    expect((await userinfo(token)).status).toBe(200)
    const revoked = await app.post('/oidc/revoke', { token: refresh })
    expect([revoked.status, revoked.text]).toEqual([200, ''])
    expect((await userinfo(token)).status).toBe(401)
    expect((await app.post('/oidc/introspect', { token })).body).toEqual({ active: false })
    expect((await app.post('/oidc/revoke', { token: 'nonsense' })).status).toBe(200)
    const second = await tokens()
    expect((await app.post('/oidc/revoke', { token: second.access_token })).status).toBe(200)
    expect((await userinfo(second.access_token)).status).toBe(401)
  })

  it('ends with the app, the user and the session', async () => {
    const short = await testApp(world, { first_party: true })
    const cleo = await world.person({ email: 'cleo@example.com' })
    const get = async (of: TestApp) =>
      (await of.exchange(await authorizedCode(cleo.client, of))).body.access_token
    const [byApp, bySession] = [await get(short), await get(app)]
    const admin = await world.person({ email: 'root@example.com', roles: ['super_admin'] })
    expect((await admin.client.delete(`/api/v1/oidc/clients/${short.id}`)).status).toBe(200)
    expect((await userinfo(byApp)).status).toBe(401)
    expect((await userinfo(bySession)).status).toBe(200)
    await cleo.client.post('/api/v1/auth/logout')
    expect((await userinfo(bySession)).status).toBe(401)
  })

  it('is sent to userinfo by a header, or by the form of a POST, and by one of them alone', async () => {
    const { access_token: token } = await tokens({ claims: '{"userinfo":{"email":{"essential":true}}}' })
    const headers = { ...FORM }
    const inForm = await world.client().send('POST', '/oidc/userinfo', `access_token=${token}`, { headers })
    const byHeader = await world
      .client()
      .send('POST', '/oidc/userinfo', '', { headers: { ...headers, authorization: `Bearer ${token}` } })
    const both = await world.client().send('POST', '/oidc/userinfo', `access_token=${token}`, {
      headers: { ...headers, authorization: `Bearer ${token}` },
    })
    expect([inForm.status, byHeader.status, both.status]).toEqual([200, 200, 400])
    expect(Object.keys(inForm.body).sort()).toEqual(['email', 'sub'])
    const none = await world.client().get('/oidc/userinfo')
    expect(none.status).toBe(401)
    expect(none.headers.get('www-authenticate')).toMatch(
      /^Bearer realm="latchkey", DPoP realm="latchkey", algs="/,
    )
    const bad = await userinfo('a.b.c')
    expect(bad.headers.get('www-authenticate')).toContain('error="invalid_token"')
    const own = await ada.client.post('/api/v1/auth/tokens')
    expect((await userinfo(own.data.access_token)).status).toBe(401)
  })
})

it('the verifier of the example in RFC 7636 is the one that is used here', () =>
  expect(VERIFIER).toHaveLength(43))
