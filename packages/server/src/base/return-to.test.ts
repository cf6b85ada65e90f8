import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeReturnTo } from './return-to.ts'

const config = { publicUrl: 'https://id.example.com', returnOrigins: ['https://app.example.com'] }

describe('where to go after a sign-in', () => {
  it.each([
    ['/account', '/account'],
    ['/a/b?c=d#e', '/a/b?c=d#e'],
    ['https://id.example.com/account', '/account'],
    ['https://app.example.com/home?x=1', 'https://app.example.com/home?x=1'],
  ])('follows %s', (wanted, found) => {
    expect(safeReturnTo(config, wanted)).toBe(found)
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    'https://evil.example',
    'https://app.example.com.evil.example',
    'https://app.example.com@evil.example',
    `https://${'user'}:pass@app.example.com/`,
    'http://app.example.com/',
    'https://app.example.com:8443/',
    'javascript:alert(1)',
    'data:text/html,x',
    'blob:https://app.example.com/3f0c',
    'blob:https://id.example.com/account',
    'view-source:https://app.example.com/',
    ' /account',
    '',
    `/${'a'.repeat(3000)}`,
  ])('ignores %s', (wanted) => {
    expect(safeReturnTo(config, wanted)).toBeNull()
  })

  it.each([
    '/api/v1/auth/external/google/authorize',
    '/api/v1/auth/external/google/authorize?flow=link#x',
    '/api/v1/auth/external/con_1/callback?code=a&state=b',
    '/api/v1/auth/external',
    '/saml/acme/login',
    '/saml/acs?resume=a.b',
    'https://id.example.com/saml/acme/login',
    'HTTPS://ID.EXAMPLE.COM/API/V1/auth/external/google/authorize',
    '/SAML/acme/login',
    '/account/../saml/acme/login',
    '/./api/./v1/auth/external/google/authorize',
    '/account/%2e%2E/saml/acme/login',
    '/account/%252e%252e/saml/acme/login',
    '/api/v1/auth/x/../external/google/authorize',
    '/api//v1///auth/external/google/authorize',
    '/account//../../saml/acme/login',
    '/./%2f/saml/acme/login',
    '/api%2fv1%2Fauth%2fexternal%2fgoogle%2fauthorize',
    '/%61pi/v1/auth/%65xternal/google/authorize',
    '/%2561pi/v1/auth/external/google/authorize',
    '/s%61ml%5cacme/login',
    '/s%09aml/acme/login',
    '/x%3f/../saml/acme/login',
    '/x%3F%2f..%2fsaml/acme/login',
    '/saml/%zz',
  ])('begins and answers no sign-in: %s', (wanted) => {
    expect(safeReturnTo(config, wanted)).toBeNull()
  })

  it.each([
    '/account/connected',
    '/account/connected/confirm?trip=rtp_1',
    '/account/organizations/org_1/connections/con_1/saml/keys',
    '/api/v1/auth/me',
    '/account?next=/saml/acme/login',
    '/samlet',
    '/100%',
    '/x/%zz/%ff',
  ])('still follows %s', (wanted) => {
    expect(safeReturnTo(config, wanted)).toBe(wanted)
  })

  it('leads below no path of a sign-in, for any part that is encoded', () => {
    const encode = (text: string, which: readonly boolean[]) =>
      [...text].map((one, n) => (which[n] ? `%${one.charCodeAt(0).toString(16)}` : one)).join('')
    fc.assert(
      fc.property(
        fc.constantFrom('/api/v1/auth/external/google/authorize', '/saml/acme/login'),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        (path, which) => {
          expect(safeReturnTo(config, `/${encode(path.slice(1), which)}`)).toBeNull()
        },
      ),
    )
  })

  it('never leads to another origin, for any input', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((text) => `/${text}`),
        ),
        (wanted) => {
          const found = safeReturnTo(config, wanted)
          if (found === null) return
          const { origin } = new URL(found, config.publicUrl)
          expect([config.publicUrl, ...config.returnOrigins]).toContain(origin)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
