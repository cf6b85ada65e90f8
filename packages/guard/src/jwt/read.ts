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

/** @returns null where it is no JWT in RFC 7515 §3.1's compact form */
export function readJwt(token: string): Jwt | null {
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  if (first < 1 || last <= first + 1 || last === token.length - 1) return null
  if (token.indexOf('.', first + 1) !== last) return null
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

/** Node's decoder skips what it does not know and ignores left-over bits; writing it again shows both. */
function fromBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
