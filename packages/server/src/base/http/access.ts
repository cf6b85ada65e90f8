/**
 * Who calls, and may they. `identify` finds the one credential of a request and has it checked; `admit` holds
 * the verdict against what the row needs, in this order: signed in, not limited, permitted, fresh.
 */
import { can } from '@latchkey/guard'
import type { CallSession, Principal } from '../call.ts'
import { duration } from '../clock.ts'
import { type Problem, problem } from '../errors.ts'
import type { Authenticator } from './authenticate.ts'
import type { Exchange } from './exchange.ts'
import type { Row } from './route.ts'
import { badRequest, hasBadCharacters } from './text.ts'

export interface Caller {
  principal: Principal | null
  session: CallSession | null
  /** Why the credential that came is not good; the row decides whether that matters. */
  refused: Problem | null
  /** The HTTP Basic credential, on rows that take one. */
  basic: { username: string; password: string } | null
}

export const NOBODY: Caller = Object.freeze({ principal: null, session: null, refused: null, basic: null })
const refusedToken: Caller = Object.freeze({ ...NOBODY, refused: problem('INVALID_TOKEN') })

/** Authorization wins over the cookie, also when it is no good. @throws Problem BAD_REQUEST */
export async function identify(row: Row, exchange: Exchange, authenticator: Authenticator): Promise<Caller> {
  if (row.anonymous) return NOBODY
  const { authorization } = exchange.req.headers
  if (authorization !== undefined) {
    assertOnce(exchange.req.rawHeaders)
    if (row.takesBasic && /^basic /i.test(authorization))
      return { ...NOBODY, basic: readBasic(authorization) }
    exchange.credential = 'bearer'
    const token = /^bearer +(st_[\w-]+)$/i.exec(authorization)?.[1]
    return token ? checked(row, exchange, authenticator, token, 'bearer') : refusedToken
  }
  const { session } = exchange.cookies
  if (session === undefined || session === '') return NOBODY
  exchange.credential = 'cookie'
  return session === null ? refusedToken : checked(row, exchange, authenticator, session, 'cookie')
}

async function checked(
  row: Row,
  exchange: Exchange,
  authenticator: Authenticator,
  token: string,
  via: CallSession['via'],
): Promise<Caller> {
  const verdict = await authenticator.session(token, via, exchange.now)
  if ('refused' in verdict) return { ...NOBODY, refused: verdict.refused }
  const { principal, session } = verdict
  // a session limited to changing the password is nobody's on rows that do not know of it
  if (session.limitedTo !== null && !row.limitedSession)
    return { ...NOBODY, refused: problem('PASSWORD_EXPIRED') }
  return { principal, session, refused: null, basic: null }
}

/** @returns why the row is closed to this caller, or null where it is open */
export function gate(row: Row): (caller: Caller, now: Date) => Problem | null {
  const { needs } = row
  const fresh = row.fresh === undefined ? null : duration(row.fresh)
  if (needs === undefined) return () => null
  return ({ principal, session, refused }, now) => {
    if (!principal || !session) return refused ?? problem('AUTHENTICATION_REQUIRED')
    if (needs !== 'session' && !can(principal, needs)) {
      return problem('INSUFFICIENT_PERMISSIONS', { details: { required: needs } })
    }
    if (fresh !== null && now.getTime() - session.authenticatedAt.getTime() > fresh) {
      return problem('STEP_UP_REQUIRED', { details: { max_age: fresh / 1000 } })
    }
    return null
  }
}

/** Two readers of a request must not see two credentials. */
function assertOnce(rawHeaders: readonly string[]): void {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === 'authorization') seen += 1
  }
  if (seen > 1) throw badRequest('There is more than one Authorization header.')
}

/** RFC 7617 §2; @throws Problem BAD_REQUEST where it is garbled */
function readBasic(authorization: string): { username: string; password: string } {
  const text = Buffer.from(authorization.slice(6).trim(), 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // U+FFFD stands where the bytes were no UTF-8
  if (colon < 1 || hasBadCharacters(text) || text.includes('\ufffd')) {
    throw badRequest('The Basic credential cannot be read.')
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
