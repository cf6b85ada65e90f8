/** Sign-ins at a real OpenID Connect issuer that is not ours (oidc-provider), by the protocol alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest'
import { systemClock } from '../packages/server/src/base/clock.ts'
import { keyring } from '../packages/server/src/base/crypto.ts'
import { createOutbound } from '../packages/server/src/base/outbound/index.ts'
import { loadConfig } from '../packages/server/src/config.ts'
import type { UsableConnection } from '../packages/server/src/core/connections/index.ts'
import { type ConnectionSettings, FederationFault } from '../packages/server/src/core/providers/index.ts'
import {
  authorizationUrl,
  completeAuthorization,
  createExpected,
  revokeTokens,
} from '../packages/server/src/features/signin/upstream/index.ts'
import { type Issuer, signInAtIssuer, startIssuer } from './setup/issuer.ts'

const REDIRECT = 'https://id.example.com/api/v1/auth/external/oidc/callback'
const common = {
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
}
const secret = 'a secret: with % and +'
/** Clients, each with another way to authenticate, signature, or form of its answers. */
const CLIENTS = [
  { ...common, client_id: 'basic-rs256', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
  { ...common, client_id: 'basic-es256', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic', id_token_signed_response_alg: 'ES256' },
  { ...common, client_id: 'post-rs256', client_secret: secret, token_endpoint_auth_method: 'client_secret_post' },
  { ...common, client_id: 'signed-userinfo', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic', userinfo_signed_response_alg: 'RS256' },
  { ...common, client_id: 'symmetric', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic', id_token_signed_response_alg: 'HS256' },
  { ...common, client_id: 'public', token_endpoint_auth_method: 'none' },
] // biome-ignore format: a table

let issuer: Issuer
const clock = systemClock()
const ring = keyring('a secret of the tests, thirty-two characters')
let tools: Parameters<typeof completeAuthorization>[0]
beforeEach(() => {
  // it warns that its keys and forms are those of tests
  for (const method of ['info', 'warn', 'log'] as const)
    vi.spyOn(console, method).mockImplementation(() => {})
})
beforeAll(async () => {
  issuer = await startIssuer(CLIENTS)
  const env = {
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters',
    LATCHKEY_CONNECTION_HOSTS: issuer.host,
  }
  const config = loadConfig(env, { cwd: '/nonexistent' })
  tools = { config, keyring: ring, outbound: createOutbound({ clock, log: { warn() {} } }) }
})
afterAll(() => issuer.close())

function connectionOf(clientId: string, settings: ConnectionSettings = {}): UsableConnection {
  const now = clock.now()
  const isPublic = clientId === 'public'
  return {
    id: `con_${clientId}`, organizationId: 'org_1', slug: 'oidc', provider: 'oidc', name: 'Issuer', status: 'active', clientId,
    hasSecret: !isPublic, sealedSecret: isPublic ? null : ring.encrypt('connections', secret),
    settings: { issuer: issuer.url, ...settings }, origin: 'api', version: 1, sameFrom: 1, madeBy: null, byOperator: false, testedAt: null, unreadable: [],
    resumes: false, createdAt: now, updatedAt: now,
  } // biome-ignore format: a record
}

async function signIn(
  connection: UsableConnection,
  { login = 'ada', refuses = false, request = {}, change = (_: URLSearchParams) => {} } = {},
) {
  const expected = createExpected()
  const url = await authorizationUrl(tools, connection, expected, {
    state: 'the-state',
    redirectUri: REDIRECT,
    ...request,
  })
  const callback = new URL(await signInAtIssuer(url, login, { refuses }))
  change(callback.searchParams)
  return completeAuthorization(tools, connection, {
    expected,
    redirectUri: REDIRECT,
    parameters: Object.fromEntries(callback.searchParams),
    isOwnDomain: (email) => email.endsWith('@example.com'),
    now: clock.now(),
  })
}
const faultOf = async (signingIn: Promise<unknown>): Promise<string> => {
  const error = await signingIn.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FederationFault)
  return (error as FederationFault).fault
}

test.each(['basic-rs256', 'basic-es256', 'post-rs256', 'signed-userinfo', 'public'])(
  'the client %s signs in',
  async (id) => {
    expect(await signIn(connectionOf(id))).toMatchObject({
      issuer: issuer.url,
      subject: 'ada',
      email: 'ada@example.com',
      emailVerified: true,
      fullName: 'Account of ada',
      username: 'ada',
    })
  },
)

test('an ID token that the client secret signs is refused', async () => {
  expect(await faultOf(signIn(connectionOf('symmetric')))).toBe('wrong_signature')
})

describe('the client', () => {
  it('is refused with another secret', async () => {
    const sealedSecret = ring.encrypt('connections', 'another one')
    const connection = { ...connectionOf('basic-rs256'), sealedSecret }
    expect(await faultOf(signIn(connection))).toBe('client_refused')
  })

  it('learns that the user refuses', async () => {
    expect(await faultOf(signIn(connectionOf('basic-rs256'), { refuses: true }))).toBe('denied')
  })

  it('uses a code once', async () => {
    const connection = connectionOf('basic-rs256')
    let code = ''
    await signIn(connection, { change: (parameters) => { code = parameters.get('code') ?? '' } })
    const again = signIn(connection, { change: (parameters) => parameters.set('code', code) })
    expect(await faultOf(again)).toBe('provider_error')
  }) // biome-ignore format: a callback

  it('refuses an answer of another issuer', async () => {
    const mixedUp = signIn(connectionOf('basic-rs256'), {
      change: (parameters) => parameters.set('iss', 'https://evil.example.com'),
    })
    expect(await faultOf(mixedUp)).toBe('wrong_issuer')
    const silent = signIn(connectionOf('basic-rs256'), { change: (parameters) => parameters.delete('iss') })
    expect(await faultOf(silent)).toBe('wrong_issuer')
  })

  it('learns when the user proved their identity again', async () => {
    const { authenticatedAt } = await signIn(connectionOf('basic-rs256'), { request: { fresh: true } })
    expect(Math.abs((authenticatedAt?.getTime() ?? 0) - clock.now().getTime())).toBeLessThan(60_000)
  })

  it('follows a change of keys', async () => {
    const connection = connectionOf('basic-es256')
    await signIn(connection)
    issuer.rotate()
    expect((await signIn(connection, { login: 'grace' })).email).toBe('grace@example.com')
  })

  it('has an unverified address where the issuer says so', async () => {
    issuer.accounts.set('mallory', { email: 'ada@example.com', email_verified: false })
    expect(await signIn(connectionOf('basic-rs256'), { login: 'mallory' })).toMatchObject({
      subject: 'mallory',
      email: 'ada@example.com',
      emailVerified: false,
    })
  })

  it('keeps a refresh token, and revokes it', async () => {
    const connection = connectionOf('basic-rs256', { keeps_tokens: true })
    const { tokens } = await signIn(connection)
    expect(tokens?.refresh_token).toMatch(/^\S{20,}$/)
    if (tokens) expect(await revokeTokens(tools, connection, tokens, clock.now())).toBe(true)
  })
})
