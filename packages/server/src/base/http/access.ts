/**
 * Who calls, and may they. `identify` finds the one credential of a request and has it checked; `admit` holds
 * the verdict against what the row needs, in this order: signed in, not limited, permitted, fresh.
 */
import { can } from '@latchkey/guard'
import type { CallSession, Principal } from '../call.ts'
import { duration } from '../clock.ts'
import { type Problem, problem } from '../errors.ts'
import type { Authenticator, Credential } from './authenticate.ts'
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
    if (exchange.req.headers['x-api-key'] !== undefined) throw twoCredentials()
    exchange.credential = 'bearer'
    const credential = credentialIn(authorization)
    return credential ? checked(row, exchange, authenticator, credential) : refusedToken
  }
  const key = exchange.req.headers['x-api-key']
  if (key !== undefined) {
    exchange.credential = 'bearer'
    return checked(row, exchange, authenticator, { kind: 'api_key', token: String(key) })
  }
  const { session } = exchange.cookies
  if (session === undefined || session === '') return NOBODY
  exchange.credential = 'cookie'
  if (session === null) return refusedToken
  return checked(row, exchange, authenticator, { kind: 'session', token: session, via: 'cookie' })
}

/** RFC 6750 §2.1 and our `Api-Key`; the kind follows from the form. Null where it is none of ours. */
function credentialIn(authorization: string): Credential | null {
  const [, scheme, token] = /^(bearer|api-key) ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? []
  if (!scheme || !token) return null
  if (scheme.toLowerCase() === 'api-key') return { kind: 'api_key', token }
  if (token.startsWith('st_')) return { kind: 'session', token, via: 'bearer' }
  if (token.includes('.')) return { kind: 'access_token', token }
  return /^[a-z][a-z0-9]*_(live|test)_/.test(token) ? { kind: 'api_key', token } : null
}

const twoCredentials = () => badRequest('The request carries two credentials.')

async function checked(
  row: Row,
  exchange: Exchange,
  authenticator: Authenticator,
  credential: Credential,
): Promise<Caller> {
  const verdict = await authenticator.check(credential, exchange.now)
  if ('refused' in verdict) return { ...NOBODY, refused: verdict.refused }
  const { principal, session } = verdict
  // a session limited to changing the password is nobody's on rows that do not know of it
  if (session !== null && session.limitedTo !== null && !row.limitedSession)
    return { ...NOBODY, refused: problem('PASSWORD_EXPIRED') }
  return { principal, session, refused: null, basic: null }
}

const NO_SESSION = 'This is for a person who is signed in; an API key is not enough.'

/** @returns why the row is closed to this caller, or null where it is open */
export function gate(row: Row): (caller: Caller, now: Date) => Problem | null {
  const { needs } = row
  const fresh = row.fresh === undefined ? null : duration(row.fresh)
  if (needs === undefined) return () => null
  return ({ principal, session, refused }, now) => {
    if (!principal) return refused ?? problem('AUTHENTICATION_REQUIRED')
    if (needs === 'session' && !session) return problem('AUTHENTICATION_REQUIRED', { message: NO_SESSION })
    if (needs !== 'session' && needs !== 'caller' && !can(principal, needs)) {
      return problem('INSUFFICIENT_PERMISSIONS', { details: { required: needs } })
    }
    // a key has no moment at which somebody proved who they are
    if (fresh !== null && (session ? now.getTime() - session.authenticatedAt.getTime() > fresh : true)) {
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
