/**
 * ID tokens (OpenID Connect Core §2): who has signed in to an app, signed by keys apart from those of access tokens. They are made
 * here, and read where an app sends one back as a hint, which may have expired (§3.1.2.1, RP-Initiated Logout §4).
 */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import type { Acr } from '../../../base/assurance.ts'
import { sha256 } from '../../../base/crypto.ts'
import type { Client } from '../../../core/clients/index.ts'
import { seconds } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** Milliseconds that an app has to read an ID token in. */
export const ID_TOKEN_LIFETIME = 3_600_000

/** What an ID token says. */
export interface IdTokenContents {
  client: Client
  /** By what the app knows the user and the session. */
  sub: string
  sid: string | null
  authorized: { at: Date; acr: Acr; amr: readonly string[] }
  nonce: string | null
  /** That was issued with it; `at_hash` is its digest (§3.1.3.6). */
  accessToken: string
  /** Claims of the user that the app has named for it. */
  profile: Readonly<Record<string, unknown>>
}

export function makeIdToken(
  { config, keys }: Pick<Tools, 'config' | 'keys'>,
  { client, sub, sid, authorized, nonce, accessToken, profile }: IdTokenContents,
  now: Date,
): Promise<string> {
  const iat = seconds(now)
  const claims = {
    iss: config.publicUrl,
    sub,
    aud: client.id,
    exp: iat + ID_TOKEN_LIFETIME / 1000,
    iat,
    auth_time: seconds(authorized.at),
    acr: authorized.acr,
    amr: authorized.amr,
    ...(nonce !== null && { nonce }),
    ...(sid !== null && { sid }),
    at_hash: sha256(accessToken).toString('base64url', 0, 16),
    ...profile,
  }
  return keys.signIdToken(client.settings.id_token_signed_response_alg, 'JWT', claims, now)
}

/** An ID token of ours that comes back. */
export interface IdTokenHint {
  clientId: string
  /** By what the app knows the user and the session. */
  sub: string
  sid: string | null
}

const JWT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
const ALGORITHMS: readonly unknown[] = ['RS256', 'ES256']

/** @returns what the token says, expired or not; null for any text but an ID token that this server has signed */
export async function readIdTokenHint(
  { config, keys }: Pick<Tools, 'config' | 'keys'>,
  text: string,
): Promise<IdTokenHint | null> {
  const [, head = '', body = '', signature = ''] = JWT.exec(text) ?? []
  const header = objectOf(head)
  const claims = objectOf(body)
  if (header === null || claims === null || typeof header.kid !== 'string') return null
  // the same keys sign logout tokens (RFC 8725 §3.11)
  if (header.typ !== 'JWT') return null
  const jwk = await keys.findVerifier(header.kid)
  // the key says which algorithm it is for, never the token (RFC 8725 §3.1)
  if (jwk === null || header.alg !== jwk.alg || !ALGORITHMS.includes(jwk.alg)) return null
  if (!isSigned(jwk, `${head}.${body}`, signature)) return null
  const { iss, sub, aud, sid } = claims
  if (iss !== config.publicUrl || typeof sub !== 'string' || typeof aud !== 'string') return null
  return { sub, clientId: aud, sid: typeof sid === 'string' ? sid : null }
}

function isSigned(jwk: JsonWebKey, signed: string, signature: string): boolean {
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const }
  return verify('sha256', Buffer.from(signed), key, Buffer.from(signature, 'base64url'))
}

function objectOf(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
