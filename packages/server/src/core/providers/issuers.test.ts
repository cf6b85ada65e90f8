/** The issuers of identities by the settings of their connection, as a table. */
import { describe, expect, test } from 'vitest'
import { keyIssuerOf, PROVIDER_IDS, type ProviderId, providerOf } from './index.ts'
import type { ConnectionSettings } from './settings.ts'

const TENANT = '11111111-2222-4333-8444-555555555555'
const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad'
const microsoft = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`

// biome-ignore format: a table
const FIXED: readonly [ProviderId, ConnectionSettings, issuer: string, alias?: string][] = [
  ['google', {}, 'https://accounts.google.com', 'accounts.google.com'],
  ['github', {}, 'https://github.com'],
  ['github', { base_url: 'https://ghe.example.com/' }, 'https://ghe.example.com'],
  ['apple', { team_id: 'TEAM123456', key_id: 'KEY1234567' }, 'https://appleid.apple.com'],
  ['gitlab', {}, 'https://gitlab.com'],
  ['gitlab', { base_url: 'https://git.example.com/' }, 'https://git.example.com'],
  ['discord', {}, 'https://discord.com'],
  ['slack', {}, 'https://slack.com'],
  ['linkedin', {}, 'https://www.linkedin.com/oauth', 'https://www.linkedin.com'],
  ['facebook', {}, 'https://www.facebook.com'],
  ['x', {}, 'https://x.com'],
  ['twitch', {}, 'https://id.twitch.tv/oauth2'],
  ['microsoft', { tenant: TENANT }, microsoft(TENANT)],
  ['microsoft', { tenant: 'consumers' }, microsoft(CONSUMERS)],
  ['entra', { tenant: TENANT }, microsoft(TENANT)],
  ['saml', { saml: { entity_id: 'https://idp.example.com/metadata' } }, 'https://idp.example.com/metadata'],
]

describe('the issuer of identities', () => {
  test.each(FIXED)('of %s with %j is %s', (id, settings, issuer, alias) => {
    const issuers = keyIssuerOf(id, settings)
    expect([issuers.fixed, issuers.isDocumented]).toEqual([issuer, false])
    expect(issuers.find(issuer)).toBe(issuer)
    if (alias !== undefined) expect(issuers.find(alias)).toBe(issuer)
    for (const other of [
      'https://evil.example',
      `${issuer}/x`,
      '',
      microsoft('22222222-2222-4333-8444-555555555555'),
    ])
      expect(issuers.find(other)).toBeNull()
  })

  test.each(['common', 'organizations', undefined])('of Microsoft (%s) is that of the tenant', (tenant) => {
    const settings = tenant === undefined ? {} : { tenant }
    const issuers = keyIssuerOf('microsoft', settings)
    expect([issuers.fixed, issuers.isDocumented]).toEqual([null, false])
    expect(issuers.find(microsoft(TENANT.toUpperCase()))).toBe(microsoft(TENANT))
    for (const other of ['common', '{tenantid}', `${TENANT}/x`, ''])
      expect(issuers.find(microsoft(other))).toBeNull()
  })

  test.each(['oidc', 'okta', 'auth0', 'keycloak'] as const)('of %s is in the discovery document', (id) => {
    const issuers = keyIssuerOf(id, { issuer: 'https://login.example.com' })
    expect([issuers.fixed, issuers.isDocumented]).toEqual([null, true])
    expect(issuers.find('https://login.example.com')).toBe('https://login.example.com')
    expect(issuers.find('https://login.example.com/')).toBe('https://login.example.com/')
    expect(issuers.find('https://login.example.org')).toBeNull()
  })

  test.each(PROVIDER_IDS.filter((id) => providerOf(id).required.length > 0))(
    'of %s is unknown while the settings are incomplete',
    (id) => {
      const issuers = keyIssuerOf(id, {})
      expect([issuers.fixed, issuers.isDocumented, issuers.find('')]).toEqual([null, false, null])
    },
  )
})
