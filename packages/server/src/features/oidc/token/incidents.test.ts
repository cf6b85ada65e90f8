/** Faults of other providers, which this one is immune to: requests as they were sent there, and what must happen here. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  CALLBACK,
  claimsIn,
  follow,
  type TestApp,
  testApp,
  testResource,
  VERIFIER,
} from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
let app: TestApp
let other: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  const settings = { first_party: true, redirect_uris: [CALLBACK, `${CALLBACK}/other`] }
  app = await testApp(world, settings)
  other = await testApp(world, settings)
})
afterAll(() => world?.stop())

const form = (code: string, more: Record<string, string | null>): Record<string, string> => {
  const all = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
    ...more,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null),
  )
}

it('a code with a challenge is refused without its verifier, and is of no use afterwards (authentik CVE-2023-48228)', async () => {
  const code = await authorizedCode(ada.client, app)
  const without = await app.post('/oidc/token', form(code, { code_verifier: null }))
  expect([without.status, without.body.error]).toEqual([400, 'invalid_grant'])
  expect((await app.exchange(code)).body.error).toBe('invalid_grant')
})

it('a code without a challenge is refused with a verifier', async () => {
  const lax = await testApp(world, { first_party: true, require_pkce: false })
  const plain = { code_challenge: null, code_challenge_method: null }
  expect((await lax.exchange(await authorizedCode(ada.client, lax, plain))).body.error).toBe('invalid_grant')
  const code = await authorizedCode(ada.client, lax, plain)
  expect((await lax.post('/oidc/token', form(code, { code_verifier: null }))).status).toBe(200)
})

describe('of every combination', () => {
  const wrong: Record<string, (code: string) => Promise<Record<string, string | null>>> = {
    uri: async () => ({ redirect_uri: `${CALLBACK}/other` }),
    verifier: async () => ({ code_verifier: 'x'.repeat(43) }),
    expired: async () => {
      await world.clock.advance('61 seconds')
      return {}
    },
    used: async (code) => {
      expect((await app.exchange(code)).status).toBe(200)
      return {}
    },
  }
  const names = ['client', ...Object.keys(wrong)]
  const combinations = Array.from({ length: 2 ** names.length }, (_, bits) =>
    names.filter((_name, n) => bits & (1 << n)),
  )

  it.each(combinations.map((faults) => [faults.join(', ') || 'nothing wrong', faults] as const))(
    'only the right one passes: %s (Pocket ID CVE-2026-28513)',
    async (_what, faults) => {
      ada = await world.person()
      const code = await authorizedCode(ada.client, app)
      let more: Record<string, string | null> = {}
      // it is used before it expires
      for (const fault of ['used', 'uri', 'verifier', 'expired'])
        if (faults.includes(fault)) more = { ...more, ...(await wrong[fault]?.(code)) }
      const by = faults.includes('client') ? other : app
      const { status, body } = await by.post('/oidc/token', form(code, more))
      expect([status, body.error]).toEqual(faults.length === 0 ? [200, undefined] : [400, 'invalid_grant'])
    },
  )
})

it('a token without a signature, or signed with a public key, is inactive (jsonwebtoken CVE-2022-23540)', async () => {
  const { body } = await app.exchange(await authorizedCode(ada.client, app))
  const [, claims = ''] = String(body.access_token).split('.')
  for (const alg of ['none', 'nOnE', 'NONE', 'HS256']) {
    const head = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt' })).toString('base64url')
    for (const token of [`${head}.${claims}.`, `${head}.${claims}.AAAA`]) {
      expect((await app.post('/oidc/introspect', { token })).body).toEqual({ active: false })
      const info = await world
        .client()
        .get('/oidc/userinfo', { headers: { authorization: `Bearer ${token}` } })
      expect(info.status).toBe(401)
    }
  }
})

describe('an app of an organization', () => {
  it('gets no token for the APIs of the server, registered for them or not', async () => {
    const organization = await world.organization({ members: [[ada, 'owner']] })
    const of = await testApp(
      world,
      { grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], token_claims: 'full' },
      { organization },
    )
    await testResource(world, 'https://api.example.com')
    const named = { grant_type: 'client_credentials', resource: 'https://api.example.com' }
    expect((await of.post('/oidc/token', named)).body.error).toBe('invalid_target')
    const own = await of.post('/oidc/token', { grant_type: 'client_credentials' })
    expect(claimsIn(own.body.access_token).aud).toBe(of.id)
    const { body } = await of.exchange(await authorizedCode(ada.client, of))
    await changeSettings(of, { grant_types: ['refresh_token', 'client_credentials'], token_claims: 'full' })
    const refreshed = await of.post('/oidc/token', {
      grant_type: 'refresh_token',
      refresh_token: body.refresh_token,
    })
    const claims = claimsIn(refreshed.body.access_token)
    expect(claims.aud).toBe(`${world.config.publicUrl}/oidc/userinfo`)
    expect([claims.roles, claims.permissions]).toEqual([undefined, undefined])
  })

  it('has no access for who is a member no more', async () => {
    const ben = await world.person()
    const organization = await world.organization({
      members: [
        [ada, 'owner'],
        [ben, 'member'],
      ],
    })
    const of = await testApp(world, {}, { organization })
    const { body } = await of.exchange(
      await authorizedCode(ben.client, of, { scope: 'openid offline_access' }),
    )
    expect((await ada.client.delete(`/api/v1/organizations/${organization}/members/${ben.id}`)).status).toBe(
      200,
    )
    const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
    expect((await of.post('/oidc/token', form)).body.error).toBe('invalid_grant')
  })
})

describe('what an app may have', () => {
  it('of an API is what its settings name, at the token endpoint too', async () => {
    await testResource(world, 'https://orders.example.com')
    const settings = { grant_types: ['client_credentials'] }
    const without = await testApp(world, settings)
    const named = await testApp(world, { ...settings, scopes: ['read'] })
    const form = { grant_type: 'client_credentials', resource: 'https://orders.example.com', scope: 'read' }
    expect((await without.post('/oidc/token', form)).body.error).toBe('invalid_scope')
    const { body } = await named.post('/oidc/token', form)
    expect(claimsIn(body.access_token)).toMatchObject({ aud: 'https://orders.example.com', scope: 'read' })
  })

  it('is judged again at a refresh, and a fault of the request does not cost the token', async () => {
    const of = await testApp(world, { first_party: true })
    const { body } = await of.exchange(
      await authorizedCode(ada.client, of, { scope: 'openid profile email' }),
    )
    const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
    expect((await of.post('/oidc/token', { ...form, scope: 'roles' })).body.error).toBe('invalid_scope')
    expect((await of.post('/oidc/token', { ...form, resource: 'https://x.example' })).body.error).toBe(
      'invalid_target',
    )
    await world.clock.advance('11 seconds')
    await changeSettings(of, { first_party: true, scopes: ['openid', 'email'] })
    const refreshed = await of.post('/oidc/token', form)
    expect(refreshed.body.scope).toBe('openid email')
    await changeSettings(of, { first_party: true, allowed_roles: ['super_admin'] })
    const after = await of.post('/oidc/token', { ...form, refresh_token: refreshed.body.refresh_token })
    expect(after.body.error).toBe('invalid_grant')
    // the app never got a successor: its family is over, and another try of the old token is no theft
    await world.clock.advance('1 minute')
    const events = await world.events(ada.id)
    const sent = (await world.mailbox.emailsTo(ada.email)).length
    for (const again of [refreshed.body.refresh_token, body.refresh_token])
      expect((await of.post('/oidc/token', { ...form, refresh_token: again })).body.error).toBe(
        'invalid_grant',
      )
    expect(events.filter((type) => type === 'auth.token.revoked').length).toBeGreaterThan(0)
    expect(await world.events(ada.id)).toEqual(events)
    expect((await world.mailbox.emailsTo(ada.email)).length).toBe(sent)
    const { body: told } = await of.post('/oidc/introspect', { token: refreshed.body.access_token })
    expect(told.active).toBe(false)
  })

  it('by the parameter claims is what its user has allowed', async () => {
    const of = await testApp(world)
    const more = { claims: '{"userinfo":{"email":null}}' }
    const { reply } = await follow(ada.client, authorizePath(of, more))
    expect(reply.text).toContain('e-mail address')
    const narrow = await testApp(world, { first_party: true, scopes: ['openid'] })
    const { body } = await narrow.exchange(await authorizedCode(ada.client, narrow, more))
    const info = await world.client().get('/oidc/userinfo', {
      headers: { authorization: `Bearer ${body.access_token}` },
    })
    expect(info.body).toEqual({ sub: ada.id })
  })
})

it('a request that another site posts stores nothing for an address that is not the app’s, and changes no cookie', async () => {
  const fields = Object.fromEntries(new URL(authorizePath(app), world.url).searchParams)
  const browser = world.client()
  for (const redirect_uri of ['https://evil.example/', 'https://x;sandbox/', 'https://*/']) {
    const reply = await browser.post('/oidc/authorize', { ...fields, redirect_uri }, { form: true })
    expect([reply.status, browser.cookies.has('lk_authorize')]).toEqual([400, false])
  }
})

async function changeSettings(of: TestApp, settings: Record<string, unknown>): Promise<void> {
  const stored = JSON.stringify({ redirect_uris: [CALLBACK], ...settings })
  await world.db.tx('system', (tx) =>
    tx.updateTable('clients').set({ settings: stored }).where('id', '=', of.id).execute(),
  )
}
