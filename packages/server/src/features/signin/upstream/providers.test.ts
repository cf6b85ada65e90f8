/** Every provider against a scripted fake with its quirks: who the user is, when the address counts, and what it is strict about. */
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { type ConnectionSettings, PROVIDER_IDS, providerOf } from '../../../core/providers/index.ts'
import type { FakeId } from '../../../testing/fake-provider-answers.ts'
import { TENANT } from '../../../testing/provider-quirks.ts'
import { startUpstream, type Upstream } from '../../../testing/upstream.ts'
import { authorizationUrl, createExpected, revokeTokens } from './index.ts'

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.fakes.close())
const users = new Map<FakeId, Record<string, unknown>>()
/** The user and the script of a fake, until the test ends. */
function as(id: FakeId, user: Record<string, unknown>) {
  const fake = upstream.fakes.provider(id)
  if (!users.has(id)) users.set(id, fake.user)
  fake.user = { ...fake.user, ...user }
}
afterEach(() => {
  for (const [id, user] of users) upstream.fakes.provider(id).user = user
  users.clear()
})

const origin = () => `http://${upstream.fakes.host}`

/** What each says of its user: the issuer and the subject, which are the key, and whether the address counts. */
const SAYS: [FakeId, Record<string, unknown>][] = [
  ['google', { issuer: 'https://accounts.google.com', subject: '108020304', email: 'ada@example.com', emailVerified: true }],
  ['microsoft', { issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`, subject: 'pairwise-ada', email: 'ada@example.com', emailVerified: false }],
  ['entra', { issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`, subject: 'pairwise-ada', email: 'ada@example.com', emailVerified: false }],
  ['github', { issuer: 'https://github.com', subject: '583231', email: 'ada@example.com', emailVerified: true, username: 'ada' }],
  ['apple', { issuer: 'https://appleid.apple.com', subject: '001999.ada', email: 'x1@privaterelay.appleid.com', emailVerified: true, fullName: null }],
  ['gitlab', { issuer: 'https://gitlab.com', subject: '42', email: 'ada@example.com', emailVerified: true, username: 'ada' }],
  ['discord', { issuer: 'https://discord.com', subject: '80351110224678912', email: 'ada@example.com', emailVerified: true, fullName: 'Ada' }],
  ['slack', { issuer: 'https://slack.com', subject: 'T0RR.U0R7MFMJM', email: 'ada@example.com', emailVerified: true }],
  ['linkedin', { issuer: 'https://www.linkedin.com/oauth', subject: '782bbtaQ', email: 'ada@example.com', emailVerified: true }],
  ['facebook', { issuer: 'https://www.facebook.com', subject: '10158', email: 'ada@example.com', emailVerified: false }],
  ['x', { issuer: 'https://x.com', subject: '2244994945', email: 'ada@example.com', emailVerified: true, username: 'ada' }],
  ['twitch', { issuer: 'https://id.twitch.tv/oauth2', subject: '713936733', email: 'ada@example.com', emailVerified: true, username: 'Ada' }],
  ['okta', { subject: 'ada-1', email: 'ada@example.com', emailVerified: false, fullName: 'Ada Lovelace' }],
  ['auth0', { subject: 'ada-1', email: 'ada@example.com', emailVerified: false }],
  ['keycloak', { subject: 'f:1:ada', email: 'ada@example.com', emailVerified: false, groups: ['engineer', 'admin'] }],
  ['oidc', { subject: 'ada-1', email: 'ada@example.com', emailVerified: false, fullName: 'Ada Lovelace' }],
] // biome-ignore format: a table

test('every provider but SAML has a fake', () => {
  expect(SAYS.map(([id]) => id).sort()).toEqual(PROVIDER_IDS.filter((id) => id !== 'saml').sort())
})

describe('a sign-in at', () => {
  test.each(SAYS)('%s says who the user is', async (id, says) => {
    const identity = await upstream.signIn(upstream.connection(id))
    expect(identity).toMatchObject(says)
    expect(JSON.stringify(identity)).not.toMatch(/access-|refresh-|eyJ/)
    expect(identity.tokens).toBeUndefined()
  })

  test.each(SAYS.slice(12).map(([id]) => id))('%s has the issuer of its document', async (id) => {
    const { issuer } = await upstream.signIn(upstream.connection(id))
    const paths = {
      okta: '/okta/oauth2/default',
      auth0: '/auth0/',
      keycloak: '/realms/engines',
      oidc: '/issuer',
    }
    expect(issuer).toBe(origin() + paths[id as keyof typeof paths])
  })

  test.each(SAYS.map(([id]) => id))('%s keeps tokens where the connection says so', async (id) => {
    const connection = upstream.connection(id, { keeps_tokens: true })
    const { tokens } = await upstream.signIn(connection)
    expect(tokens?.access_token).toMatch(/^access-/)
    expect(tokens?.expires_at).toMatch(/^2030-06-01T1/)
    const row = providerOf(id)
    const refreshes = row.kind !== 'saml' && row.refresh !== undefined
    expect(tokens?.refresh_token !== undefined).toBe(refreshes)
    if (!tokens) return
    const isRevoked = await revokeTokens(upstream.tools, connection, tokens, upstream.clock.now())
    expect(isRevoked).toBe(!['github', 'facebook'].includes(id))
    if (isRevoked)
      expect(upstream.fakes.provider(id).revoked).toContain(tokens.refresh_token ?? tokens.access_token)
  })

  test.each(SAYS.map(([id]) => id))('%s by another client secret is refused as such', async (id) => {
    const isApple = id === 'apple'
    const secret = isApple
      ? upstream.fakes.provider('apple').secret.replace(/\n.{10}/, '\nAAAAAAAAAA')
      : 'wrong'
    const sealedSecret = upstream.tools.keyring.encrypt('connections', secret)
    const signIn = upstream.signIn(upstream.connection(id, {}, { sealedSecret }))
    // a private key that cannot be read is not sent
    expect((await upstream.faultOf(signIn)).fault).toBe(isApple ? 'bad_settings' : 'client_refused')
  })
})

/** When an address counts as verified: the provider, what it says, the connection's settings, and the verdict. */
const VERIFIED: [FakeId, Record<string, unknown>, ConnectionSettings & { own?: string }, boolean][] = [
  ['google', { hd: undefined }, {}, false],
  ['google', { hd: undefined, email: 'ada@gmail.com' }, {}, true],
  ['google', { hd: undefined, email: 'ada@gmail.com.example.com' }, {}, false],
  ['google', { hd: 'example.com', email_verified: false }, {}, false],
  ['google', { hd: 'example.com' }, { trusts_email: false }, false],
  ['google', { hd: undefined }, { trusts_email: true }, true],
  ['google', { upn: 'ada@gmail.com' }, { attributes: { email: 'upn' } }, false],
  ['microsoft', { email_verified: true }, {}, false],
  ['microsoft', { xms_edov: true }, {}, true],
  ['microsoft', { xms_edov: '1' }, {}, true],
  ['microsoft', { xms_edov: false }, {}, false],
  ['microsoft', { verified_primary_email: ['other@example.com', 'ADA@example.com'] }, {}, true],
  ['microsoft', { verified_primary_email: ['other@example.com'] }, {}, false],
  ['microsoft', {}, { trusts_email: true }, false],
  ['microsoft', {}, { own: 'example.com' }, false],
  ['microsoft', {}, { trusts_email: true, allowed: [TENANT] }, true],
  ['microsoft', {}, { own: 'example.com', allowed: [TENANT] }, true],
  ['entra', {}, { own: 'example.com' }, true],
  ['entra', {}, { own: 'example.org' }, false],
  ['entra', {}, { trusts_email: true }, true],
  ['entra', { upn: 'ceo@example.org', xms_edov: true }, { attributes: { email: 'upn' } }, false],
  ['github', { emails: [{ email: 'ada@example.com', primary: true, verified: false }] }, {}, false],
  ['github', { emails: [{ email: 'ada@example.com', primary: false, verified: true }] }, {}, false],
  ['apple', { email_verified: true }, {}, true],
  ['gitlab', { email_verified: false }, {}, false],
  ['discord', { verified: false }, {}, false],
  ['slack', { email_verified: false }, {}, false],
  ['linkedin', { email_verified: 'true' }, {}, true],
  ['linkedin', { email_verified: undefined }, {}, false],
  ['facebook', {}, { trusts_email: true, own: 'example.com' }, false],
  ['x', { confirmed_email: undefined }, {}, false],
  ['twitch', { email_verified: false }, {}, false],
  ['okta', {}, { own: 'example.com' }, true],
  ['okta', { email_verified: false }, { own: 'example.com' }, false],
  ['okta', { email_verified: undefined }, { own: 'example.com', trusts_email: true }, false],
  ['auth0', {}, { trusts_email: true }, true],
  ['keycloak', {}, { own: 'example.com', trusts_email: false }, false],
  ['oidc', {}, { own: 'example.com' }, true],
  ['oidc', { upn: 'ceo@example.com' }, { own: 'example.com', attributes: { email: 'upn' } }, false],
] // biome-ignore format: a table

describe('an address', () => {
  test.each(VERIFIED)(
    'of %s that says %j with %j counts as verified: %j',
    async (id, user, settings, verdict) => {
      as(id, user)
      const { own, ...rest } = settings
      const connection = upstream.connection(id, rest)
      const identity = await upstream.signIn(connection, {
        isOwnDomain: (email) => email.endsWith(`@${own}`),
      })
      expect(identity.emailVerified).toBe(verdict)
    },
  )
})

/** Who may not sign in. */
const REFUSED: [FakeId, Record<string, unknown>, ConnectionSettings, string, RegExp][] = [
  ['google', {}, { allowed: ['example.org'] }, 'tenant_refused', /example\.com, which is not among/],
  ['google', { hd: undefined }, { allowed: ['example.com'] }, 'tenant_refused', /no Google Workspace/],
  ['microsoft', {}, { allowed: ['99999999-2222-4333-8444-555555555555'] }, 'tenant_refused', /not among/],
  ['microsoft', { tid: undefined }, {}, 'wrong_issuer', /undefined/],
  ['entra', { tid: '99999999-2222-4333-8444-555555555555' }, {}, 'wrong_issuer', /99999999/],
  ['entra', {}, { tenant: 'common' }, 'bad_settings', /Directory ID/],
  ['github', { id: 'not a number' }, {}, 'no_subject', /no user id/],
  ['slack', { 'https://slack.com/team_id': undefined }, {}, 'no_subject', /no user id/],
  ['apple', {}, { team_id: undefined } as never, 'bad_settings', /team id/],
] // biome-ignore format: a table

describe('a user is refused', () => {
  test.each(REFUSED)('of %s that says %j with %j', async (id, user, settings, fault, detail) => {
    as(id, user)
    const signIn = upstream.signIn(upstream.connection(id, settings))
    expect(await upstream.faultOf(signIn)).toEqual({ fault, detail: expect.stringMatching(detail) })
  })
})

describe('the authorization request', () => {
  const parametersOf = async (id: FakeId, settings: ConnectionSettings = {}, request = {}) => {
    const url = await authorizationUrl(upstream.tools, upstream.connection(id, settings), createExpected(), {
      state: 's',
      redirectUri: 'https://id.example.com/cb',
      ...request,
    })
    return Object.fromEntries(new URL(url).searchParams)
  }

  it('has state, nonce and PKCE', async () => {
    expect(await parametersOf('oidc', {}, { loginHint: 'ada@example.com' })).toMatchObject({
      response_type: 'code', scope: 'openid email profile', state: 's', login_hint: 'ada@example.com',
      nonce: expect.stringMatching(/^[\w-]{43}$/), code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256', redirect_uri: 'https://id.example.com/cb',
    }) // biome-ignore format: a list
  })

  it('has the scopes of the connection once', async () => {
    const { scope } = await parametersOf('okta', { scopes: ['groups', 'email'] })
    expect(scope).toBe('openid email profile groups')
  })

  it('requests a new proof in the words of the provider', async () => {
    expect(await parametersOf('okta', {}, { fresh: true })).toMatchObject({ prompt: 'login', max_age: '0' })
    expect(await parametersOf('google', { keeps_tokens: true }, { fresh: true })).toMatchObject({
      prompt: 'consent select_account',
      access_type: 'offline',
    })
    expect(await parametersOf('facebook', {}, { fresh: true })).toMatchObject({ auth_type: 'reauthenticate' })
    expect(await parametersOf('github', {}, { fresh: true })).not.toHaveProperty('prompt')
  })

  it('leaves out what LinkedIn and Slack refuse', async () => {
    for (const id of ['linkedin', 'slack'] as const)
      expect(await parametersOf(id)).not.toHaveProperty('code_challenge')
    expect(await parametersOf('linkedin')).not.toHaveProperty('nonce')
  })
})

describe('particular is', () => {
  it('the name at Apple, which comes once and unsigned', async () => {
    as('apple', { name: { firstName: 'Ada', lastName: 'Love\u202elace' } })
    expect((await upstream.signIn(upstream.connection('apple'))).fullName).toBe('Ada Lovelace')
    const identity = await upstream.signIn(upstream.connection('apple'), {
      change: ({ parameters }) => Object.assign(parameters, { user: '{"name":' }),
    })
    expect(identity.fullName).toBeNull()
    expect(identity.claims).toMatchObject({ is_private_email: 'true' })
  })

  it('a GitHub App that may not read addresses', async () => {
    as('github', { emails: { message: 'Resource not accessible by integration' } })
    expect(await upstream.signIn(upstream.connection('github'))).toMatchObject({
      email: null,
      emailVerified: false,
    })
  })

  it('the domain of Google Workspace, in capital letters or not', async () => {
    const connection = upstream.connection('google', { allowed: ['EXAMPLE.com'] })
    expect((await upstream.signIn(connection)).subject).toBe('108020304')
  })

  it('the group claim of the userinfo endpoint at GitLab', async () => {
    const rules = [{ group: 'engines', role: 'admin' }]
    const { groups } = await upstream.signIn(upstream.connection('gitlab', { group_roles: rules }))
    expect(groups).toEqual(['engines', 'engines/difference'])
  })
})
