/**
 * Reads a compact JWS without believing it: three parts, each canonical base64url, header and payload strict
 * JSON objects. Two spellings of one token would slip past a list of revoked ones, so there is only one.
 */
import { type JsonObject, readObject } from './json.ts'

export interface Jwt {
  readonly header: JsonObject
  readonly claims: JsonObject
  /** What is signed: the first two parts as they stand. */
  readonly signed: string
  readonly signature: Buffer
}

/** Three parts of base64url letters, none empty; RFC 7515 §3.1, RFC 4648 §5 without padding. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** @returns null where it is no JWT in RFC 7515 §3.1's compact form */
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

/** An issuer writes the same header into all its tokens; the last few are kept as they were read. */
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

/** Last letters whose unused bits are zero (RFC 4648 §3.5), by how many letters stand in the last group. */
const CANONICAL_ENDS = [null, '', 'AQgw', 'AEIMQUYcgkosw048']

/** @param text of the right alphabet. Node ignores left-over bits; several last letters would mean the same. */
function fromBase64url(text: string): Buffer | null {
  const ends = CANONICAL_ENDS[text.length % 4]
  if (typeof ends === 'string' && !ends.includes(text.at(-1) ?? ' ')) return null
  return Buffer.from(text, 'base64url')
}
