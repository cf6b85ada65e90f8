/**
 * The apps of the rows about the OpenID provider, at this server and at the engine oidc-provider: the same apps, users and
 * grants. At both, a user has a session, has allowed each app what it asks for, and each app has a refresh token of the user.
 */
import { createHash } from 'node:crypto'
import type { Bench } from './bench.ts'
import { clientOf, PEOPLE, tokenOf } from './population.ts'
import { query } from './postgres.ts'

export { ISSUER } from './latchkey.ts'

/** Each app by its id, with the algorithm of its ID tokens. */
export const APPS = { 'bench-es256': 'ES256', 'bench-rs256': 'RS256' } as const
export type AppId = keyof typeof APPS
export const API = { identifier: 'https://api.example.test', scope: 'read' } as const

export const REDIRECT_URI = 'https://app.example.test/callback'
const SECRET = `cs_${'bench'.padEnd(43, '0')}`
/** Users with grants and refresh tokens, and tokens that are introspected. Limits by address and session refuse none of them. */
export const HOLDERS = 4000
const VERIFIER = 'a-verifier-of-the-bench'.padEnd(64, '0')

/** What was stored at a provider. */
export interface Stored {
  /** The cookies of each user's session. */
  cookies: string[]
  /** By the id of the app. */
  refreshTokens: Record<string, string[]>
  /** Of `bench-es256`. */
  accessTokens: string[]
}

export interface ProviderUnderTest extends Stored {
  name: string
  pid: number
  port: number
  paths: { authorize: string; token: string; introspect: string }
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const idOf = (prefix: string, of: string) => `${prefix}_${digest(`app ${of}`).toString('hex').slice(0, 32)}`
const refreshTokenOf = (of: string) => `rt_${digest(`app refresh ${of}`).toString('base64url')}`

/** The name of the families whose access tokens are introspected. */
const SEEN = 'seen'
/** Of our refresh tokens, one that is for the bare contender. */
export const bareTokenOf = (i: number): string => refreshTokenOf(`bare ${i}`)

/** Ours, the engine, and the bare one. */
type Providers = Record<'ours' | 'engine' | 'bare', ProviderUnderTest>

const started = new WeakMap<Bench, Promise<Providers>>()

/** All providers, filled. Started by the first row that needs them. */
export function providers(bench: Bench): Promise<Providers> {
  const known = started.get(bench)
  if (known) return known
  const all = (async () => ({
    ours: await ourProvider(bench),
    engine: await otherProvider(bench, 'oidc-provider', {
      authorize: '/auth',
      token: '/token',
      introspect: '/token/introspection',
    }),
    bare: await otherProvider(bench, 'bare-provider', {
      authorize: '/authorize',
      token: '/token',
      introspect: '/introspect',
    }),
  }))()
  started.set(bench, all)
  return all
}

async function otherProvider(
  bench: Bench,
  name: string,
  paths: ProviderUnderTest['paths'],
): Promise<ProviderUnderTest> {
  const { superuserUrl } = await (await bench.postgres()).makeDatabase()
  const order = [String(HOLDERS), REDIRECT_URI, SECRET]
  const running = await bench.listener(name, superuserUrl, ...order)
  // it says with its port what it has stored
  const { pid, port, cookies, refreshTokens, accessTokens } = running as typeof running & Stored
  return { name, pid, port, cookies, refreshTokens, accessTokens, paths }
}

async function ourProvider(bench: Bench): Promise<ProviderUnderTest> {
  const { server, superuserUrl } = await bench.latchkey()
  const now = new Date().toISOString()
  const insert = (text: string, ...columns: unknown[]) => query(superuserUrl, text, [now, ...columns])
  for (const [id, algorithm] of Object.entries(APPS)) {
    const settings = {
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scopes: ['openid', 'offline_access', API.scope],
      id_token_signed_response_alg: algorithm,
    }
    await insert(
      `insert into latchkey.clients (id, source, name, status, settings, created_at, updated_at)
       values ($2, 'operator', $2, 'active', $3, $1::timestamptz, $1::timestamptz)`,
      id,
      settings,
    )
    await insert(
      `insert into latchkey.client_secrets (id, client_id, hash, hint, created_at) values ($2, $3, $4, 'cs_benc', $1::timestamptz)`,
      idOf('csec', id),
      id,
      digest(SECRET),
    )
  }
  await insert(
    `insert into latchkey.resources (id, identifier, name, scopes, claims, created_at, updated_at)
     values ($2, $3, 'API', $4, 'minimal', $1::timestamptz, $1::timestamptz)`,
    idOf('res', API.identifier),
    API.identifier,
    JSON.stringify([{ name: API.scope, description: 'To read' }]),
  )
  const numbers = Array.from({ length: HOLDERS }, (_, i) => i)
  const refreshTokens: Stored['refreshTokens'] = {}
  const families = [...Object.keys(APPS).map((app) => [app, app] as const), [SEEN, 'bench-es256'] as const]
  for (const app of Object.keys(APPS))
    await insert(
      `insert into latchkey.grants (id, user_id, client_id, allowed, created_at, updated_at)
       select p.id, u.id, $3, $4, $1::timestamptz, $1::timestamptz
       from unnest($2::text[], $5::text[]) as p(id, username) join latchkey.users u on u.username = p.username`,
      numbers.map((i) => idOf('gnt', `${app} ${i}`)),
      app,
      { '': ['openid'], [API.identifier]: [API.scope] },
      numbers.map((i) => `person${i}`),
    )
  for (const [name, app] of families) {
    const tokens = numbers.map((i) => refreshTokenOf(`${name} ${i}`))
    await insert(
      `insert into latchkey.token_families (id, user_id, session_id, created_at, client_id, grant_id, scopes, resources, authenticated_at, acr, amr)
       select p.id, s.user_id, s.id, $1::timestamptz, $4, p.grant_id, $5::text[], $6::text[], $1::timestamptz, 'aal1', array['pwd']
       from unnest($2::text[], $3::text[], $7::bytea[]) as p(id, grant_id, token_hash) join latchkey.sessions s on s.token_hash = p.token_hash`,
      numbers.map((i) => idOf('fam', `${name} ${i}`)),
      numbers.map((i) => idOf('gnt', `${app} ${i}`)),
      app,
      ['openid', API.scope],
      [API.identifier],
      numbers.map((i) => digest(tokenOf(i))),
    )
    await insert(
      `insert into latchkey.refresh_tokens (token_hash, family_id, created_at)
       select token_hash, family_id, $1::timestamptz from unnest($2::bytea[], $3::text[]) as p(token_hash, family_id)`,
      tokens.map(digest),
      numbers.map((i) => idOf('fam', `${name} ${i}`)),
    )
    refreshTokens[name] = tokens
  }
  // further ones of the same families, for a contender that reads nothing but the token
  await insert(
    `insert into latchkey.refresh_tokens (token_hash, family_id, created_at)
     select token_hash, family_id, $1::timestamptz from unnest($2::bytea[], $3::text[]) as p(token_hash, family_id)`,
    numbers.map((i) => digest(bareTokenOf(i))),
    numbers.map((i) => idOf('fam', `${SEEN} ${i}`)),
  )
  await query(superuserUrl, 'vacuum analyze')
  const paths = { authorize: '/oidc/authorize', token: '/oidc/token', introspect: '/oidc/introspect' }
  return {
    name: 'Latchkey',
    pid: server.pid,
    port: server.port,
    paths,
    cookies: numbers.map((i) => `__Host-lk_session=${tokenOf(i)}`),
    refreshTokens,
    accessTokens: await inTurn(refreshTokens[SEEN] ?? [], async (token, i) => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token })
      const headers = { authorization: basic('bench-es256'), 'x-forwarded-for': clientOf(i) }
      const url = `http://127.0.0.1:${server.port}${paths.token}`
      const answer = await fetch(url, { method: 'POST', headers, body })
      const tokens = (await answer.json()) as { access_token?: string }
      if (tokens.access_token === undefined)
        throw new Error(`a refresh answered ${answer.status}: ${JSON.stringify(tokens)}`)
      return tokens.access_token
    }),
  }
}

async function inTurn<T, R>(all: readonly T[], one: (of: T, i: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const work = async () => {
    for (let i = next++; i < all.length; i = next++) results[i] = await one(all[i] as T, i)
  }
  await Promise.all(Array.from({ length: 16 }, work))
  return results
}

const basic = (app: AppId): string => `Basic ${Buffer.from(`${app}:${SECRET}`).toString('base64')}`

/** The headers of each request of an app or a browser, from a different address for every user. */
const headersOf = (user: number): Record<string, string> => ({
  'x-forwarded-for': clientOf(user % PEOPLE),
  'x-forwarded-proto': 'https',
})

/** The lines of a request to the provider by an app, without the body. */
export const appHeaders = (app: AppId, user: number): Record<string, string> => ({
  ...headersOf(user),
  authorization: basic(app),
  'content-type': 'application/x-www-form-urlencoded',
})

export const browserHeaders = (cookie: string, user: number): Record<string, string> => ({
  ...headersOf(user),
  cookie,
  accept: 'text/html',
})

export const authorizeQuery = (app: AppId): string =>
  new URLSearchParams({
    client_id: app,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: `openid ${API.scope}`,
    resource: API.identifier,
    state: 'a state of the bench',
    nonce: 'a nonce of the bench',
    code_challenge: digest(VERIFIER).toString('base64url'),
    code_challenge_method: 'S256',
  }).toString()

/** The form of the exchange of a code, which is appended. */
export const EXCHANGE = `${new URLSearchParams({
  grant_type: 'authorization_code',
  redirect_uri: REDIRECT_URI,
  code_verifier: VERIFIER,
})}&code=`
