/** Faults of other providers, which this one is immune to: requests as they were sent there, and what must happen here. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizedCode, CALLBACK, type TestApp, testApp, VERIFIER } from '../../../testing/apps.ts'
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
