/** The rows of providers as a table, and the addresses of those that organizations run themselves. */
import { describe, expect, it, test } from 'vitest'
import { readableClaims } from './diagnostics.ts'
import { FederationFault, PROVIDER_IDS, providerOf } from './index.ts'
import { addressOf, claimOf, groupsOf, subjectOf } from './profile.ts'
import { ConnectionSettings } from './settings.ts'

const TENANT = '11111111-2222-4333-8444-555555555555'
const rows = PROVIDER_IDS.map(providerOf)
const oidc = (id: (typeof PROVIDER_IDS)[number]) => {
  const row = providerOf(id)
  if (row.kind !== 'oidc') throw new Error(`${id} is not OpenID Connect`)
  return row
}

describe('every row', () => {
  test.each(rows)('$id has its own id and a name, and requires only settings that it has', (row) => {
    expect(providerOf(row.id)).toBe(row)
    expect(row.name).toMatch(/^\S.*\S$|^X$/)
    const known = Object.keys(ConnectionSettings.shape)
    expect(row.settings.filter((setting) => !known.includes(setting))).toEqual([])
    expect(row.required.filter((setting) => !row.settings.includes(setting))).toEqual([])
    expect(new Set(row.settings).size).toBe(row.settings.length)
  })

  test.each(rows.filter(({ kind }) => kind !== 'saml'))(
    '$id binds its code by PKCE, or by nonce, state and secret',
    (row) => {
      if (row.kind === 'saml') return
      expect(row.pkce || ['slack', 'linkedin', 'twitch'].includes(row.id)).toBe(true)
      expect(row.pkce || row.secret === 'required').toBe(true)
      if (row.kind === 'oidc') expect(row.scopes).toContain('openid')
    },
  )

  it('has another name', () => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
  })
})

describe('the addresses of', () => {
  it('GitHub Enterprise Server are below its base URL, and its identities are its own', () => {
    const row = providerOf('github')
    if (row.kind !== 'oauth2') throw new Error('not OAuth 2')
    const settings = { base_url: 'https://ghe.example.com/' }
    expect(row.endpoints(settings)).toEqual({
      authorization: 'https://ghe.example.com/login/oauth/authorize',
      token: 'https://ghe.example.com/login/oauth/access_token',
    })
    const requests = row.profileRequests(settings, { accessToken: 'a', clientSecret: 's' })
    expect(requests.map(({ url }) => url)).toEqual([
      'https://ghe.example.com/api/v3/user',
      'https://ghe.example.com/api/v3/user/emails',
    ])
    expect([row.issuer(settings), row.issuer({})]).toEqual(['https://ghe.example.com', 'https://github.com'])
  })

  test.each<[Parameters<typeof oidc>[0], ConnectionSettings, string]>([
    ['gitlab', { base_url: 'https://git.example.com/lab/' }, 'https://git.example.com/lab'],
    [
      'okta',
      { issuer: 'https://example.okta.com/oauth2/default' },
      'https://example.okta.com/oauth2/default',
    ],
    ['auth0', { issuer: 'https://example.eu.auth0.com/' }, 'https://example.eu.auth0.com'],
    [
      'keycloak',
      { issuer: 'https://sso.example.com/realms/engines' },
      'https://sso.example.com/realms/engines',
    ],
    ['microsoft', {}, 'https://login.microsoftonline.com/common/v2.0'],
    ['microsoft', { tenant: 'Organizations' }, 'https://login.microsoftonline.com/organizations/v2.0'],
    ['entra', { tenant: TENANT.toUpperCase() }, `https://login.microsoftonline.com/${TENANT}/v2.0`],
  ])('%s with %j are those of its document', (id, settings, issuer) => {
    expect(oidc(id).discovery(settings)).toBe(`${issuer}/.well-known/openid-configuration`)
    if (id !== 'microsoft') expect(oidc(id).documentIssuers(settings)).toContain(issuer)
  })

  it('GitLab on another host say nothing about addresses that its organization has not proven', () => {
    const claims = { sub: '1', email: 'ada@example.com', email_verified: true }
    const settings = { base_url: 'https://git.example.com' }
    const profile = (own: boolean) => oidc('gitlab').profile(claims, { settings, isOwnDomain: () => own })
    expect([profile(false).emailVerified, profile(true).emailVerified]).toEqual([false, true])
  })
})

describe('Microsoft', () => {
  const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad'
  const refusalOf = (tenant: string, tid: string): string | null => {
    try {
      oidc('microsoft').profile({ sub: '1', tid }, { settings: { tenant }, isOwnDomain: () => false })
      return null
    } catch (error) {
      return error instanceof FederationFault ? error.detail : String(error)
    }
  }
  test.each([
    ['common', CONSUMERS, null],
    ['common', TENANT, null],
    ['organizations', TENANT, null],
    ['organizations', CONSUMERS, 'personal accounts are not allowed'],
    ['consumers', CONSUMERS, null],
    ['consumers', TENANT, 'only personal accounts are allowed'],
    [TENANT, TENANT, null],
    [TENANT, CONSUMERS, `the account is of the tenant ${CONSUMERS}`],
    ['common', 'contoso', 'the ID token names no tenant'],
  ])('at %s, an account of %s: %s', (tenant, tid, refusal) => expect(refusalOf(tenant, tid)).toBe(refusal))

  it('accepts the issuer of the tenant that the same token names', () => {
    const issuersOf = (tid: unknown) =>
      oidc('microsoft').tokenIssuers?.({ tid }, 'https://login.microsoftonline.com/{tenantid}/v2.0')
    expect(issuersOf(TENANT)).toEqual([`https://login.microsoftonline.com/${TENANT}/v2.0`])
    for (const tid of [undefined, 7, '', '../evil', `${TENANT}/x`]) expect(issuersOf(tid)).toEqual([])
  })
})

describe('claims as the diagnostics show them', () => {
  it('are JSON that PostgreSQL takes, with names as readable as values', () => {
    const claims = { name: 'Ada \ud83d', 'a\u0000b': 1, nested: { 'c\u0000d\ud83d': ['\ude00'] } }
    expect(readableClaims(claims)).toEqual({ name: 'Ada \ufffd', ab: 1, nested: { 'cd\ufffd': ['\ufffd'] } })
  })
})

describe('claims of which the connection makes use', () => {
  it('are shown first and in any case, under any name and however much there is', () => {
    const filler = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`filler_${n}`, 'x'.repeat(400)]))
    const claims = { ...filler, access_token: 'hidden', token_mail: 'ada@example.com', profile: { token_mail: 'g@example.com' } }
    const shown = readableClaims(claims, ['profile.token_mail', 'token_mail', 'absent'])
    expect(Object.entries(shown).slice(0, 2)).toEqual([
      ['profile.token_mail', 'g@example.com'],
      ['token_mail', 'ada@example.com'],
    ])
    expect(shown).not.toHaveProperty('access_token')
    expect(shown).not.toHaveProperty('absent')
    expect(JSON.stringify(shown).length).toBeLessThan(8200)
  }) // biome-ignore format: a sentence
})

describe('texts of a provider', () => {
  it('name a user only as they are, or not at all', () => {
    expect([subjectOf('a b|c'), subjectOf(42), subjectOf('x'.repeat(255))]).toEqual([
      'a b|c',
      '42',
      'x'.repeat(255),
    ])
    for (const text of ['', ' a', 'a ', 'a\nb', 'ä', 'x'.repeat(256), 1.5, 2 ** 60, null, {}, ['a'], true])
      expect(subjectOf(text)).toBeNull()
  })

  it('are an address of one line, or none', () => {
    expect(addressOf(' ada@example.com ')).toBe('ada@example.com')
    for (const text of [
      'ada',
      'a@b@c',
      'a b@c',
      'a@b\r\nc',
      '<a@b>',
      `a@${'b'.repeat(300)}`,
      'a\u202e@b',
      // of which some would be the key of another address
      'ａda@example.com',
      '\u212ada@example.com',
      'a\ufe0fda@example.com',
      '\u3164ada@example.com',
      'a\u034fda@example.com',
      'müller@example.com',
      'ada@exämple.com',
      'a@b',
      'ada@127.0.0.1',
      'ada@example..com',
      '.ada@example.com',
      'ada@exa_mple.com',
      'ada@example.com.',
      '@example.com',
      'not an address',
      'a@b.example,victim@other.example',
      '"ada"@example.com',
      ['ada@example.com'],
      7,
      null,
    ])
      expect(addressOf(text)).toBeNull()
  })

  it('are groups, each once and bounded', () => {
    expect(groupsOf(['a', 'a', 'b c', 7, null, ['c']])).toEqual(['a', 'b c'])
    expect(groupsOf('one')).toEqual(['one'])
    expect(groupsOf(Array.from({ length: 1000 }, (_, n) => `group ${n}`))).toHaveLength(500)
  })

  it('are not groups where they would have to be cleaned, because another group could result', () => {
    const odd = [
      'ad\u200bmins',
      'admins ',
      ' admins',
      'ad\u00admins',
      'two  words',
      'x'.repeat(201),
      '',
      '\ud83d',
    ]
    expect(groupsOf([...odd, 'e\u0301diteurs'])).toEqual([])
  })

  it('say that there are no groups only where they do', () => {
    expect([groupsOf(undefined), groupsOf(null), groupsOf([]), groupsOf('')]).toEqual([null, null, [], []])
  })

  it('are found by a name or a path, and never in a prototype', () => {
    const claims = { 'https://x/y.z': 1, realm_access: { roles: ['a'] } }
    expect(claimOf(claims, 'https://x/y.z')).toBe(1)
    expect(claimOf(claims, 'realm_access.roles')).toEqual(['a'])
    for (const name of [
      'constructor',
      '__proto__',
      'realm_access.constructor',
      'realm_access.roles.0',
      'none.at.all',
    ])
      expect(claimOf(claims, name)).toBeUndefined()
  })
})
