/**
 * Two servers that get the same requests: this one, and oidc-provider as the judge, in process. Both know the same apps, and in both one
 * person is signed in who has allowed them all, so that a good request ends at the app at once.
 */
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { answerConsent, follow, formOf, testApp } from '../../packages/server/src/testing/apps.ts'
import { Client, type Reply } from '../../packages/server/src/testing/client.ts'
import { STATED } from '../../packages/server/src/testing/stated-profile.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'

export const REDIRECT = 'https://app.example.com/callback'
export const SECOND = 'https://app.example.com/second?from=app'
export const NATIVE = 'http://127.0.0.1/callback'

/** Apps by name, with the settings in which they differ from an ordinary one. */
export const APPS = {
  ordinary: {},
  lax: { require_pkce: false },
  public: { token_endpoint_auth_method: 'none' },
  native: { token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: [NATIVE] },
  once: { grant_types: ['authorization_code'] },
  program: { grant_types: ['client_credentials'], redirect_uris: [] as string[] },
} as const
export type AppName = keyof typeof APPS
/** Parameters in their order; a name may occur twice. */
export type Parameters = readonly (readonly [string, string])[]

export const SCOPES = [
  'openid', 'profile', 'email', 'address', 'phone', 'roles', 'organization', 'offline_access',
] // biome-ignore format: a list

export interface Server {
  issuer: string
  secrets: Readonly<Record<AppName, string>>
  /** The browser in which the person is signed in. */
  browser: Client
  /** A new browser. */
  stranger(): Client
  /** The paths of the endpoints. */
  paths: Readonly<Record<'authorize' | 'token' | 'userinfo', string>>
  /** The id of the person. */
  subject: string
  /** Lets the person allow the app everything, where they have not. */
  allow(app: AppName): Promise<void>
  /** What a page of this server is; null: none that asks the person anything. */
  pageOf(reply: Reply, at: string): 'login' | 'consent' | null
}

const { phone_number: _phone, address: _address, ...ofProfile } = STATED
const OF_PROFILE = Object.keys(ofProfile)

/** The settings of an app as both servers name them. */
const settingsOf = (name: AppName) => ({
  redirect_uris: [REDIRECT, SECOND],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_basic',
  ...APPS[name],
})

const NAMES = Object.keys(APPS) as AppName[]
const byName = <T>(of: (name: AppName) => T): Record<AppName, T> =>
  Object.fromEntries(NAMES.map((name) => [name, of(name)])) as Record<AppName, T>

/** A request of an app that is to be allowed everything. */
const first = (name: AppName): string =>
  `?${new URLSearchParams({
    client_id: name,
    redirect_uri: name === 'native' ? NATIVE : REDIRECT,
    response_type: 'code',
    scope: SCOPES.join(' '),
    prompt: 'consent',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })}`
const withUsers = NAMES.filter((name) => name !== 'program')

export async function startOurs(): Promise<Server & { world: World }> {
  const world = await startWorld({ rateLimits: 'off' })
  const ada = await world.person({ email: 'ada@example.com', username: 'ada' })
  await ada.client.patch('/api/v1/users/me', { profile: STATED })
  const secrets = byName(() => '')
  for (const name of NAMES) secrets[name] = (await testApp(world, settingsOf(name), { id: name })).secret
  const allow = async (name: AppName): Promise<void> => {
    const { reply } = await follow(ada.client, `/oidc/authorize${first(name)}`)
    await answerConsent(ada.client, reply.text)
  }
  for (const name of withUsers) await allow(name)
  return {
    world,
    issuer: world.config.publicUrl,
    secrets,
    browser: ada.client,
    stranger: () => world.client(),
    paths: { authorize: '/oidc/authorize', token: '/oidc/token', userinfo: '/oidc/userinfo' },
    subject: ada.id,
    allow,
    pageOf: ({ status, text }, at) => {
      if (/^\/(sign-in|sign-up|step-up)\b/.test(at)) return 'login'
      return status === 200 && text.includes('/consent"') ? 'consent' : null
    },
  }
}

export async function startTheirs(subject: string): Promise<Server & { close(): Promise<void> }> {
  let handle: ReturnType<Provider['callback']> = () => {}
  const server = createServer((request, response) => handle(request, response))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const secrets = byName((name) => `the-secret-of-${name}`)
  const provider = new Provider(issuer, {
    clients: NAMES.map((name) => {
      const { require_pkce: _, ...settings } = { require_pkce: true, ...settingsOf(name) }
      const isPublic = settings.token_endpoint_auth_method === 'none'
      return {
        client_id: name,
        ...settings,
        ...(!isPublic && { client_secret: secrets[name] }),
        response_types: name === 'program' ? [] : ['code'],
      }
    }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', kid: 'rs', use: 'sig' }] },
    cookies: { keys: ['a key of the tests'], long: { sameSite: 'none' } },
    scopes: SCOPES,
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'locale', 'updated_at', ...OF_PROFILE],
      email: ['email', 'email_verified'],
      address: ['address'],
      phone: ['phone_number', 'phone_number_verified'],
    },
    acrValues: ['aal1', 'aal2', 'aal2-phr'],
    allowOmittingSingleRegisteredRedirectUri: false,
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      claimsParameter: { enabled: true },
    },
    pkce: { required: (_: unknown, { clientId }: { clientId: string }) => clientId !== 'lax' },
    issueRefreshToken: (_: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    enableHttpPostMethods: true,
    ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 3600, Interaction: 600, Session: 3600, Grant: 3600, ClientCredentials: 3600 },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ ...STATED, sub: id, preferred_username: 'ada', locale: 'en', updated_at: 1, email: 'ada@example.com', email_verified: true, phone_number_verified: false }),
    }),
  }) // biome-ignore format: a list
  handle = provider.callback()
  const browser = new Client(issuer)
  const theirs: Server = {
    issuer,
    secrets,
    browser,
    stranger: () => new Client(issuer),
    paths: { authorize: '/auth', token: '/token', userinfo: '/me' },
    subject,
    allow: (name) => allowAt(theirs, `/auth${first(name)}`),
    pageOf: ({ text }, at) =>
      at.startsWith('/interaction/')
        ? ((/name="prompt" value="(login|consent)"/.exec(text)?.[1] as 'login' | 'consent' | undefined) ??
          null)
        : null,
  }
  for (const name of withUsers) await theirs.allow(name)
  return {
    ...theirs,
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** Signs the person in at oidc-provider, and allows the app. */
async function allowAt({ browser, issuer, subject, pageOf }: Server, path: string): Promise<void> {
  let at = path
  for (let step = 0; step < 20; step += 1) {
    let reply = await browser.get(at)
    const prompt = pageOf(reply, at)
    if (prompt !== null) {
      const form = prompt === 'login' ? { prompt, login: subject, password: 'any' } : { prompt }
      reply = await browser.post(at, form, { form: true })
    }
    const location = new URL(reply.headers.get('location') ?? '', issuer)
    if (location.origin !== issuer) return
    at = location.pathname + location.search
  }
  throw new Error(`oidc-provider does not come to an end: ${at}`)
}

/** What becomes of an authorization request, in the words of both servers. */
export interface Outcome {
  /** Where it ends: on a page of the server that leads nowhere, at a question to the person, or at the app. */
  at: 'error page' | 'login' | 'consent' | 'app'
  redirect: string | null
  mode: 'query' | 'fragment' | 'form' | null
  error: string | null
  /** Names of the parameters, but for descriptions. */
  names: string
  /** Whether `state` and `iss` are exact. */
  isExact: boolean
}

const ELSEWHERE = { redirect: null, mode: null, error: null, names: '', isExact: true } as const

/** Sends an authorization request. @returns the outcome, and the code */
export async function authorize(
  server: Server,
  parameters: Parameters,
  { method = 'GET', browser = server.browser }: { method?: 'GET' | 'POST'; browser?: Client } = {},
): Promise<{ outcome: Outcome; code: string | null }> {
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString()
  const state = parameters.find(([name]) => name === 'state')?.[1]
  const headers = { accept: 'text/html' }
  const { paths, issuer } = server
  let at = method === 'GET' ? `${paths.authorize}?${query}` : paths.authorize
  let reply =
    method === 'GET'
      ? await browser.get(at, { headers })
      : await browser.send('POST', at, query, {
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        })
  for (let step = 0; step < 12; step += 1) {
    const location = reply.headers.get('location')
    if (location === null) break
    if (!location.startsWith('/') && !location.startsWith(`${issuer}/`)) {
      const url = new URL(location)
      const mode = url.hash === '' ? 'query' : 'fragment'
      const fields = mode === 'query' ? url.searchParams : new URLSearchParams(url.hash.slice(1))
      return atApp([...fields], mode, url.href)
    }
    at = location.replace(issuer, '')
    reply = await browser.get(at, { headers })
  }
  const action = /<form[^>]*action="(https?:[^"]*)"/.exec(reply.text)?.[1]
  if (action !== undefined && !action.startsWith(issuer))
    return atApp(Object.entries(formOf(reply.text, action)), 'form', action)
  const page = server.pageOf(reply, at)
  return { outcome: { at: page ?? 'error page', ...ELSEWHERE }, code: null }

  function atApp(entries: [string, string][], mode: Outcome['mode'], href: string) {
    const fields = Object.fromEntries(entries)
    const names = entries.map(([name]) => name).filter((name) => !/^(error_|from$)/.test(name))
    const [redirect = ''] = href.split(/[?#]/)
    const isExact = fields.state === (state || undefined) && fields.iss === issuer
    const outcome: Outcome = {
      at: 'app',
      redirect,
      mode,
      error: fields.error ?? null,
      names: names.sort().join(' '),
      isExact,
    }
    return { outcome, code: fields.code ?? null }
  }
}
