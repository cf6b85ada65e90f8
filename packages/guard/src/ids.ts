/** Request ids: a sane one of the caller is kept, else one is made that sorts by time, as the server's do. */
import { randomBytes } from 'node:crypto'

const SANE = /^[A-Za-z0-9._-]{1,128}$/

/** @param asked the caller's `X-Request-Id` */
export const requestId = (asked: string | undefined, now: number): string =>
  asked !== undefined && SANE.test(asked) ? asked : newRequestId(now)

/** `req_` and a UUIDv7 (RFC 9562 §5.7) in 32 hexadecimal digits. */
function newRequestId(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return `req_${bytes.toString('hex')}`
}
