/** Connected accounts in the records of other systems, by the name of the connection that each is here. */
import { describe, expect, it, test } from 'vitest'
import { withConnections } from './connections.ts'
import { PRESETS } from './presets/index.ts'
import type { PresetOptions, Raw } from './presets/preset.ts'

const OPTIONS: PresetOptions = { firebase: null, groupsAsOrganizations: false, connections: {} }
const presetOf = (name: string) => {
  const preset = PRESETS.find((one) => one.name === name)
  if (!preset) throw new Error(`there is no preset ${name}`)
  return preset
}

/** The accounts of a record as the server receives them, without what is absent, and what is left out. */
function connected(system: string, raw: Raw, connections: PresetOptions['connections'] = {}) {
  const preset = presetOf(system)
  const options = { ...OPTIONS, connections }
  const result = preset.read(raw, options)
  if ('ignored' in result) throw new Error(result.ignored)
  return sent(withConnections(result.record, preset, options), result.left)
}

/** As `connected`, of a second file. */
function credential(system: string, raw: Raw) {
  const preset = presetOf(system)
  const entry = preset.readCredential?.(raw)
  if (!entry) return null
  return sent(withConnections({ ...entry }, preset, OPTIONS), [])
}

const sent = (
  { record, left }: ReturnType<typeof withConnections>,
  before: readonly string[] = [],
): { identities: unknown; left: readonly string[] } => ({
  identities: JSON.parse(JSON.stringify(record.identities ?? [])),
  left: [...before, ...left],
})

const token = (claims: object): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
const TENANT = 'https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0'

describe('Auth0', () => {
  const of = (identities: unknown, more = {}) => ({
    user_id: 'auth0|1',
    email: 'a@example.com',
    identities,
    ...more,
  })

  it('has social providers by their strategy, and others by the name of the connection', () => {
    const identities = [
      { provider: 'auth0', user_id: '1', connection: 'Username-Password-Authentication' },
      { provider: 'google-oauth2', user_id: '107', connection: 'own-google', profileData: { email: 'a@g.example', name: 'A' } },
      { provider: 'github', user_id: 583231, connection: 'github' },
      { provider: 'twitter', user_id: '12', connection: 'twitter' },
      { provider: 'samlp', user_id: 'acme|a|b', connection: 'acme' },
      { provider: 'oauth2', user_id: 'slack|T1.U1', connection: 'slack' },
    ] // biome-ignore format: a table
    expect(connected('auth0', of(identities), { acme: 'con_1' })).toEqual({
      identities: [
        { connection: 'google', subject: '107', email: 'a@g.example', name: 'A' },
        { connection: 'github', subject: '583231' },
        { connection: 'x', subject: '12' },
        { connection: 'con_1', subject: 'a|b' },
        { connection: 'slack', subject: 'T1.U1' },
      ],
      left: [],
    })
  })

  it('describes the first account by the profile of the user', () => {
    const identities = [{ provider: 'apple', user_id: '001.a', connection: 'apple' }]
    const raw = of(identities, { name: 'Ada', created_at: '2021-03-05T16:35:16.775Z' })
    expect(connected('auth0', raw).identities).toEqual([
      {
        connection: 'apple',
        subject: '001.a',
        email: 'a@example.com',
        name: 'Ada',
        linked_at: '2021-03-05T16:35:16.775Z',
      },
    ])
  })

  test.each([
    ['google-oauth2|107', [{ connection: 'google', subject: '107', email: 'a@example.com' }]],
    ['oidc|acme|x|y', [{ connection: 'acme', subject: 'x|y', email: 'a@example.com' }]],
    ['auth0|60425', []],
    ['email|5f', []],
    ['constructor|5f', [{ connection: 'constructor', subject: '5f', email: 'a@example.com' }]],
  ])('has %s where the file lacks the list', (user_id, identities) => {
    expect(connected('auth0', { user_id, email: 'a@example.com' })).toEqual({ identities, left: [] })
  })

  it('leaves out accounts by whose id no answer finds them, unless they are mapped', () => {
    const raw = of([{ provider: 'windowslive', user_id: '4cf0', connection: 'windowslive' }])
    expect(connected('auth0', raw)).toEqual({
      identities: [],
      left: [expect.stringContaining('the account at windowslive, whose id in the file is not')],
    })
    expect(connected('auth0', raw, { windowslive: 'live' }).identities).toMatchObject([
      { connection: 'live' },
    ])
    expect(connected('auth0', raw, { windowslive: '' })).toEqual({ identities: [], left: [] })
  })
})

describe('Keycloak', () => {
  it('has the aliases of brokers', () => {
    const federatedIdentities = [
      { identityProvider: 'google', userId: '110', userName: 'ada@example.com' },
      { identityProvider: 'linkedin-openid-connect', userId: 'l1' },
      { identityProvider: 'acme', userId: 'a1', userName: 'ada' },
      { identityProvider: 'microsoft', userId: '4cf0' },
    ]
    expect(connected('keycloak', { federatedIdentities }, { acme: 'con_1' })).toEqual({
      identities: [
        { connection: 'google', subject: '110', name: 'ada@example.com' },
        { connection: 'linkedin', subject: 'l1' },
        { connection: 'con_1', subject: 'a1', name: 'ada' },
      ],
      left: [expect.stringContaining('the account at microsoft')],
    })
  })
})

describe('Firebase', () => {
  it('has providers by their domains, and no passwords or telephones', () => {
    const providerUserInfo = [
      { providerId: 'password', rawId: 'a@example.com' },
      { providerId: 'phone', rawId: '+1' },
      { providerId: 'google.com', rawId: '110', email: 'a@gmail.com', displayName: 'A' },
      { providerId: 'twitter.com', rawId: '12' },
      { providerId: 'saml.acme', rawId: 'a1' },
      { providerId: 'yahoo.com', rawId: 'y' },
      { providerId: 'github.com' },
    ]
    expect(connected('firebase', { providerUserInfo }, { 'saml.acme': 'acme' })).toEqual({
      identities: [
        { connection: 'google', subject: '110', email: 'a@gmail.com', name: 'A' },
        { connection: 'x', subject: '12' },
        { connection: 'acme', subject: 'a1' },
        { connection: 'yahoo.com', subject: 'y' },
      ],
      left: ['the account at github.com, whose id is not in the file'],
    })
  })
})

describe('Supabase', () => {
  it('has the rows of auth.identities, as JSON or in a cell', () => {
    const identities = [
      { provider: 'email', provider_id: 'u1' },
      { provider: 'google', provider_id: '110', identity_data: { iss: 'https://accounts.google.com', email: 'a@gmail.com' } },
      { provider: 'azure', provider_id: 'ms', identity_data: { iss: TENANT } },
      { provider: 'slack_oidc', provider_id: 'U1', identity_data: { custom_claims: { 'https://slack.com/team_id': 'T1' } } },
      { provider: 'slack', provider_id: 'U2', identity_data: {} },
      { provider: 'sso:6f2d', provider_id: 'a1', last_sign_in_at: '2023-02-02T12:00:00+00' },
    ] // biome-ignore format: a table
    const expected = {
      identities: [
        { connection: 'google', subject: '110', email: 'a@gmail.com' },
        { connection: 'microsoft', subject: 'ms', issuer: TENANT },
        { connection: 'slack', subject: 'T1.U1' },
        { connection: 'acme', subject: 'a1', last_used_at: '2023-02-02T12:00:00.000Z' },
      ],
      left: ['the account at slack, whose id is not in the file'],
    }
    for (const listed of [identities, JSON.stringify(identities)])
      expect(connected('supabase', { identities: listed }, { 'sso:6f2d': 'acme' })).toEqual(expected)
  })

  it('says what the table of users alone does not have', () => {
    const raw = { raw_app_meta_data: '{"provider":"google","providers":["email","google"]}' }
    expect(connected('supabase', raw)).toEqual({
      identities: [],
      left: ['the account at google, whose id is not in the file'],
    })
    expect(connected('supabase', { ...raw, identities: '' }).left).toEqual([])
  })
})

describe('Better Auth', () => {
  it('has the rows of its table account', () => {
    const row = { userId: 'u1', createdAt: '2024-01-01 10:00:00.000' }
    const [linked_at, left] = ['2024-01-01T10:00:00.000Z', [] as string[]]
    expect(credential('better-auth', { ...row, providerId: 'google', accountId: '110' })).toEqual({
      identities: [{ connection: 'google', subject: '110', linked_at }],
      left,
    })
    const idToken = token({ iss: TENANT, email: 'a@example.com', name: 'A' })
    expect(credential('better-auth', { ...row, providerId: 'microsoft', accountId: 'ms', idToken })).toEqual({
      identities: [{ connection: 'microsoft', subject: 'ms', issuer: TENANT, email: 'a@example.com', name: 'A', linked_at }],
      left,
    })
    const team = token({ 'https://slack.com/team_id': 'T1' })
    const slack = { ...row, providerId: 'slack', accountId: 'U1' }
    expect(credential('better-auth', { ...slack, idToken: team })?.identities).toMatchObject([{ subject: 'T1.U1' }])
    expect(credential('better-auth', { ...slack, idToken: 'no token' })).toEqual({
      identities: [],
      left: ['the account at slack, whose id is not in the file'],
    })
    expect(credential('better-auth', { ...row, providerId: 'credential', accountId: 'u1' })).toBeNull()
    expect(credential('better-auth', { providerId: 'google', accountId: '110' })).toBeNull()
  }) // biome-ignore format: rows
})

describe('Clerk', () => {
  it('has verified external accounts in the JSON of its API', () => {
    const external_accounts = [
      { provider: 'oauth_google', provider_user_id: '110', email_address: 'a@gmail.com', first_name: 'A', verification: { status: 'verified' } },
      { provider: 'linkedin_oidc', provider_user_id: 'l1' },
      { provider: 'oauth_github', provider_user_id: '7', verification: { status: 'unverified' } },
      { provider: 'oauth_microsoft', provider_user_id: '4cf0' },
    ] // biome-ignore format: a table
    expect(connected('clerk', { external_accounts, enterprise_accounts: [{}] })).toEqual({
      identities: [
        { connection: 'google', subject: '110', email: 'a@gmail.com', name: 'A' },
        { connection: 'linkedin', subject: 'l1' },
      ],
      left: [
        'the unverified account at github',
        'an enterprise account',
        expect.stringContaining('the account at microsoft'),
      ],
    })
  })
})

describe('Latchkey', () => {
  it('has pairs of words or JSON in a cell', () => {
    expect(
      connected('latchkey', { identities: 'google:110 acme:a:b' }, { acme: 'con_1' }).identities,
    ).toEqual([
      { connection: 'google', subject: '110' },
      { connection: 'con_1', subject: 'a:b' },
    ])
    const json = '[{"connection":"google","organization":null,"subject":"a b"}]'
    expect(connected('latchkey', { identities: json }).identities).toEqual(JSON.parse(json))
  })

  it.each([
    ['google', [{ connection: 'google' }]],
    ['[1]', [1]],
    ['["google"]', ['google']],
    ['[', '['],
  ])('leaves %s to the server, which refuses it', (identities, sent) => {
    expect(connected('latchkey', { identities })).toEqual({ identities: sent, left: [] })
  })
})
