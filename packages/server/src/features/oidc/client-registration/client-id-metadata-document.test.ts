/** Client id metadata documents (draft-ietf-oauth-client-id-metadata-document-01), as apps, browsers and operators see them. */
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { appKey } from '../../../testing/app-keys.ts'
import {
  answerConsent,
  authorizePath,
  CALLBACK,
  CHALLENGE,
  claimsIn,
  follow,
  formOf,
  VERIFIER,
} from '../../../testing/apps.ts'
import { type DocumentServer, startDocumentServer } from '../../../testing/document-server.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const PRIVATE = 'intranet.example.com'

let world: World
let documents: DocumentServer
let ada: Person
beforeAll(async () => {
  documents = await startDocumentServer([PRIVATE])
  world = await startWorld({ clientIdDocuments: 'on', rateLimits: 'off' }, {}, documents.network)
  ;[ada] = (await world.people(1)) as [Person]
})
afterAll(async () => {
  await world?.stop()
  await documents?.close()
})

let count = 0
/** The address of an app, another for each test. */
let id: string
beforeEach(() => {
  count += 1
  id = `https://editor${count}.example.com/oauth/client.json`
  documents.requested.length = 0
})

const begin = (clientId = id, more: Record<string, string | null> = {}, by = ada) =>
  follow(by.client, authorizePath({ id: clientId }, more))
/** What the page says about an app that cannot be used. */
async function refusalOf(clientId = id, more: Record<string, string> = {}): Promise<string> {
  const { reply, left } = await begin(clientId, more)
  expect([left, reply.status]).toEqual([null, 400])
  return /For developers: ([^<]*)\. In the documentation/.exec(reply.text)?.[1] ?? ''
}
const send = (path: string, form: Record<string, string>) => world.client().post(path, form, { form: true })
const exchange = (code: string, more: Record<string, string> = {}) =>
  send('/oidc/token', {
    grant_type: 'authorization_code',
    client_id: id,
    code,
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
    ...more,
  })
const allow = async (more: Record<string, string | null> = {}): Promise<string> => {
  const { reply, left } = await begin(id, more)
  const led = left ?? (await answerConsent(ada.client, reply.text))
  return led.searchParams.get('code') ?? ''
}
const rowOf = (clientId = id) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('clients').selectAll().where('id', '=', clientId).executeTakeFirst(),
  )
const json = (response: ServerResponse, body: string, type = 'application/json'): void =>
  void response.writeHead(200, { 'content-type': type }).end(body)

describe('§5: the metadata of the server', () => {
  it('says that documents are read, and that apps without a secret may be', async () => {
    const { body } = await world.client().get('/.well-known/oauth-authorization-server')
    expect(body.client_id_metadata_document_supported).toBe(true)
    expect(body.token_endpoint_auth_methods_supported).toContain('none')
  })

  it('says nothing of them by default, and no document is fetched', async () => {
    const usual = await startWorld({}, {}, documents.network)
    documents.put(id)
    const { body } = await usual.client().get('/.well-known/openid-configuration')
    expect(body).not.toHaveProperty('client_id_metadata_document_supported')
    expect((await follow(usual.client(), authorizePath({ id }))).reply.text).toContain('invalid_request')
    expect(documents.requested).toEqual([])
    await usual.stop()
  })
})

describe('an app with a document', () => {
  it('signs users in without being registered, and is shown to them by its host', async () => {
    documents.put(id, { client_name: 'Acme Editor', tos_uri: 'https://editor.example.com/terms' })
    const { reply, left } = await begin(id, { scope: 'openid email offline_access' })
    expect(left).toBeNull()
    expect(reply.text).toContain('Allow Acme Editor?')
    expect(reply.text).toContain(`<h2>${new URL(id).host}</h2>`)
    expect(reply.text).toContain('https://editor.example.com/terms')
    const led = await answerConsent(ada.client, reply.text)
    expect(led.origin + led.pathname).toBe(CALLBACK)
    const { status, body } = await exchange(led.searchParams.get('code') ?? '')
    expect(status).toBe(200)
    expect(claimsIn(body.id_token)).toMatchObject({ aud: id, sub: ada.id })
    expect(claimsIn(body.access_token)).toMatchObject({ client_id: id })
    const again = { grant_type: 'refresh_token', client_id: id, refresh_token: body.refresh_token }
    expect((await send('/oidc/token', again)).status).toBe(200)
    expect(await rowOf()).toMatchObject({ source: 'document', name: 'Acme Editor', organization_id: null })
    // allowed once, and the document is in memory
    expect(
      (await begin(id, { scope: 'openid email offline_access' })).left?.searchParams.get('code'),
    ).toMatch(/^ac_/)
    expect(documents.requested).toEqual([id])
  })

  it('has to use PKCE, and gets no more than an app of strangers', async () => {
    documents.put(id, {
      first_party: true,
      token_claims: 'full',
      require_pkce: false,
      scope: 'openid email secrets:read',
      grant_types: ['authorization_code', 'client_credentials', 'urn:example:other'],
    })
    expect(
      (await begin(id, { code_challenge: null, code_challenge_method: null })).left?.searchParams.get(
        'error',
      ),
    ).toBe('invalid_request')
    const { settings } = (await rowOf()) as { settings: Record<string, unknown> }
    expect(settings).toMatchObject({ first_party: false, token_claims: 'minimal', require_pkce: true })
    expect(settings).toMatchObject({ scopes: ['openid', 'email'], grant_types: ['authorization_code'] })
    const { body } = await exchange(await allow())
    expect(body).not.toHaveProperty('refresh_token')
  })

  it('is allowed each time where its redirect is one that any app of the device could have', async () => {
    const redirect_uri = 'http://127.0.0.1:51004/callback'
    documents.put(id, { redirect_uris: ['http://127.0.0.1/callback'] })
    expect(await allow({ redirect_uri })).toMatch(/^ac_/)
    const { reply, left } = await begin(id, { redirect_uri })
    expect(left).toBeNull()
    expect(reply.text).toContain('Any app on this device')
  })

  it('proves who it is by a key where its document has one', async () => {
    const key = appKey('ES256')
    documents.put(id, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } })
    const now = Math.floor(world.clock.now().getTime() / 1000)
    const assertion = (jti: string) =>
      key.sign(
        { kid: key.jwk.kid },
        { iss: id, sub: id, aud: world.config.publicUrl, iat: now, exp: now + 60, jti },
      )
    const by = (jti: string) => ({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion(jti),
    })
    const code = await allow()
    expect((await exchange(code)).body.error).toBe('invalid_client')
    expect((await exchange(code, by('a'))).status).toBe(200)
  })

  it('may push its request, and post it', async () => {
    documents.put(id)
    const parameters = Object.fromEntries(new URLSearchParams(authorizePath({ id }).split('?')[1]))
    const pushed = await send('/oidc/par', parameters)
    expect(pushed.status).toBe(201)
    const { left, reply } = await follow(
      ada.client,
      `/oidc/authorize?${new URLSearchParams({ client_id: id, request_uri: pushed.body.request_uri })}`,
    )
    expect([left, formOf(reply.text, '/consent').client_id]).toEqual([null, id])
    const posted = await send('/oidc/authorize', parameters)
    expect(posted.headers.get('location')).toMatch(/^\/oidc\/authorize\?client_id=https/)
    expect(documents.requested).toEqual([id])
  })

  it('may push its request as the first thing that it does, and say who it is by its assertion alone', async () => {
    const key = appKey('ES256')
    documents.put(id, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...key.jwk, ext: true }] },
    })
    const now = Math.floor(world.clock.now().getTime() / 1000)
    const claims = { iss: id, sub: id, aud: world.config.publicUrl, iat: now, exp: now + 60, jti: 'first' }
    const parameters = Object.fromEntries(new URLSearchParams(authorizePath({ id }).split('?')[1]))
    const { client_id: _, ...unnamed } = parameters
    const pushed = await send('/oidc/par', {
      ...unnamed,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: key.sign({ kid: key.jwk.kid }, claims),
    })
    expect([pushed.status, pushed.body.error]).toEqual([201, undefined])
  })

  it('is refused where it pushes or posts and its document cannot be used', async () => {
    const parameters = {
      client_id: id,
      redirect_uri: CALLBACK,
      response_type: 'code',
      code_challenge: CHALLENGE,
    }
    const { status, body } = await send('/oidc/par', parameters)
    expect([status, body.error]).toEqual([400, 'invalid_client_metadata'])
    const posted = await send('/oidc/authorize', parameters)
    expect([posted.status, posted.headers.get('location')]).toEqual([400, null])
  })
})

describe('§3: an id', () => {
  it.each([
    ['that is not https', 'http://editor.example.com/client.json'],
    ['without a path', 'https://editor.example.com/'],
    ['without a slash', 'https://editor.example.com'],
    ['with a user name', 'https://user@editor.example.com/client.json'],
    ['with an empty user name', 'https://@editor.example.com/client.json'],
    ['with a fragment', 'https://editor.example.com/client.json#one'],
    ['with a dot segment', 'https://editor.example.com/a/../client.json'],
    ['with a single-dot segment', 'https://editor.example.com/./client.json'],
    ['with an encoded dot segment', 'https://editor.example.com/a/%2e%2e/client.json'],
    ['with the port that https has', 'https://editor.example.com:443/client.json'],
    ['with capital letters in its host', 'https://Editor.example.com/client.json'],
    ['with a backslash', 'https://editor.example.com\\client.json'],
    ['with a number as its host', 'https://2130706433/client.json'],
    ['with more than 500 characters', `https://editor.example.com/${'a'.repeat(480)}`],
  ])('%s is no address of a document', async (_, address) => {
    documents.put(address)
    expect(await refusalOf(address)).toBe('invalid_request (client_id)')
    expect(documents.requested).toEqual([])
  })

  it.each([
    ['a port', 'https://editor.example.com:8443/client.json'],
    ['a query', 'https://editor.example.com/client?of=one'],
  ])('may have %s', async (_, address) => {
    documents.put(address)
    expect((await begin(address)).reply.text).toContain(`<h2>${new URL(address).host}</h2>`)
  })
})

describe('§4: a document is refused, on a page and never at its redirect URI, that', () => {
  const big = {
    client_uri: `https://editor.example.com/${'a'.repeat(1900)}`,
    contacts: Array(12).fill('a'.repeat(300)),
  }
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['names another client_id', { client_id: 'https://editor.example.com/other.json' }, /not its address/],
    ['names none', { client_id: undefined }, /not its address/],
    ['names it in another spelling', { client_id: `https://EDITOR${count}.example.com/oauth/client.json` }, /not its/],
    ['has a secret', { client_secret: 'cs_1' }, /client_secret/],
    ['has the expiry of a secret', { client_secret_expires_at: 0 }, /client_secret/],
    ['wants a secret', { token_endpoint_auth_method: 'client_secret_basic' }, /token_endpoint_auth_method/],
    ['wants a shared key', { token_endpoint_auth_method: 'client_secret_jwt' }, /token_endpoint_auth_method/],
    ['has no redirect URI', { redirect_uris: [] }, /redirect_uris/],
    ['has a redirect URI without https', { redirect_uris: ['http://app.example.com/'] }, /Use https/],
    ['has a redirect URI with a wildcard', { redirect_uris: ['https://*.example.com/'] }, /wildcards/],
    ['has a redirect URI that is a script', { redirect_uris: ['javascript:alert(1)'] }, /redirect_uris/],
    ['has no list of redirect URIs', { redirect_uris: CALLBACK }, /redirect_uris/],
    ['wants keys and has none', { token_endpoint_auth_method: 'private_key_jwt' }, /jwks/],
    ['has a private key', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b', d: 'c' }] } }, /jwks/],
    ['has a name of several lines', { client_name: 'Acme\u202eEditor' }, /client_name/],
    ['has no name that is a text', { client_name: { en: 'Editor' } }, /client_name/],
    ['wants tokens in the browser', { response_types: ['token'] }, /response_types/],
    ['wants no grant that there is', { grant_types: ['implicit'] }, /grant_types/],
    ['wants a pairwise subject', { subject_type: 'pairwise' }, /subject_type/],
    ['wants an unsigned ID token', { id_token_signed_response_alg: 'none' }, /id_token_signed/],
    ['has more than 5 kB', big, /exceeds 5120 bytes/],
  ])('%s', async (_, members, message) => {
    documents.put(id, members)
    expect(await refusalOf()).toMatch(message)
    expect(documents.requested).toEqual([id])
    expect(await rowOf()).toBeUndefined()
  }) // biome-ignore format: a table

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['a redirect', (response) => void response.writeHead(302, { location: `${id}/x` }).end(), /redirects/],
    ['a status that is no success', (response) => void response.writeHead(404).end(), /status 404/],
    ['HTML', (response) => json(response, '<html>', 'text/html'), /HTML/],
    [
      'JSON of another type',
      (response) => json(response, JSON.stringify({ client_id: id }), 'text/plain'),
      /type/,
    ],
    ['a list', (response) => json(response, '[]'), /no JSON object/],
    ['a connection that ends', (response) => response.socket?.destroy(), /./],
    ['nothing for three seconds', () => {}, /no answer within 3000 ms/],
  ])('is %s', async (_, answer, message) => {
    documents.answer(id, answer)
    expect(await refusalOf()).toMatch(message)
    expect(documents.requested).toEqual([id])
    expect(await rowOf()).toBeUndefined()
  })

  it('is in a private network', async () => {
    expect(await refusalOf(`https://${PRIVATE}/client.json`)).toContain('not public')
    for (const address of ['10.0.0.7', '[::1]', '169.254.169.254'])
      expect(await refusalOf(`https://${address}/client.json`)).not.toBe('')
  })
})

describe('§4.4: a document is fetched', () => {
  it('once, however many requests need it', async () => {
    documents.put(id)
    const all = await Promise.all(Array.from({ length: 10 }, () => begin()))
    expect(all.every(({ reply }) => reply.status === 200)).toBe(true)
    expect(documents.requested).toEqual([id])
  })

  it.each([
    ['after five minutes where it says nothing', {}, '4 minutes', '2 minutes'],
    ['after five minutes at the earliest', { 'cache-control': 'max-age=1' }, '4 minutes', '2 minutes'],
    [
      'after five minutes where it is not to be stored',
      { 'cache-control': 'max-age=9000, no-store' },
      '4 minutes',
      '2 minutes',
    ],
    ['when it says', { 'cache-control': 'public, max-age=3600' }, '59 minutes', '2 minutes'],
    ['after a day at the latest', { 'cache-control': 'max-age=31536000' }, '23 hours', '2 hours'],
  ])('again %s', async (_, headers, before, then) => {
    documents.put(id, {}, headers as Record<string, string>)
    const [visitor] = [world.client()]
    const path = authorizePath({ id })
    await follow(visitor, path)
    await world.clock.advance(before)
    await follow(visitor, path)
    expect(documents.requested.length).toBe(1)
    await world.clock.advance(then)
    await follow(visitor, path)
    expect(documents.requested.length).toBe(2)
  })

  it('again half a minute after it could not be used', async () => {
    documents.answer(id, (response) => void response.writeHead(500).end())
    expect([await refusalOf(), await refusalOf()]).toEqual(Array(2).fill(expect.stringContaining('500')))
    expect(documents.requested.length).toBe(1)
    documents.put(id)
    await world.clock.advance('31 seconds')
    expect((await follow(world.client(), authorizePath({ id }))).reply.status).toBe(200)
  })
})
