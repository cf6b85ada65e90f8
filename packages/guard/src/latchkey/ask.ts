/**
 * Asks the server who a credential belongs to (`GET auth/validate`), and believes nothing else. Requests that
 * bring the same credential at the same moment share one question; one that was put longer ago is not shared,
 * because the answer may be from before a revocation.
 */
import type { Now } from '../clock.ts'
import type { Credential } from '../credentials.ts'
import { type Fetch, get, unreachable } from '../outbound.ts'
import { makePrincipal, type Principal } from '../principal.ts'
import { isProblemCode, type Problem, problem, refusedToken } from '../problem.ts'

/** What the server says of a good credential. */
export interface Vouched {
  readonly principal: Principal
  readonly userId: string
  readonly tokenId: string | null
  readonly sessionId: string | null
  readonly keyId: string | null
}

export type Answered = Vouched | Problem

export interface AskOptions {
  url: string
  fetch: Fetch
  now: Now
  /** Milliseconds. */
  timeout: number
}

const SHARED_FOR = 100
const MAX_BYTES = 65_536

export type Ask = (credential: Credential) => Promise<Answered>

export function asker(options: AskOptions): Ask {
  const { now } = options
  const open = new Map<string, { at: number; answer: Promise<Answered> }>()
  return (credential) => {
    const name = `${credential.kind} ${credential.digest}`
    const shared = open.get(name)
    if (shared !== undefined && Math.abs(now() - shared.at) < SHARED_FOR) return shared.answer
    const answer = put(credential, options).finally(() => {
      if (open.get(name)?.answer === answer) open.delete(name)
    })
    open.set(name, { at: now(), answer })
    return answer
  }
}

async function put(credential: Credential, { url, fetch, timeout, now }: AskOptions): Promise<Answered> {
  const headers = { ...carry(credential), accept: 'application/vnd.latchkey.standard+json' }
  try {
    const answer = await get(fetch, url, { headers, timeout, maxBytes: MAX_BYTES })
    const body: unknown = JSON.parse(answer.text)
    return answer.status === 200 ? vouched(body, now()) : refused(answer.status, body, answer.headers)
  } catch (error) {
    return unreachable('the server cannot be asked', error)
  }
}

const carry = ({ kind, value }: Credential): Record<string, string> =>
  kind === 'bearer' ? { authorization: `Bearer ${value}` } : { 'x-api-key': value }

function vouched(body: unknown, now: number): Answered {
  const data = memberOf(body, 'data')
  const userId = data.user_id
  const isRead =
    typeof userId === 'string' && userId !== '' && isTexts(data.roles) && isTexts(data.permissions)
  if (!isRead || typeof data.method !== 'string')
    return unreachable('the answer of the server cannot be read')
  const expiresAt = dateOf(data.expires_at)
  if (expiresAt !== null && expiresAt.getTime() <= now)
    return data.method === 'session' ? problem('SESSION_EXPIRED') : problem('TOKEN_EXPIRED')
  const [sessionId, keyId, tokenId] = [textOf(data.session_id), textOf(data.key_id), textOf(data.token_id)]
  const principal = makePrincipal(
    {
      userId,
      username: textOf(data.username),
      role: textOf(data.role),
      roles: data.roles as string[],
      permissions: data.permissions as string[],
      organizationId: textOf(data.organization_id),
      organizationRole: textOf(data.organization_role),
      organizationPermissions: isTexts(data.organization_permissions) ? data.organization_permissions : [],
      sessionId,
      keyId,
      tokenId,
      amr: isTexts(data.amr) ? data.amr : [],
      authenticatedAt: dateOf(data.authenticated_at),
      expiresAt,
    },
    data.method,
    Object.freeze(data),
  )
  return { principal, userId, tokenId, sessionId, keyId }
}

/** The server's refusal in its own words; what is no refusal of a credential is no answer. */
function refused(status: number, body: unknown, headers: Headers): Problem {
  if (status === 429)
    return unreachable('the server is asked too often', undefined, Number(headers.get('retry-after')) || 5)
  if (status !== 400 && status !== 401 && status !== 403 && status !== 423)
    return unreachable(`the server answered ${status}`)
  const { code, message, details } = memberOf(body, 'error')
  if (!isProblemCode(code)) return refusedToken(`the server answered ${status}`)
  const options = { reason: 'the server refuses it', details: isDetails(details) ? details : undefined }
  const found = problem(code, { ...options, message: typeof message === 'string' ? message : undefined })
  return found.status === status ? found : refusedToken(`the server answered ${status} ${code}`)
}

function memberOf(body: unknown, name: string): Record<string, unknown> {
  const value =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((member) => typeof member === 'string')
const isDetails = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function dateOf(value: unknown): Date | null {
  const date = typeof value === 'string' ? new Date(value) : null
  return date !== null && !Number.isNaN(date.getTime()) ? date : null
}
