/** Generated requests: good ones of each app, with up to three parameters that are changed, left out, empty or sent twice. */
import fc from 'fast-check'
import { APPS, type AppName, NATIVE, type Parameters, REDIRECT, SECOND } from './oracle.ts'

export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
export const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

/** What a parameter is changed to; null: it is left out. */
export const VALUES: Readonly<Record<string, readonly (string | null)[]>> = {
  client_id: [null, 'unknown', '', 'ORDINARY'],
  redirect_uri: [
    null, '', SECOND, 'https://evil.example/', `${REDIRECT}/`, `${REDIRECT}?a=b`, `${REDIRECT}#a`, REDIRECT.toUpperCase(),
    'https://app.example.com/x/../callback', 'https://app.example.com@evil.example/callback', 'http://127.0.0.1:4711/callback',
    'http://localhost:4711/callback', 'javascript:alert(1)', 'not a url',
  ],
  response_type: [null, '', 'token', 'id_token', 'code id_token', 'none', 'CODE', 'code code'],
  response_mode: ['', 'query', 'form_post', 'fragment', 'web_message', 'jwt', 'QUERY'],
  scope: [
    null, '', 'openid profile', 'openid profile email roles organization', 'profile', 'openid unknown', 'unknown', 'openid  email',
    'openid "', 'openid phone address', 'address', 'offline_access', 'openid offline_access', 'OPENID',
  ],
  state: [null, '', 'a b&c=d#e', 'ä 🧑‍🚀', 'x'.repeat(2000), '"><script>'],
  nonce: [null, '', 'n'.repeat(300)],
  prompt: ['', 'none', 'login', 'consent', 'none login', 'login consent', 'unknown', 'select_account', 'NONE'],
  max_age: ['', '0', '-1', 'abc', '10000', '1.5', '99999999999', '1e3'],
  id_token_hint: ['', 'a.b.c', 'nonsense', 'eyJhbGciOiJub25lIn0.e30.'],
  login_hint: ['', 'x@example.com', 'x'.repeat(1000)],
  claims: [
    '', '{', '[]', '"x"', '{}', 'null', '{"userinfo":{"name":null}}', '{"userinfo":[]}', '{"id_token":{"auth_time":{"essential":true}}}',
    '{"userinfo":{"unknown":null}}', '{"id_token":{"sub":{"value":"another person"}}}', '{"userinfo":null}',
    '{"id_token":{"acr":{"essential":true,"value":"unknown"}}}',
  ],
  acr_values: ['', 'aal1', 'unknown', 'aal1 unknown'],
  code_challenge: [null, '', 'short', 'a'.repeat(129), 'ü'.repeat(43), `${'a'.repeat(42)}=`],
  code_challenge_method: [null, '', 'plain', 's256', 'S512'],
  request: ['', 'x', 'eyJhbGciOiJub25lIn0.e30.'],
  request_uri: ['', 'https://app.example.com/request', 'urn:ietf:params:oauth:request_uri:unknown'],
  registration: ['', '{}'],
  resource: ['', 'https://api.example.com/', 'not a url', 'https://api.example.com/#a'],
  display: ['', 'page', 'unknown'],
  ui_locales: ['', 'de', 'xx yy'],
  claims_locales: ['de'],
  id_token: ['x'],
  extra: ['', 'foobar'],
  constructor: ['x'],
} // biome-ignore format: a table

export interface AuthorizationCase {
  app: AppName
  method: 'GET' | 'POST'
  isSignedIn: boolean
  /** `name=value`; null leaves it out. */
  changes: readonly (readonly [string, string | null])[]
  /** A parameter that is sent twice. */
  twice: string | null
}

const NAMES = Object.keys(VALUES)
const change = fc
  .constantFrom(...NAMES)
  .chain((name) =>
    fc.constantFrom(...(VALUES[name] ?? [])).map((value): [string, string | null] => [name, value]),
  )

const often = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(usual, ...others) },
  )

const APP_NAMES = Object.keys(APPS) as AppName[]

export const authorizationCases: fc.Arbitrary<AuthorizationCase> = fc.record({
  app: fc.constantFrom<AppName>(...APP_NAMES, 'ordinary', 'lax', 'public'),
  method: fc.constantFrom('GET' as const, 'GET' as const, 'POST' as const),
  isSignedIn: often<boolean>(true, false),
  changes: fc.uniqueArray(change, { maxLength: 3, selector: ([name]) => name }),
  twice: often<string | null>(
    null,
    'state',
    'scope',
    'client_id',
    'redirect_uri',
    'response_type',
    'nonce',
    'extra',
  ),
})

export function parametersOf({ app, changes, twice }: AuthorizationCase): Parameters {
  const all = new Map<string, string | null>([
    ['client_id', app],
    ['redirect_uri', app === 'native' ? NATIVE : REDIRECT],
    ['response_type', 'code'],
    ['scope', 'openid'],
    ['state', 'a state'],
    ['nonce', 'a nonce'],
    ['code_challenge', CHALLENGE],
    ['code_challenge_method', 'S256'],
    ...changes,
  ])
  const sent = [...all].filter((entry): entry is [string, string] => entry[1] !== null)
  const repeated = sent.find(([name]) => name === twice)
  return repeated === undefined ? sent : [...sent, repeated]
}
