/**
 * Libraries for which there is no example, in Chromium against a whole server: oauth4webapi, with each check that it makes,
 * and passport-openidconnect, which knows neither PKCE nor discovery.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import * as oauth from 'oauth4webapi'
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { currentPrincipal, protectedResource } from '../../packages/guard/src/index.ts'
import { type Program, run } from '../../packages/guard/src/testing/programs.ts'
import { testApp } from '../../packages/server/src/testing/apps.ts'
import { freePort, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

let world: World
let chromium: Chromium
let context: BrowserContext
let me: Visitor
const servers: Server[] = []
const programs: Program[] = []

beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
  // the libraries have the clock of this machine
  world.app.tools.clock.set(new Date())
})
afterEach(() => context?.close())
afterAll(async () => {
  for (const server of servers) server.close()
  await Promise.all(programs.map((program) => program.stop()))
  await chromium?.close()
  await world?.stop()
})

/** @returns its address */
async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function openBrowser(url: string): Promise<void> {
  context = await chromium.open({ locale: 'en-GB' })
  me = visitor(world, await context.newPage())
  await me.page.goto(url)
}

describe('oauth4webapi', () => {
  const insecure = { [oauth.allowInsecureRequests]: true }

  it('accepts each answer: discovery, code, tokens, userinfo, refresh, introspection, revocation, logout', async () => {
    const url = await listen((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Back'),
    )
    const callback = `${url}/callback`
    const app = await testApp(world, { redirect_uris: [callback], post_logout_redirect_uris: [url] })
    const issuer = new URL(world.config.publicUrl)
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, insecure),
    )
    const client: oauth.Client = { client_id: app.id }
    const secret = oauth.ClientSecretBasic(app.secret)
    const [verifier, state, nonce] = [
      oauth.generateRandomCodeVerifier(),
      oauth.generateRandomState(),
      oauth.generateRandomNonce(),
    ]

    const { email } = await world.person({ signIn: false })
    const query = new URLSearchParams({
      client_id: app.id,
      redirect_uri: callback,
      response_type: 'code',
      scope: 'openid profile email offline_access',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      max_age: '600',
    })
    await openBrowser(`${server.authorization_endpoint}?${query}`)
    await me.signIn(email)
    await me.press('Allow')
    await me.page.getByText('Back').waitFor()
    const answer = oauth.validateAuthResponse(server, client, new URL(me.page.url()), state)

    const redeemed = await oauth.processAuthorizationCodeResponse(
      server,
      client,
      await oauth.authorizationCodeGrantRequest(server, client, secret, answer, callback, verifier, insecure),
      { expectedNonce: nonce, maxAge: 600, requireIdToken: true },
    )
    const claims = oauth.getValidatedIdTokenClaims(redeemed)
    const sub = claims?.sub ?? ''
    const read = async (token: string) =>
      oauth.processUserInfoResponse(
        server,
        client,
        sub,
        await oauth.userInfoRequest(server, client, token, insecure),
      )
    expect((await read(redeemed.access_token)).email).toBe(email)

    const refreshed = await oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(server, client, secret, redeemed.refresh_token ?? '', insecure),
    )
    expect(oauth.getValidatedIdTokenClaims(refreshed)?.sub).toBe(sub)
    expect((await read(refreshed.access_token)).sub).toBe(sub)

    const introspected = await oauth.processIntrospectionResponse(
      server,
      client,
      await oauth.introspectionRequest(server, client, secret, refreshed.access_token, insecure),
    )
    expect(introspected).toMatchObject({ active: true, sub, client_id: app.id })
    const token = refreshed.refresh_token ?? ''
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, secret, token, insecure),
    )
    await expect(
      oauth.processRefreshTokenResponse(
        server,
        client,
        await oauth.refreshTokenGrantRequest(server, client, secret, token, insecure),
      ),
    ).rejects.toMatchObject({ error: 'invalid_grant' })

    const end = new URLSearchParams({
      id_token_hint: refreshed.id_token ?? '',
      post_logout_redirect_uri: url,
      state,
    })
    await me.page.goto(`${server.end_session_endpoint}?${end}`)
    expect(new URL(me.page.url()).searchParams.get('state')).toBe(state)
    await me.visit('/account')
    await me.page.locator('[name=identifier]').waitFor()
    expect(complaintsOf(context)).toEqual([])
  })

  it('gets a token that is bound to its key, and the resource of the guard accepts it with a proof alone (RFC 9449)', async () => {
    const issuer = new URL(world.config.publicUrl)
    const app = express()
    const url = `${await listen(app)}/notes`
    const api = protectedResource({ resource: url, issuer: issuer.href, scopes: ['notes:read'] })
    app.get('/notes', api.express({ scopes: 'notes:read' }), (_req, res) => {
      res.json({ scopes: currentPrincipal()?.scopes })
    })
    const root = await world.person({ roles: ['super_admin'] })
    const scopes = [{ name: 'notes:read', description: 'Read notes' }]
    await root.client.post('/api/v1/oidc/resources', { identifier: url, name: 'Notes', scopes })
    const { id, secret } = await testApp(world, {
      grant_types: ['client_credentials'],
      scopes: ['notes:read'],
      dpop_bound_access_tokens: true,
    })
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, insecure),
    )
    const client: oauth.Client = { client_id: id }
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.ClientSecretPost(secret),
      new URLSearchParams({ scope: 'notes:read', resource: url }),
      { DPoP, ...insecure },
    )
    const tokens = await oauth.processClientCredentialsResponse(server, client, answer)
    expect(tokens.token_type).toBe('dpop')
    const request = (more: object) =>
      oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(url), undefined, null, {
        ...more,
        ...insecure,
      })
    const read = await request({ DPoP })
    expect([read.status, await read.json()]).toEqual([200, { scopes: ['notes:read'] }])
    // by another key, and as a bearer token
    const thief = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    await expect(request({ DPoP: thief })).rejects.toMatchObject({
      cause: [
        expect.objectContaining({ scheme: 'bearer' }),
        expect.objectContaining({
          scheme: 'dpop',
          parameters: expect.objectContaining({ error: 'invalid_token' }),
        }),
      ],
    })
    await expect(request({})).rejects.toMatchObject({ status: 401 })
  })
})

describe('passport-openidconnect', () => {
  async function start(settings: Record<string, unknown>): Promise<string> {
    const port = await freePort()
    const url = `http://localhost:${port}`
    const app = await testApp(world, { redirect_uris: [`${url}/callback`], ...settings })
    const program = run(['tests/setup/passport-openidconnect.mjs'], {
      PORT: `${port}`,
      ISSUER: world.config.publicUrl,
      CLIENT_ID: app.id,
      CLIENT_SECRET: app.secret,
    })
    programs.push(program)
    await program.printed(/Listening/)
    return url
  }

  it('signs in where the app is registered without PKCE, and knows the user by claims in the ID token', async () => {
    const url = await start({ require_pkce: false, claims_in_id_token: true })
    const { email } = await world.person({ signIn: false })
    await openBrowser(url)
    await me.signIn(email)
    await me.press('Allow')
    await me.page.getByText(`Signed in as ${email}`).waitFor()
  })

  it('shows why it does not where the app has to use PKCE, which is the default', async () => {
    await openBrowser(await start({}))
    await me.page.getByText('Failed: ').waitFor()
    expect(await me.text()).toMatch(/code_challenge/)
  })
})
