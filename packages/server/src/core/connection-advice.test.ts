/** The advice after a test that has failed: for each fault that a test can have, with the values and no place that is unfilled. */
import { describe, expect, it } from 'vitest'
import { LOCALES } from '../base/call.ts'
import { adviceOn, advisedOf } from './connection-advice.tsx'
import { PROVIDER_FAULTS } from './providers/index.ts'

const CONFIG = { publicUrl: 'https://id.example' }
const of = (provider: 'oidc' | 'github' | 'saml') =>
  advisedOf(CONFIG, {
    slug: 'acme',
    provider,
    clientId: provider === 'saml' ? null : 'client-1',
    settings: provider === 'oidc' ? { issuer: 'https://login.acme.example' } : {},
  })
/** What concerns accounts, which a test does not reach. */
const OF_ACCOUNTS = [
  'domain_refused',
  'not_registered',
  'not_connected',
  'taken',
  'not_offered',
  'user_refused',
]
const OF_SAML = [
  'wrong_recipient',
  'wrong_request',
  'unsolicited',
  'unsafe_document',
  'certificate_expired',
  'encryption',
]

describe.each(LOCALES)('the advice in %s', (locale) => {
  it.each(['oidc', 'github', 'saml'] as const)('is there for each fault of %s, filled', (provider) => {
    const lacking = Object.keys(PROVIDER_FAULTS).filter(
      (fault) => adviceOn(locale, fault, of(provider)) === null,
    )
    expect(lacking.sort()).toEqual([...OF_ACCOUNTS, ...(provider === 'saml' ? [] : OF_SAML)].sort())
    for (const fault of Object.keys(PROVIDER_FAULTS))
      expect(adviceOn(locale, fault, of(provider)) ?? '').not.toMatch(/[{}]|undefined/)
  })

  it.each([
    ['oidc', 'wrong_audience', 'client-1'],
    ['oidc', 'client_refused', 'client-1'],
    ['oidc', 'redirect_refused', 'https://id.example/api/v1/auth/external/acme/callback'],
    ['oidc', 'not_json', 'https://login.acme.example'],
    ['saml', 'wrong_audience', 'https://id.example/saml/acme/metadata'],
    ['saml', 'wrong_recipient', 'https://id.example/saml/acme/acs'],
  ] as const)('of %s names the value for %s', (provider, fault, value) => {
    expect(adviceOn(locale, fault, of(provider))).toContain(value)
  })
})
