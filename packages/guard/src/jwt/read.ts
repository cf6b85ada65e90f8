/**
 * Parses a compact JWS without verifying it: three parts in canonical base64url, header and payload as strict JSON
 * objects. Only one encoding of a token is accepted; a second one could evade a cache or a revocation list.
 */
import { type JsonObject, readObject } from './json.ts'

export interface Jwt {
  readonly header: JsonObject
  readonly claims: JsonObject
  /** The signing input: the first two parts, undecoded (RFC 7515 §5.2). */
  readonly signed: string
  readonly signature: Buffer
}

/** Three non-empty parts of base64url characters; RFC 7515 §3.1, RFC 4648 §5 without padding. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** @returns null where the text is not a JWT in compact serialization (RFC 7515 §3.1) */
export function readJwt(token: string): Jwt | null {
  if (!COMPACT.test(token)) return null
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  const header = readHeader(token.slice(0, first))
  const claims = readPart(token.slice(first + 1, last))
  const signature = fromBase64url(token.slice(last + 1))
  if (!header || !claims || !signature) return null
  return { header, claims, signed: token.slice(0, last), signature }
}

/** Cache of parsed headers: an issuer uses the same header for all tokens. */
const headers = new Map<string, JsonObject>()
const KEPT_HEADERS = 16
const MAX_KEPT_LENGTH = 512

function readHeader(text: string): JsonObject | null {
  const kept = headers.get(text)
  if (kept !== undefined) return kept
  const header = readPart(text)
  if (header !== null && text.length <= MAX_KEPT_LENGTH) {
    if (headers.size >= KEPT_HEADERS) headers.clear()
    headers.set(text, header)
  }
  return header
}

function readPart(text: string): JsonObject | null {
  const bytes = fromBase64url(text)
  return bytes === null ? null : readObject(bytes)
}

/** Final characters whose unused bits are zero (RFC 4648 §3.5), by the number of characters in the last group. */
const CANONICAL_ENDS = [null, '', 'AQgw', 'AEIMQUYcgkosw048']

/**
 * Decodes canonical base64url. Node ignores unused bits, so that several final characters would decode alike.
 *
 * @param text base64url characters only
 */
function fromBase64url(text: string): Buffer | null {
  const ends = CANONICAL_ENDS[text.length % 4]
  if (typeof ends === 'string' && !ends.includes(text.at(-1) ?? ' ')) return null
  return Buffer.from(text, 'base64url')
}
