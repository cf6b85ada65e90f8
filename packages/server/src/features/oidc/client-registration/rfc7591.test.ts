/** RFC 7591, OAuth 2.0 Dynamic Client Registration, and OpenID Connect Registration: by its sections, as apps and operators see it. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appKey } from '../../../testing/app-keys.ts'
import { answerConsent, authorizePath, CALLBACK, claimsIn, follow, VERIFIER } from '../../../testing/apps.ts'
import type { Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { eventsAbout, SERVER } from '../clients/testing.ts'

type Members = Record<string, unknown>

let open: World
let byToken: World
let ada: Person
let root: Person
beforeAll(async () => {
  open = await startWorld({ clientRegistration: 'open', rateLimits: 'off' })
  byToken = await startWorld({ clientRegistration: 'token', rateLimits: 'off' })
  ;[ada] = (await open.people(1)) as [Person]
  ;[root] = (await byToken.people([{ roles: ['super_admin'] }])) as [Person]
})
afterAll(async () => {
  await open?.stop()
  await byToken?.stop()
})

const register = (metadata: Members = {}, world = open, headers: Record<string, string> = {}) =>
  world
    .client()
    .post('/oidc/register', { redirect_uris: [CALLBACK], client_name: 'Editor', ...metadata }, { headers })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const errorOf = ({ status, body }: Reply): unknown[] => [status, body.error]
/** A key of an administrator of `byToken`. */
async function keyWith(...permissions: string[]): Promise<string> {
  const { data } = await root.client.post('/api/v1/auth/api-keys', { name: 'Registrar', permissions })
  return data.api_key
}
const rowOf = (id: string, world = open) =>
  world.db.tx('system', (tx) => tx.selectFrom('clients').selectAll().where('id', '=', id).executeTakeFirst())
const exchange = (form: Record<string, string>, headers: Record<string, string> = {}) =>
  open
    .client()
    .post(
      '/oidc/token',
      { redirect_uri: CALLBACK, code_verifier: VERIFIER, ...form },
      { form: true, headers },
    )
async function codeOf(id: string, person = ada): Promise<string> {
  const { reply, left } = await follow(person.client, authorizePath({ id }))
  const led = left ?? (await answerConsent(person.client, reply.text))
  return led.searchParams.get('code') ?? ''
}

describe('§3.1, §3.2.1: a registration', () => {
  it('is answered with the id, the secret and all that was registered, by the defaults of §2', async () => {
    const reply = await register()
    expect([reply.status, reply.headers.get('cache-control')]).toEqual([201, 'no-store'])
    expect(reply.headers.get('content-type')).toContain('application/json')
    const { client_id, client_secret, client_id_issued_at: at, ...rest } = reply.body
    expect(Math.abs(at - open.clock.now().getTime() / 1000)).toBeLessThan(60)
    expect(client_id).toMatch(/^cli_/)
    expect(client_secret).toMatch(/^cs_/)
    expect(rest).toEqual({
      client_secret_expires_at: 0,
      client_name: 'Editor',
      redirect_uris: [CALLBACK],
      post_logout_redirect_uris: [],
      application_type: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
      subject_type: 'public',
      require_pushed_authorization_requests: false,
      dpop_bound_access_tokens: false,
      backchannel_logout_session_required: false,
      contacts: [],
    })
  })

  it('is of an app that signs users in from then on, who see that it has registered itself', async () => {
    const { body } = await register({ client_name: 'Acme Editor' })
    const { reply } = await follow(ada.client, authorizePath({ id: body.client_id }))
    expect(reply.text).toContain('Allow Acme Editor?')
    expect(reply.text).toContain('was not checked here')
    const code = await codeOf(body.client_id)
    const basic = `Basic ${Buffer.from(`${body.client_id}:${body.client_secret}`).toString('base64')}`
    const tokens = await exchange({ grant_type: 'authorization_code', code }, { authorization: basic })
    expect(tokens.status).toBe(200)
    expect(tokens.body).not.toHaveProperty('refresh_token')
    expect(claimsIn(tokens.body.id_token)).toMatchObject({ aud: body.client_id, sub: ada.id })
  })

  it('gives an app without a secret none, and keeps what it says', async () => {
    const sent = {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'openid email',
      client_uri: 'https://editor.example.com/',
      tos_uri: 'https://editor.example.com/terms',
      contacts: ['ada@example.com'],
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback', 'com.example.editor:/callback'],
    }
    const { body } = await register(sent)
    expect(body).toMatchObject(sent)
    expect(body).not.toHaveProperty('client_secret')
    expect(body).not.toHaveProperty('client_secret_expires_at')
  })

  it('keeps the keys of an app that proves itself by them', async () => {
    const { jwk } = appKey('ES256')
    const { status, body } = await register({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    })
    expect([status, body.jwks.keys[0].kid]).toEqual([201, jwk.kid])
    expect(body).not.toHaveProperty('client_secret')
  })

  it('takes a loopback address as that of an app on a device, and null as absent', async () => {
    const { body } = await register({
      redirect_uris: ['http://127.0.0.1/callback'],
      logo_uri: null,
      scope: null,
    })
    expect(body.application_type).toBe('native')
  })

  it('ignores members that it does not know, and replaces what an app may not have', async () => {
    const { status, body } = await register({
      client_id: 'mine',
      client_secret: 'mine',
      software_statement: 'x.y.z',
      'client_name#de': 'Redakteur',
      first_party: true,
      require_pkce: false,
      token_claims: 'full',
      allowed_roles: ['super_admin'],
      scope: 'openid secrets:read',
      scopes: ['secrets:read'],
      grant_types: ['authorization_code', 'client_credentials', 'implicit'],
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({ scope: 'openid', grant_types: ['authorization_code'] })
    for (const member of ['first_party', 'require_pkce', 'token_claims', 'scopes', 'software_statement'])
      expect(body).not.toHaveProperty(member)
    const { settings } = (await rowOf(body.client_id)) as { settings: Members }
    expect(settings).toMatchObject({
      first_party: false,
      require_pkce: true,
      token_claims: 'minimal',
      allowed_roles: [],
    })
    expect(body.client_secret).toMatch(/^cs_/)
  })

  it('of scopes that are not there gives none, rather than all', async () => {
    const { body } = await register({ scope: 'notes secrets:read' })
    const { settings } = (await rowOf(body.client_id)) as { settings: Members }
    expect(settings.scopes).toEqual([])
    expect(body.scope ?? '').toBe('')
  })

  it('may come from a page of any origin, and reads no cookie', async () => {
    const reply = await ada.client.post(
      '/oidc/register',
      { redirect_uris: [CALLBACK] },
      { headers: { origin: 'https://other.example.com', 'sec-fetch-site': 'cross-site' } },
    )
    expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([201, '*'])
    expect(await rowOf(reply.body.client_id)).toMatchObject({ created_by: null })
  })
})

describe('§3.2.2: a registration is refused', () => {
  it.each<[string, Members, string]>([
    ['without a redirect URI', { redirect_uris: [] }, 'invalid_redirect_uri'],
    ['with a redirect URI that is no text', { redirect_uris: [1] }, 'invalid_redirect_uri'],
    ['with a redirect URI without https', { redirect_uris: ['http://app.example.com/'] }, 'invalid_redirect_uri'],
    ['with a fragment', { redirect_uris: [`${CALLBACK}#x`] }, 'invalid_redirect_uri'],
    ['with a wildcard', { redirect_uris: ['https://*.example.com/'] }, 'invalid_redirect_uri'],
    ['with a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['with the scheme of an app that says it is on the web', { application_type: 'web', redirect_uris: ['com.example:/cb'] }, 'invalid_redirect_uri'],
    ['with 51 redirect URIs', { redirect_uris: Array.from({ length: 51 }, (_, n) => `${CALLBACK}/${n}`) }, 'invalid_redirect_uri'],
    ['with a shared key', { token_endpoint_auth_method: 'client_secret_jwt' }, 'invalid_client_metadata'],
    ['with no grant that there is', { grant_types: ['implicit'] }, 'invalid_client_metadata'],
    ['with grants that are no list', { grant_types: 'authorization_code' }, 'invalid_client_metadata'],
    ['with a grant without users', { grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
    ['with a grant for devices', { grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] }, 'invalid_client_metadata'],
    ['with tokens in the browser', { response_types: ['token'] }, 'invalid_client_metadata'],
    ['with keys and their address', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [appKey('ES256').jwk] }, jwks_uri: 'https://a.example.com/k' }, 'invalid_client_metadata'],
    ['without its keys', { token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata'],
    ['with an unsigned ID token', { id_token_signed_response_alg: 'none' }, 'invalid_client_metadata'],
    ['with pairwise subjects at two hosts', { subject_type: 'pairwise', redirect_uris: [CALLBACK, 'https://b.example.com/'] }, 'invalid_client_metadata'],
    ['with pairwise subjects on a device', { subject_type: 'pairwise', redirect_uris: ['http://127.0.0.1/cb'] }, 'invalid_client_metadata'],
    ['with a sector in a document', { subject_type: 'pairwise', sector_identifier_uri: 'https://a.example.com/s' }, 'invalid_client_metadata'],
    ['with a page that is a script', { client_uri: 'javascript:alert(1)' }, 'invalid_client_metadata'],
    ['with a name that hides something', { client_name: 'Acme\u202e' }, 'invalid_client_metadata'],
    ['with a long name', { client_name: 'a'.repeat(81) }, 'invalid_client_metadata'],
    ['with U+0000', { client_name: 'a\0' }, 'invalid_request'],
  ])('%s', async (_, metadata, error) => {
    expect(errorOf(await register(metadata))).toEqual([400, error])
  }) // biome-ignore format: a table

  it('that is a form, a list, or too long', async () => {
    const form = await open.client().post('/oidc/register', { client_name: 'x' }, { form: true })
    expect(form.status).toBe(415)
    expect((await open.client().post('/oidc/register', [])).status).toBe(400)
    expect((await register({ contacts: Array(200).fill('a'.repeat(300)) })).status).toBe(413)
  })
})

describe('§3: who registers an app', () => {
  it('is no app by default, and discovery says nothing of it', async () => {
    const off = await startWorld()
    expect(errorOf(await register({}, off))).toEqual([404, 'invalid_request'])
    const { body } = await off.client().get('/.well-known/openid-configuration')
    expect(body).not.toHaveProperty('registration_endpoint')
    await off.stop()
  })

  it('finds the endpoint in discovery', async () => {
    const { body } = await open.client().get('/.well-known/openid-configuration')
    expect(body.registration_endpoint).toBe(`${open.config.publicUrl}/oidc/register`)
  })

  it('has an API key where the server requires one, and may then register programs and devices', async () => {
    const key = await keyWith('oauth_clients:write')
    const grants = ['client_credentials', 'urn:ietf:params:oauth:grant-type:device_code']
    const { status, body } = await register({ grant_types: grants, redirect_uris: [] }, byToken, bearer(key))
    expect([status, body.grant_types, body.response_types]).toEqual([201, grants, []])
    const row = await rowOf(body.client_id, byToken)
    expect(row).toMatchObject({ source: 'registration', created_by: root.id, expires_at: null })
    const events = await eventsAbout(byToken, body.client_id)
    expect(events.map(({ type, details }) => [type, details.source])).toEqual([
      ['client.created', 'registration'],
      ['client.secret.created', 'registration'],
    ])
    expect(JSON.stringify(events)).not.toContain(body.client_secret)
  })

  it('is refused without one, with one that permits less, and with any other credential', async () => {
    const without = await register({}, byToken)
    expect(errorOf(without)).toEqual([401, 'invalid_token'])
    expect(without.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"')
    const less = await register({}, byToken, bearer(await keyWith('oauth_clients:read')))
    expect(errorOf(less)).toEqual([403, 'insufficient_scope'])
    expect(await byToken.events(root.id)).toContain('access.denied')
    const { data } = await root.client.post('/api/v1/auth/token')
    for (const token of ['x', 'lk_live_x', data?.access_token ?? 'a.b.c', 'st_abc'])
      expect(errorOf(await register({}, byToken, bearer(token)))).toEqual([401, 'invalid_token'])
    expect(errorOf(await register({}, byToken, { authorization: 'Basic YTpi' }))).toEqual([
      401,
      'invalid_token',
    ])
    // the cookie of an administrator is no token
    const byCookie = await root.client.post('/oidc/register', { redirect_uris: [CALLBACK] })
    expect(errorOf(byCookie)).toEqual([401, 'invalid_token'])
  })

  it('is refused with a key that was revoked, or whose user may do it no more', async () => {
    const [second] = (await byToken.people([{ roles: ['super_admin'] }])) as [Person]
    const made = await second.client.post('/api/v1/auth/api-keys', {
      name: 'Registrar',
      permissions: ['oauth_clients:write'],
    })
    const key = made.data.api_key
    expect((await register({}, byToken, bearer(key))).status).toBe(201)
    await byToken.db.tx('system', (tx) =>
      tx
        .updateTable('users')
        .set({ roles: ['user'] })
        .where('id', '=', second.id)
        .execute(),
    )
    expect((await register({}, byToken, bearer(key))).status).toBe(403)
    const { data } = await root.client.post('/api/v1/auth/api-keys', {
      name: 'Registrar',
      permissions: ['oauth_clients:write'],
    })
    expect((await root.client.delete(`/api/v1/auth/api-keys/${data.key_id}`)).status).toBe(200)
    expect(errorOf(await register({}, byToken, bearer(data.api_key)))).toEqual([401, 'invalid_token'])
  })

  it('also counts where the server is open: a wrong token is refused', async () => {
    expect(errorOf(await register({}, open, bearer('x')))).toEqual([401, 'invalid_token'])
  })
})

describe('apps of strangers', () => {
  it('are ten an hour for each address', async () => {
    const limited = await startWorld({ clientRegistration: 'open', rateLimits: 'standard' })
    const statuses: number[] = []
    for (let n = 0; n < 12; n += 1) statuses.push((await register({}, limited)).status)
    expect(statuses).toEqual([...Array(10).fill(201), 429, 429])
    await limited.clock.advance('61 minutes')
    expect((await register({}, limited)).status).toBe(201)
    await limited.stop()
  })

  it('are gone after two days, except those that a user has allowed something', async () => {
    const [one, other] = [await register({ token_endpoint_auth_method: 'none' }), await register()]
    expect(await codeOf(one.body.client_id)).toMatch(/^ac_/)
    await open.clock.advance('47 hours')
    expect(await rowOf(other.body.client_id)).toBeDefined()
    await open.clock.advance('2 hours')
    expect(await rowOf(other.body.client_id)).toBeUndefined()
    expect(await rowOf(one.body.client_id)).toMatchObject({ expires_at: null })
    const { reply } = await follow(open.client(), authorizePath({ id: other.body.client_id }))
    expect(reply.status).toBe(400)
  })

  it('are shown to administrators, who change, disable and delete them', async () => {
    const [boss] = (await open.people([{ roles: ['super_admin'] }])) as [Person]
    const { body } = await register()
    const path = `${SERVER}/${body.client_id}`
    const { data } = await boss.client.get(path)
    expect(data).toMatchObject({ source: 'registration', name: 'Editor', organization_id: null })
    expect(data.expires_at).not.toBeNull()
    expect((await boss.client.patch(path, { status: 'disabled' })).status).toBe(200)
    expect((await follow(open.client(), authorizePath({ id: body.client_id }))).reply.status).toBe(400)
    expect((await boss.client.delete(path)).status).toBe(200)
    expect(await rowOf(body.client_id)).toBeUndefined()
  })

  it('are no more than there may be, also of many at once', async () => {
    const full = await startWorld({ clientRegistration: 'open', rateLimits: 'off' })
    await full.db.tx('system', (tx) =>
      sql`
        insert into clients (id, source, name, status, settings, created_at, updated_at)
        select 'cli_' || n, 'registration', 'Many', 'active', '{}', now(), now() from generate_series(1, 9997) as n`.execute(
        tx,
      ),
    )
    const all = await Promise.all(Array.from({ length: 8 }, () => register({}, full)))
    expect(all.map(({ status }) => status).sort()).toEqual([201, 201, 201, ...Array(5).fill(503)])
    // they keep out no holder of a token, whose key is on record
    const [boss] = (await full.people([{ roles: ['super_admin'] }])) as [Person]
    const { secret, id } = await boss.client.apiKey({ permissions: ['oauth_clients:write'] })
    const { status, body } = await register({}, full, bearer(secret))
    expect(status).toBe(201)
    const { data } = await boss.client.get('/api/v1/audit-logs?event_type=client.created&limit=1')
    expect(data[0].details).toMatchObject({ client_id: body.client_id, key: id })
    await full.stop()
  })
})
