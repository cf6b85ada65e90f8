/**
 * Who calls, and may they. `identify` finds the one credential of a request and has it checked; `admit` holds
 * the verdict against what the row needs, in this order: signed in, permitted, fresh.
 */
import { can } from '@latchkey/guard'
import type { Config } from '../../../config.ts'
import type { CallOrganization, Principal } from '../../call.ts'
import { duration } from '../../clock.ts'
import { type Problem, problem } from '../../errors.ts'
import { isId } from '../../ids.ts'
import type { Row } from '../row/route.ts'
import type { Authenticator, Caller, Credential, MembershipLookup } from './authenticate.ts'
import type { Exchange } from './exchange.ts'
import { parseForm } from './form.ts'
import { badRequest, hasBadCharacters } from './text.ts'

export const NOBODY: Caller = Object.freeze({
  principal: null,
  session: null,
  organization: null,
  refused: null,
  basic: null,
  isExplicit: false,
})
const refusedToken: Caller = Object.freeze({ ...NOBODY, refused: problem('INVALID_TOKEN') })

/** What finding a caller needs of the house. */
interface Means {
  authenticator: Authenticator
  config: Pick<Config, 'apiKeyInQuery'>
}

/** Whoever names a credential wins over the cookie, also when it is no good. @throws Problem BAD_REQUEST */
export async function identify(row: Row, exchange: Exchange, means: Means): Promise<Caller> {
  if (row.anonymous) return NOBODY
  const { authorization, 'x-api-key': header } = exchange.req.headers
  const inQuery = means.config.apiKeyInQuery ? keyInQuery(exchange.url) : undefined
  if (authorization !== undefined || header !== undefined) {
    assertOnce(exchange.req.rawHeaders)
    if (inQuery !== undefined || (authorization !== undefined && header !== undefined)) throw twoCredentials()
    if (authorization !== undefined && row.takesBasic && /^basic /i.test(authorization))
      return { ...NOBODY, basic: readBasic(authorization) }
    exchange.credential = 'bearer'
    const credential = authorization === undefined ? apiKey(String(header)) : credentialIn(authorization)
    if (!credential) return refusedToken
    return { ...(await checked(exchange, means, credential)), isExplicit: true }
  }
  if (inQuery !== undefined) {
    exchange.credential = 'bearer'
    return checked(exchange, means, apiKey(inQuery))
  }
  const { session } = exchange.cookies
  if (session === undefined || session === '') return NOBODY
  exchange.credential = 'cookie'
  if (session === null) return refusedToken
  return checked(exchange, means, { kind: 'session', token: session, via: 'cookie' })
}

const apiKey = (token: string): Credential => ({ kind: 'api_key', token })

/** RFC 6750 §5.3 says why this is off unless it is asked for. */
function keyInQuery(url: string): string | undefined {
  const mark = url.indexOf('?')
  return mark !== -1 && url.includes('api_key=', mark) ? parseForm(url.slice(mark + 1)).api_key : undefined
}

/** RFC 6750 §2.1 and our `Api-Key`; the kind follows from the form. Null where it is none of ours. */
function credentialIn(authorization: string): Credential | null {
  const [, scheme, token] = /^(bearer|api-key) ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? []
  if (!scheme || !token) return null
  if (scheme.toLowerCase() === 'api-key') return apiKey(token)
  if (token.startsWith('st_')) return { kind: 'session', token, via: 'bearer' }
  if (token.includes('.')) return { kind: 'access_token', token }
  return /^[a-z][a-z0-9]*_(live|test)_/.test(token) ? apiKey(token) : null
}

export const twoCredentials = (): Problem => badRequest('The request carries two credentials.')

async function checked(
  exchange: Exchange,
  { authenticator }: Means,
  credential: Credential,
): Promise<Caller> {
  const verdict = await authenticator.check(credential, exchange.now)
  if ('refused' in verdict) return { ...NOBODY, refused: verdict.refused }
  const { principal, session, organization = null } = verdict
  return { ...NOBODY, principal, session, organization }
}

const NO_SESSION = 'This is for a person who is signed in; an API key is not enough.'

/** @returns why the row is closed to this caller, or null where it is open */
export function gate(row: Row): (caller: Caller, now: Date) => Problem | null {
  const { needs } = row
  const fresh = row.fresh === undefined ? null : duration(row.fresh)
  // an open row answers everybody; but who names a key where keys are taken means to be known by it
  if (needs === undefined)
    return ({ refused }) =>
      row.kind === 'api' && row.withKey && refused?.code === 'INVALID_API_KEY' ? refused : null
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

/** @returns what the caller is in the organization that the path names, or why the row is closed there */
export async function standing(
  row: Row,
  { principal, organization: acting }: { principal: Principal; organization: CallOrganization | null },
  params: unknown,
  lookup: MembershipLookup,
): Promise<CallOrganization | Problem> {
  const { id = '' } = params as { id?: string }
  const { organization: needed = '', deletedToo = false } = row
  const found = isId('org', id) ? await lookup(principal, id, { deletedToo, acting }) : null
  if (!found) return problem('NOT_FOUND')
  if (can(found, needed)) return found
  return problem('INSUFFICIENT_PERMISSIONS', { details: { required: needed, organization_id: id } })
}

/** Two readers of a request must not see two credentials. */
function assertOnce(rawHeaders: readonly string[]): void {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (/^(?:authorization|x-api-key)$/i.test(rawHeaders[i] ?? '')) seen += 1
  }
  if (seen > 1) throw twoCredentials()
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
