/**
 * What every module of the conformance suite checks in passing: the answers of the authorization endpoint, of the token endpoint
 * and of userinfo, ID tokens, metadata and keys. Verified by jose, a judge that is not ours.
 */
import { createHash } from 'node:crypto'
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { expect } from 'vitest'
import type { Json, Reply } from '../../packages/server/src/testing/client.ts'

export type Fields = Readonly<Record<string, string>>

/** Shannon's entropy of the text, times its length: what the suite takes for the bits of a secret. */
export function bitsOf(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  const perCharacter = [...counts.values()].reduce((sum, count) => {
    const share = count / text.length
    return sum - share * Math.log2(share)
  }, 0)
  return perCharacter * text.length
}

/** RFC 6749 appendix A.11, A.12, A.17 */
const VISIBLE = /^[\x20-\x7e]+$/
/** RFC 6749 §4.1.2.1, §5.2 */
export const DESCRIPTION = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/

function expectSecret(text: string | undefined): void {
  expect(text).toMatch(VISIBLE)
  expect((text ?? '').length * 8).toBeGreaterThanOrEqual(128)
  expect(bitsOf(text ?? '')).toBeGreaterThanOrEqual(96)
}

/** An answer of the authorization endpoint at the app's address. @param request the parameters outside of any request object */
export function checkAnswer(answer: Fields, request: Fields, issuer: string): void {
  expect(answer.iss).toBe(issuer)
  expect(answer.state).toBe(request.state)
  const names = Object.keys(answer).filter((name) => name !== 'state' && name !== 'iss')
  if (answer.error === undefined) {
    expect(names).toEqual(['code'])
    expectSecret(answer.code)
  } else {
    expect(names.filter((name) => name !== 'error_description')).toEqual(['error'])
    expect(answer.error).toMatch(DESCRIPTION)
    if (answer.error_description !== undefined) expect(answer.error_description).toMatch(DESCRIPTION)
  }
}

/** RFC 6749 §5.1 */
export function checkTokenAnswer({ status, headers, body }: Reply): void {
  expect(status).toBe(200)
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(headers.get('cache-control')?.split(/, */)).toContain('no-store')
  expect([null, 'no-cache']).toContain(headers.get('pragma'))
  expect(['access_token', 'expires_in', 'id_token', 'refresh_token', 'scope', 'token_type']).toEqual(
    expect.arrayContaining(Object.keys(body)),
  )
  expect(body.token_type.toLowerCase()).toBe('bearer')
  expect(Number.isInteger(body.expires_in) && body.expires_in > 0).toBe(true)
  expect(body.scope).toMatch(SCOPE)
  expectSecret(body.access_token)
  if (body.refresh_token !== undefined) expectSecret(body.refresh_token)
}

/** RFC 6749 §5.2 */
export function checkTokenError({ status, headers, body }: Reply, error: string): void {
  expect([body.error, status]).toEqual([error, error === 'invalid_client' ? 401 : 400])
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(headers.get('cache-control')).toContain('no-store')
  expect(Object.keys(body).filter((name) => name !== 'error_description')).toEqual(['error'])
  if (body.error_description !== undefined) expect(body.error_description).toMatch(DESCRIPTION)
}

/** Claims of OpenID Connect Core §2, and those of the extensions that we send. */
const ID_TOKEN_CLAIMS = [
  'acr',
  'amr',
  'at_hash',
  'aud',
  'auth_time',
  'exp',
  'iat',
  'iss',
  'nonce',
  'sid',
  'sub',
]

export interface Expected {
  issuer: string
  clientId: string
  nonce: string | undefined
  accessToken: string
  algorithm: string
  keys: JSONWebKeySet
  now: Date
}

/** OpenID Connect Core §3.1.3.7; claims that scopes ask for belong to userinfo (§5.4). */
export async function checkIdToken(idToken: string, expected: Expected): Promise<JWTPayload> {
  const { alg, kid, ...rest } = decodeProtectedHeader(idToken)
  expect([alg, typeof kid, rest]).toEqual([expected.algorithm, 'string', { typ: 'JWT' }])
  const { payload } = await jwtVerify(idToken, createLocalJWKSet(expected.keys), {
    issuer: expected.issuer,
    audience: expected.clientId,
    currentDate: expected.now,
    requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
  })
  expect(payload.aud).toBe(expected.clientId)
  expect(payload.sub).toMatch(/^[\x21-\x7e]{1,255}$/)
  expect(payload.nonce).toBe(expected.nonce)
  const digest = createHash('sha256').update(expected.accessToken).digest()
  expect(payload.at_hash).toBe(digest.subarray(0, 16).toString('base64url'))
  expect(Number.isInteger(payload.auth_time)).toBe(true)
  expect(Math.abs((payload.iat ?? 0) - expected.now.getTime() / 1000)).toBeLessThan(60)
  expect(Object.keys(payload).filter((name) => !ID_TOKEN_CLAIMS.includes(name))).toEqual([])
  return payload
}

/** OpenID Connect Core §5.1 */
const TYPES: Readonly<Record<string, string>> = {
  email_verified: 'boolean',
  phone_number_verified: 'boolean',
  address: 'object',
  updated_at: 'number',
}

/** OpenID Connect Core §5.3.2 */
export function checkUserinfo({ status, headers, body }: Reply, subject: unknown): void {
  expect(status).toBe(200)
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(body.sub).toBe(subject)
  for (const [name, value] of Object.entries(body)) {
    if (name === 'roles') expect(Array.isArray(value)).toBe(true)
    else expect([name, typeof value]).toEqual([name, TYPES[name] ?? 'string'])
  }
}

/** Members of OpenID Connect Discovery §3, its extensions, and the registry of RFC 8414; the suite warns of any other. */
const MEMBERS = [
  'issuer', 'authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'registration_endpoint', 'scopes_supported',
  'response_types_supported', 'response_modes_supported', 'grant_types_supported', 'acr_values_supported', 'subject_types_supported',
  'id_token_signing_alg_values_supported', 'userinfo_signing_alg_values_supported', 'request_object_signing_alg_values_supported',
  'token_endpoint_auth_methods_supported', 'token_endpoint_auth_signing_alg_values_supported', 'display_values_supported',
  'claim_types_supported', 'claims_supported', 'service_documentation', 'claims_locales_supported', 'ui_locales_supported',
  'claims_parameter_supported', 'request_parameter_supported', 'request_uri_parameter_supported', 'require_request_uri_registration',
  'op_policy_uri', 'op_tos_uri', 'revocation_endpoint', 'revocation_endpoint_auth_methods_supported',
  'revocation_endpoint_auth_signing_alg_values_supported', 'introspection_endpoint', 'introspection_endpoint_auth_methods_supported',
  'introspection_endpoint_auth_signing_alg_values_supported', 'code_challenge_methods_supported', 'end_session_endpoint',
  'backchannel_logout_supported', 'backchannel_logout_session_supported', 'prompt_values_supported',
  'authorization_response_iss_parameter_supported', 'device_authorization_endpoint', 'pushed_authorization_request_endpoint',
  'require_pushed_authorization_requests', 'dpop_signing_alg_values_supported', 'client_id_metadata_document_supported',
] // biome-ignore format: a list

/** @param issuer the address before `/.well-known/openid-configuration` */
export function checkMetadata({ status, headers, body }: Reply, issuer: string): void {
  expect([status, body.issuer]).toEqual([200, issuer])
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(Object.keys(body).filter((name) => !MEMBERS.includes(name))).toEqual([])
  for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'])
    expect(body[name]).toContain(`${issuer}/`)
  for (const [name, value] of Object.entries(body)) {
    if (/_(endpoint|uri)$/.test(name)) expect(new URL(String(value)).origin).toBe(issuer)
    // RFC 8414 §2: a list is an array, with a member
    if (/(?<!parameter|requests|logout|session|document)_supported$/.test(name))
      expect([name, Array.isArray(value) && value.length > 0]).toEqual([name, true])
  }
}

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** RFC 7517 §4.5, RFC 7518 §6: each key has a `kid` that no other has, and no private part. */
export function checkKeys(body: Json): void {
  expect(body.keys.length).toBeGreaterThan(0)
  const ids = body.keys.map(({ kid }: { kid: unknown }) => kid)
  expect(ids.every((kid: unknown) => typeof kid === 'string' && kid !== '')).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
  for (const key of body.keys as Record<string, unknown>[]) {
    expect(['RSA', 'EC', 'OKP']).toContain(key.kty)
    expect(Object.keys(key).filter((name) => PRIVATE.includes(name))).toEqual([])
    expect(key.use).toBe('sig')
    for (const name of ['n', 'e', 'x', 'y'])
      if (key[name] !== undefined) expect(key[name]).toMatch(/^[A-Za-z0-9_-]+$/)
    if (key.kty === 'RSA') expect(Buffer.from(String(key.n), 'base64url').length).toBeGreaterThanOrEqual(256)
  }
}
