/**
 * Request ids: a well-formed id of the caller is kept; otherwise one is generated that sorts by time, as the
 * server's.
 */
import { randomBytes } from 'node:crypto'

const SANE = /^[A-Za-z0-9._-]{1,128}$/

/**
 * @param requested the `X-Request-Id` of the request
 * @param now milliseconds since the Unix epoch
 */
export const requestId = (requested: string | undefined, now: number): string =>
  requested !== undefined && SANE.test(requested) ? requested : newRequestId(now)

/** `req_` and a UUIDv7 (RFC 9562 §5.7) in 32 hexadecimal digits. */
function newRequestId(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return `req_${bytes.toString('hex')}`
}
