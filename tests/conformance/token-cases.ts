/** Generated requests to the token endpoint, for each grant, and their answers in the words of both servers. */
import fc from 'fast-check'
import type { Reply } from '../../packages/server/src/testing/client.ts'
import { CHALLENGE, VERIFIER } from './generated.ts'
import { APPS, type AppName, authorize, type Parameters, REDIRECT, SECOND, type Server } from './oracle.ts'

type Changes = readonly (readonly [string, string | null])[]

export interface TokenCase {
  app: Exclude<AppName, 'native'>
  grant: 'authorization_code' | 'refresh_token' | 'client_credentials'
  /** What was authorized. */
  authorized: string
  authentication: 'registered' | 'other method' | 'wrong secret' | 'none' | 'unknown app'
  /** What is done with the code or the token before. */
  before: 'nothing' | 'used' | 'of another app'
  changes: Changes
}

export interface TokenOutcome {
  status: number
  error: string | null
  /** Names of the members of the answer, but for descriptions. */
  members: readonly string[]
  scope: string | null
  idToken: readonly string[]
  userinfo: readonly string[] | null
}

/** What a parameter is changed to; null: it is left out. */
const VALUES: Readonly<Record<string, readonly (string | null)[]>> = {
  grant_type: [null, '', 'password', 'implicit', 'AUTHORIZATION_CODE', 'toString'],
  code: [null, '', 'unknown'],
  redirect_uri: [null, '', SECOND, 'https://evil.example/', `${REDIRECT}/`],
  code_verifier: [null, '', 'x'.repeat(43), 'short', CHALLENGE, `${VERIFIER}=`],
  refresh_token: [null, '', 'unknown'],
  scope: ['', 'openid', 'profile', 'openid phone', 'openid email', 'unknown', 'openid "'],
  extra: ['', 'foobar'],
  client_id: ['', 'lax', 'unknown'],
} // biome-ignore format: a table

const NAMES = Object.keys(VALUES)
const change = fc
  .constantFrom(...NAMES)
  .chain((name) =>
    fc.constantFrom(...(VALUES[name] ?? [])).map((value): [string, string | null] => [name, value]),
  )
const usually = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.constantFrom(usual, usual, usual, ...others)

export const tokenCases: fc.Arbitrary<TokenCase> = fc.record({
  app: fc.constantFrom<TokenCase['app']>('ordinary', 'lax', 'public', 'once', 'program'),
  grant: fc.constantFrom<TokenCase['grant']>(
    'authorization_code',
    'authorization_code',
    'refresh_token',
    'refresh_token',
    'client_credentials',
  ),
  authorized: fc.constantFrom('openid', 'openid profile email', 'openid email', 'openid phone address'),
  authentication: usually<TokenCase['authentication']>(
    'registered',
    'other method',
    'wrong secret',
    'none',
    'unknown app',
  ),
  before: usually<TokenCase['before']>('nothing', 'used', 'of another app'),
  changes: fc.uniqueArray(change, { maxLength: 2, selector: ([name]) => name }),
})

type Fields = Readonly<Record<string, string>>

const isPublic = (app: TokenCase['app']): boolean =>
  'token_endpoint_auth_method' in APPS[app] && APPS[app].token_endpoint_auth_method === 'none'

function post(
  server: Server,
  app: TokenCase['app'],
  how: TokenCase['authentication'],
  form: Fields,
): Promise<Reply> {
  const basic = (id: string, secret: string): Fields => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  })
  const secret = server.secrets[app]
  const id = how === 'unknown app' ? 'unknown-app' : app
  const [headers, fields]: [Fields, Fields] =
    how === 'none'
      ? [{}, {}]
      : isPublic(app)
        ? how === 'wrong secret'
          ? [{}, { client_id: id, client_secret: 'wrong' }]
          : [{}, { client_id: id }]
        : how === 'other method'
          ? [{}, { client_id: id, client_secret: secret }]
          : [basic(id, how === 'wrong secret' ? 'wrong' : secret), {}]
  const body = new URLSearchParams({ ...fields, ...form }).toString()
  return server.stranger().send('POST', server.paths.token, body, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })
}

const exchange = (code: string): Fields => ({
  grant_type: 'authorization_code',
  code,
  redirect_uri: REDIRECT,
  code_verifier: VERIFIER,
})

async function codeOf(server: Server, app: AppName, scope: string): Promise<string> {
  const parameters: Parameters = [
    ['client_id', app],
    ['redirect_uri', REDIRECT],
    ['response_type', 'code'],
    ['scope', scope],
    ['nonce', 'a nonce'],
    ['code_challenge', CHALLENGE],
    ['code_challenge_method', 'S256'],
  ]
  const { code } = await authorize(server, parameters)
  if (code !== null) return code
  // a code or a token that is used twice ends what the person has allowed, at oidc-provider
  await server.allow(app)
  const again = await authorize(server, parameters)
  if (again.code === null) throw new Error(`no code: ${JSON.stringify(again.outcome)}`)
  return again.code
}

/** Authorizes what the case needs, and sends its request. */
export async function sendToken(server: Server, one: TokenCase): Promise<TokenOutcome> {
  const { app, grant, authentication, before } = one
  const form = await formOfCase(server, one)
  const changed = Object.entries({ ...form, ...Object.fromEntries(one.changes) })
  const sent = Object.fromEntries(changed.filter((entry): entry is [string, string] => entry[1] !== null))
  if (before === 'used' && grant !== 'client_credentials') await post(server, app, 'registered', form)
  return await outcomeOf(server, await post(server, app, authentication, sent))
}

async function formOfCase(server: Server, { app, grant, authorized, before }: TokenCase): Promise<Fields> {
  if (grant === 'client_credentials') return { grant_type: grant }
  // what has no users, and what the case is not about, is of an app that has some
  const other = app === 'lax' ? 'ordinary' : 'lax'
  const owner = before === 'of another app' || app === 'program' ? other : app
  if (grant === 'authorization_code') return exchange(await codeOf(server, owner, authorized))
  const source = owner === 'once' ? 'lax' : owner
  const { body } = await post(
    server,
    source as TokenCase['app'],
    'registered',
    exchange(await codeOf(server, source, authorized)),
  )
  return { grant_type: grant, refresh_token: body.refresh_token }
}

async function outcomeOf(server: Server, { status, body }: Reply): Promise<TokenOutcome> {
  const members = Object.keys(body).filter((name) => !/^error_/.test(name))
  const idToken =
    body.id_token === undefined
      ? []
      : Object.keys(JSON.parse(Buffer.from(body.id_token.split('.')[1], 'base64url').toString()))
  return {
    status,
    error: body.error ?? null,
    members: members.sort(),
    scope: body.scope?.split(' ').sort().join(' ') ?? null,
    idToken: idToken.sort(),
    userinfo: body.id_token === undefined ? null : await userinfo(server, body.access_token),
  }
}

async function userinfo(server: Server, token: string): Promise<string[]> {
  const headers = { authorization: `Bearer ${token}` }
  const { body } = await server.stranger().get(server.paths.userinfo, { headers })
  return Object.keys(body).sort()
}
