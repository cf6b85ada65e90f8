/** Sign-ins at the scripted providers without a server: the tools that signin/upstream needs, and connections in memory. */
import { keyring } from '../base/crypto.ts'
import { newId } from '../base/ids.ts'
import { createOutbound } from '../base/outbound/index.ts'
import { loadConfig } from '../config.ts'
import type { UsableConnection } from '../core/connections/index.ts'
import type { ConnectionSettings, ExternalIdentity } from '../core/providers/index.ts'
import { FederationFault } from '../core/providers/index.ts'
import {
  authorizationUrl,
  type CallbackAnswer,
  completeAuthorization,
  createExpected,
} from '../features/signin/upstream/index.ts'
import { type Callback, type FakeProviders, startFakeProviders } from './fake-provider.ts'
import type { FakeId } from './fake-provider-answers.ts'

export const REDIRECT = 'https://id.example.com/api/v1/auth/external/test/callback'

export interface Upstream {
  fakes: FakeProviders
  tools: Parameters<typeof completeAuthorization>[0] & Parameters<typeof authorizationUrl>[0]
  clock: { now(): Date; advance(milliseconds: number): void }
  warnings: object[]
  /** A connection to the fake: a server-wide one, unless `more` says otherwise. */
  connection(id: FakeId, settings?: ConnectionSettings, more?: Partial<UsableConnection>): UsableConnection
  /** A whole sign-in; `at` changes what comes back, or what it is checked against. @throws FederationFault */
  signIn(
    connection: UsableConnection,
    at?: Partial<CallbackAnswer> & { change?(callback: Callback): void; request?: object },
    by?: Upstream['tools'],
  ): Promise<ExternalIdentity>
  /** The fault of a sign-in, with its detail. @throws where it succeeds */
  faultOf(signIn: Promise<unknown>): Promise<{ fault: string; detail: string }>
}

export async function startUpstream(): Promise<Upstream> {
  let offset = new Date('2030-06-01T12:00:00Z').getTime() - Date.now()
  const clock = {
    now: () => new Date(Date.now() + offset),
    advance(milliseconds: number) {
      offset += milliseconds
    },
  }
  const fakes = await startFakeProviders(clock)
  const env = {
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters',
    LATCHKEY_CONNECTION_HOSTS: fakes.host,
  }
  const warnings: object[] = []
  const log = { warn: (fields: object) => void warnings.push(fields) }
  const tools = {
    config: loadConfig(env, { cwd: '/nonexistent' }),
    keyring: keyring(env.LATCHKEY_SECRET),
    outbound: createOutbound({ clock, log, network: fakes.network }),
  }
  const upstream: Upstream = {
    fakes,
    tools,
    clock,
    warnings,
    connection(id, settings = {}, more = {}) {
      const fake = fakes.provider(id)
      const now = clock.now()
      return {
        id: newId('con'),
        organizationId: null,
        slug: id,
        provider: id,
        name: id,
        status: 'active',
        clientId: fake.clientId,
        hasSecret: true,
        sealedSecret: tools.keyring.encrypt('connections', fake.secret),
        settings: { ...fake.settings, ...settings },
        origin: 'api',
        version: 1,
        sameFrom: 1,
        madeBy: null,
        byOperator: false,
        testedAt: null,
        unreadable: [],
        resumes: false,
        createdAt: now,
        updatedAt: now,
        ...more,
      }
    },
    async signIn(connection, { change, request, ...at } = {}, by = tools) {
      const expected = createExpected()
      const url = await authorizationUrl(by, connection, expected, {
        state: 'the-state',
        redirectUri: REDIRECT,
        ...request,
      })
      const callback = await fakes.authorize(url)
      change?.(callback)
      const { parameters } = callback
      const answer = {
        expected,
        redirectUri: REDIRECT,
        parameters,
        isOwnDomain: () => false,
        now: clock.now(),
      }
      return completeAuthorization(by, connection, { ...answer, ...at })
    },
    async faultOf(signIn) {
      const error = await signIn.then(
        () => new Error('the sign-in succeeded'),
        (thrown: unknown) => thrown,
      )
      if (!(error instanceof FederationFault)) throw error
      return { fault: error.fault, detail: error.detail ?? '' }
    },
  }
  return upstream
}
