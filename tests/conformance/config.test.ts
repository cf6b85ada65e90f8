/** The plan `oidcc-config-certification-test-plan` of the OpenID conformance suite, at an address of https as in production. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { checkKeys, checkMetadata } from './checks.ts'

const ISSUER = 'https://id.example.com'
let world: World
beforeAll(async () => {
  world = await startWorld({ publicUrl: ISSUER })
})
afterAll(() => world?.stop())

describe('oidcc-config-certification-test-plan', () => {
  it('oidcc-discovery-endpoint-verification', async () => {
    const reply = await world.client().get('/.well-known/openid-configuration')
    checkMetadata(reply, ISSUER)
    const { body } = reply
    expect(body).toMatchObject({
      response_types_supported: expect.arrayContaining(['code']),
      subject_types_supported: expect.arrayContaining(['public']),
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
      grant_types_supported: expect.arrayContaining(['authorization_code']),
      scopes_supported: expect.arrayContaining(['openid']),
      claims_supported: expect.arrayContaining(['sub', 'iss', 'auth_time', 'name', 'email']),
      code_challenge_methods_supported: ['S256'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
    })
    for (const [name, value] of Object.entries(body))
      if (/(_endpoint|_uri|^issuer)$/.test(name)) expect(new URL(String(value)).protocol).toBe('https:')
    // RFC 6749 §3.3
    for (const scope of body.scopes_supported) expect(scope).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
    // BCP 47, in the usual case
    for (const locale of body.ui_locales_supported) expect(Intl.getCanonicalLocales(locale)).toEqual([locale])
    const keys = await world.client().get(new URL(body.jwks_uri).pathname)
    checkKeys(keys.body)
    expect(keys.headers.get('content-type')).toMatch(/^application\/(jwk-set\+)?json(;|$)/)
  })

  it('the same document is that of RFC 8414', async () => {
    const [openid, oauth] = await Promise.all(
      ['openid-configuration', 'oauth-authorization-server'].map((name) =>
        world.client().get(`/.well-known/${name}`),
      ),
    )
    expect(oauth?.body).toEqual(openid?.body)
  })
})
