/**
 * What the scripted identity providers of tests (fake-provider.ts) answer: discovery, keys, authorization, tokens and profiles.
 * Each is as strict about its client as provider-quirks.ts says of the real one.
 */
import {
  createHash,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { ConnectionSettings, ProviderId } from '../core/providers/index.ts'
import { type Claims, type Granted, QUIRKS, type Quirks } from './provider-quirks.ts'

export type FakeId = Exclude<ProviderId, 'saml'>

/** What an address answers instead of what it should. */
export type Fault =
  | 'html' | 'text' | 'slow' | 'down' | 'redirect' | 'huge'
  | { status: number; body: unknown } // biome-ignore format: a union

/** What a provider does otherwise than an honest one. */
export interface Script {
  discovery?: Fault
  jwks?: Fault
  token?: Fault
  userinfo?: Fault
  api?: Fault
  /** Members of the discovery document; undefined removes one. */
  metadata?: Claims
  /** The error of the authorization endpoint. */
  denies?: string
  /** Parameters of the callback; undefined removes one. */
  callback?: Record<string, string | undefined>
  /** Claims and header of the ID token; undefined removes one. */
  claims?: Claims
  header?: Claims
  /** `none`: without a signature; `secret`: HS256 with the client secret; `stranger`: by a key that is not published. */
  signature?: 'none' | 'secret' | 'stranger'
  /** Members of the token endpoint's answer. */
  tokens?: Claims
  /** Members of the userinfo endpoint's answer. */
  info?: Claims
}

export interface FakeProvider {
  id: FakeId
  clientId: string
  /** The client secret; Apple's is the private key that it is made with. */
  secret: string
  settings: ConnectionSettings
  /** Who signs in, as the provider describes them. */
  user: Claims
  script: Script
  /** A new signing key; the old one is no longer published. @param kid its id, by default a new one */
  rotate(kid?: string): void
  /** Tokens that were revoked. */
  revoked: string[]
}

interface SigningKey {
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
}

interface Grant extends Granted {
  redirectUri: string
  challenge: string | undefined
  nonce: string | undefined
  isUsed: boolean
}

/** Made once: RSA keys take time. */
const pools: Record<'RS256' | 'ES256', Omit<SigningKey, 'kid'>[]> = { RS256: [], ES256: [] }
function keyAt(alg: 'RS256' | 'ES256', n: number): Omit<SigningKey, 'kid'> {
  const pool = pools[alg]
  while (pool.length <= n)
    pool.push(
      alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    )
  return pool[n] as Omit<SigningKey, 'kid'>
}

/** The key that is never published; the others take turns. */
const STRANGER = 1
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export interface FakeState extends FakeProvider {
  quirks: Quirks
  /** Addresses by what they are. */
  parts: Record<string, string>
  key: SigningKey
  grants: Map<string, Grant>
  /** Grants by access token. */
  accesses: Map<string, Grant>
}

export function newState(id: FakeId, own: <T>(value: T) => T): FakeState {
  const source = QUIRKS[id]
  const alg = source.alg ?? 'RS256'
  const { idToken, api, ...data } = source
  const quirks: Quirks = {
    ...own(data),
    api,
    ...(idToken && { idToken: (...given) => own(idToken(...given)) }),
  }
  const { authorize, token, discovery, jwks, userinfo, revocation } = quirks
  const named = { authorize, token, discovery, jwks, userinfo, revocation }
  const parts = Object.fromEntries(Object.entries(named).filter(([, address]) => address !== undefined))
  for (const address of Object.keys(api)) parts[address] = address
  let keys = 0
  const apple = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const state: FakeState = {
    id,
    clientId: quirks.client === 'apple' ? 'com.example.signin' : `client of ${id}: 1`,
    secret:
      quirks.client === 'apple'
        ? String(apple.privateKey.export({ type: 'pkcs8', format: 'pem' }))
        : `secret of ${id}, with a colon: %/+`,
    settings: quirks.settings ?? {},
    user: structuredClone(quirks.user),
    script: {},
    revoked: [],
    quirks,
    parts: parts as Record<string, string>,
    key: { kid: `${id}-0`, ...keyAt(alg, 0) },
    grants: new Map(),
    accesses: new Map(),
    rotate(kid) {
      keys += 1
      state.key = { kid: kid ?? `${id}-${keys}`, ...keyAt(alg, keys % 2 === 0 ? 0 : 2) }
    },
  }
  return state
}

/** Microsoft and Entra share a host; the client tells them apart where the path does not. */
export function isOfClient(
  { clientId, id, accesses }: FakeState,
  request: IncomingMessage,
  url: URL,
): boolean {
  if (id !== 'entra' && id !== 'microsoft') return true
  const token = request.headers.authorization?.replace(/^Bearer /, '')
  if (token !== undefined) return accesses.has(token)
  const named = url.searchParams.get('client_id')
  return named === null || named === clientId
}

export interface FakeReply {
  status: number
  body: unknown
  headers?: Record<string, string>
}

export function respond(
  fake: FakeState,
  part: string,
  url: URL,
  request: IncomingMessage,
  form: Record<string, string>,
  clock: { now(): Date },
): FakeReply {
  switch (part) {
    case 'discovery':
      return { status: 200, body: metadataOf(fake) }
    case 'jwks':
      return { status: 200, body: { keys: [published(fake)] } }
    case 'authorize':
      return authorize(fake, url)
    case 'token':
      return redeem(fake, request, form, clock)
    case 'revocation':
      if (!isClient(fake, request, form, clock)) return refusal(fake, 'invalid_client')
      fake.revoked.push(form.token ?? '')
      return { status: 200, body: '' }
    default:
      return read(fake, part, request, url)
  }
}

function metadataOf({ parts, quirks, script }: FakeState): Claims {
  return {
    issuer: quirks.issuer,
    authorization_endpoint: parts.authorize,
    token_endpoint: parts.token,
    jwks_uri: parts.jwks,
    userinfo_endpoint: parts.userinfo,
    revocation_endpoint: parts.revocation,
    token_endpoint_auth_methods_supported: [`client_secret_${quirks.client === 'basic' ? 'basic' : 'post'}`],
    // as Auth0 lists it
    id_token_signing_alg_values_supported: ['HS256', quirks.alg],
    ...quirks.metadata,
    ...script.metadata,
  }
}

const published = ({ key, quirks }: FakeState): Claims => ({
  ...key.publicKey.export({ format: 'jwk' }),
  kid: key.kid,
  use: 'sig',
  alg: quirks.alg,
})

function refusal({ quirks }: FakeState, error: string): FakeReply {
  const body = quirks.errors === 200 ? { ok: false, error } : { error, error_description: 'as scripted' }
  return { status: quirks.errors, body }
}

function authorize(fake: FakeState, url: URL): FakeReply {
  const { quirks, script, clientId, id } = fake
  const parameters = Object.fromEntries(url.searchParams)
  const { redirect_uri = '', state = '', scope = '', code_challenge: challenge } = parameters
  const scopes = scope.split(' ')
  const faults = [
    parameters.client_id !== clientId && 'client_id',
    parameters.response_type !== 'code' && 'response_type',
    !URL.canParse(redirect_uri) && 'redirect_uri',
    state === '' && 'state',
    !quirks.needs.scopes.every((one) => scopes.includes(one)) && 'scope',
    new Set([...url.searchParams.keys()]).size !== url.searchParams.size && 'repeated parameters',
    quirks.pkce === 'required' && !challenge && 'code_challenge',
    challenge !== undefined && parameters.code_challenge_method !== 'S256' && 'code_challenge_method',
    id === 'google' && /login/.test(parameters.prompt ?? '') && 'prompt',
    quirks.formPost && parameters.response_mode !== 'form_post' && 'response_mode',
  ].filter(Boolean)
  if (faults.length > 0) return { status: 400, body: `refused: ${faults.join(', ')}` }
  const code = randomBytes(16).toString('base64url')
  const { nonce } = parameters
  fake.grants.set(code, {
    clientId,
    scopes,
    parameters,
    redirectUri: redirect_uri,
    challenge,
    nonce,
    isUsed: false,
  })
  const iss = quirks.metadata?.authorization_response_iss_parameter_supported ? quirks.issuer : undefined
  const named =
    script.denies === undefined ? { code } : { error: script.denies, error_description: 'as scripted' }
  const user = quirks.formPost && fake.user.name ? JSON.stringify({ name: fake.user.name }) : undefined
  const answer = Object.entries({ ...named, state, iss, user, ...script.callback })
  const given = answer.filter((entry): entry is [string, string] => entry[1] !== undefined)
  if (quirks.formPost)
    return { status: 200, body: formPost(redirect_uri, given), headers: { 'content-type': 'text/html' } }
  const location = new URL(redirect_uri)
  for (const [name, value] of given) location.searchParams.set(name, value)
  return { status: 302, body: '', headers: { location: location.href } }
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
export const unescaped = (text: string): string => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&')

const formPost = (action: string, members: readonly [string, string][]): string =>
  `<!doctype html><body onload="document.forms[0].submit()"><form method="post" action="${escaped(action)}">${members
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`)
    .join('')}</form>`

function isClient(
  { quirks, clientId, secret, settings }: FakeState,
  request: IncomingMessage,
  form: Record<string, string>,
  clock: { now(): Date },
): boolean {
  const { authorization = '' } = request.headers
  if (quirks.client === 'basic') {
    const encoded = [clientId, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1))
    return authorization === `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
  }
  if (form.client_id !== clientId) return false
  if (quirks.client === 'post') return form.client_secret === secret && authorization === ''
  const [header = '', payload = '', signature = ''] = (form.client_secret ?? '').split('.')
  const [head, claims] = [header, payload].map((part) =>
    JSON.parse(Buffer.from(part, 'base64url').toString()),
  )
  const seconds = clock.now().getTime() / 1000
  return (
    head.alg === 'ES256' && head.kid === settings.key_id && claims.iss === settings.team_id &&
    claims.sub === clientId && claims.aud === 'https://appleid.apple.com' &&
    claims.iat <= seconds && claims.exp > seconds && claims.exp - claims.iat <= 300 &&
    verify('sha256', Buffer.from(`${header}.${payload}`), { key: secret, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
  ) // biome-ignore format: a list
}

function redeem(
  fake: FakeState,
  request: IncomingMessage,
  form: Record<string, string>,
  clock: { now(): Date },
): FakeReply {
  const { quirks, script } = fake
  const grant = fake.grants.get(form.code ?? '')
  // LinkedIn and Slack take a verifier for another kind of client
  if (!isClient(fake, request, form, clock) || (quirks.pkce === 'refused' && form.code_verifier))
    return refusal(fake, quirks.errors === 200 ? 'incorrect_client_credentials' : 'invalid_client')
  const challenge = createHash('sha256')
    .update(form.code_verifier ?? '')
    .digest('base64url')
  const isRight =
    form.grant_type === 'authorization_code' &&
    grant !== undefined && !grant.isUsed && grant.redirectUri === form.redirect_uri &&
    (grant.challenge === undefined ? form.code_verifier === undefined : grant.challenge === challenge) // biome-ignore format: a list
  if (!isRight) return refusal(fake, quirks.errors === 200 ? 'bad_verification_code' : 'invalid_grant')
  grant.isUsed = true
  const access = `access-${randomBytes(12).toString('base64url')}`
  fake.accesses.set(access, grant)
  const idToken = quirks.idToken && { id_token: mint(fake, grant, clock) }
  const refresh = /offline/.test(`${grant.scopes} ${grant.parameters.access_type}`) && {
    refresh_token: `refresh-${access}`,
  }
  const tokens = {
    access_token: access,
    token_type: 'Bearer',
    expires_in: 3600,
    scope: grant.scopes.join(' '),
  }
  return { status: 200, body: { ...tokens, ...idToken, ...refresh, ...script.tokens } }
}

function mint(fake: FakeState, grant: Grant, clock: { now(): Date }): string {
  const { quirks, script, key, clientId, secret, user } = fake
  const alg = quirks.alg ?? 'RS256'
  const iat = Math.floor(clock.now().getTime() / 1000)
  const nonce = quirks.nonce ? grant.nonce : undefined
  const claims = {
    ...quirks.idToken?.(user, grant),
    aud: clientId,
    iat,
    exp: iat + 300,
    nonce,
    ...script.claims,
  }
  const signed = { none: 'none', secret: 'HS256', stranger: alg }[script.signature ?? 'stranger']
  const text = `${b64({ alg: signed, kid: key.kid, typ: 'JWT', ...script.header })}.${b64(claims)}`
  if (script.signature === 'none') return `${text}.`
  if (script.signature === 'secret')
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  const { privateKey } = script.signature === 'stranger' ? keyAt(alg, STRANGER) : key
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

/** The userinfo endpoint, or an address of the provider's API. */
function read(fake: FakeState, part: string, request: IncomingMessage, url: URL): FakeReply {
  const { quirks, script, secret, user } = fake
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
  const grant = fake.accesses.get(token)
  if (!grant || !request.headers['user-agent']) return { status: 401, body: { message: 'Bad credentials' } }
  const proof = createHmac('sha256', secret).update(token).digest('hex')
  if (fake.id === 'facebook' && url.searchParams.get('appsecret_proof') !== proof)
    return {
      status: 400,
      body: { error: { message: 'API calls require an appsecret_proof', type: 'GraphMethodException' } },
    }
  const answer = part === 'userinfo' ? { ...user, ...script.info } : quirks.api[part]?.(user, grant)
  return { status: 200, body: answer }
}
