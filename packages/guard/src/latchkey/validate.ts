/**
 * Remote validation: the server resolves a credential to a principal (`GET auth/validate`), and checks the CSRF token
 * of an unsafe request with a session cookie (`POST`). Concurrent requests with the same credential share one call
 * (single-flight), for 100 ms: an older call may have been answered before a revocation.
 */
import type { Now } from '../clock.ts'
import type { Credential } from '../credentials.ts'
import { isTexts } from '../options.ts'
import { exchange, type Fetch, unavailable } from '../outbound.ts'
import { makePrincipal, type Principal } from '../principal.ts'
import { invalidToken, isProblemCode, type Problem, problem } from '../problem.ts'
import { isWorkers } from '../runtime.ts'

/** The server's answer for a valid credential. */
export interface ValidCredential {
  readonly principal: Principal
  readonly userId: string
  readonly tokenId: string | null
  readonly sessionId: string | null
  readonly keyId: string | null
  /** Milliseconds until it expires, by the clock of the server; null where it does not expire. */
  readonly expiresIn: number | null
}

export type ValidationResult = ValidCredential | Problem

export interface ValidationOptions {
  url: string
  fetch: Fetch
  now: Now
  /** Milliseconds */
  timeout: number
}

const SHARED_FOR = 100
const MAX_BYTES = 65_536

/** @param csrfToken of an unsafe request whose credential is a session cookie */
export type ValidateCredential = (
  credential: Credential,
  csrfToken?: string | null,
) => Promise<ValidationResult>

export function credentialValidator(options: ValidationOptions): ValidateCredential {
  const { now } = options
  const open = new Map<string, { at: number; answer: Promise<ValidationResult> }>()
  return (credential, csrfToken = null) => {
    if (isWorkers) return sendRequest(credential, csrfToken, options)
    const name = `${credential.kind} ${credential.digest} ${csrfToken ?? ''}`
    const shared = open.get(name)
    if (shared !== undefined && Math.abs(now() - shared.at) < SHARED_FOR) return shared.answer
    const answer = sendRequest(credential, csrfToken, options).finally(() => {
      if (open.get(name)?.answer === answer) open.delete(name)
    })
    open.set(name, { at: now(), answer })
    return answer
  }
}

async function sendRequest(
  credential: Credential,
  csrfToken: string | null,
  { url, fetch, timeout, now }: ValidationOptions,
): Promise<ValidationResult> {
  const headers = {
    ...credentialHeaders(credential),
    ...(csrfToken === null ? {} : { 'x-csrf-token': csrfToken }),
    accept: 'application/vnd.latchkey.standard+json',
  }
  try {
    const method = csrfToken === null ? 'GET' : 'POST'
    const answer = await exchange(fetch, url, { method, headers, timeout, maxBytes: MAX_BYTES })
    const body: unknown = JSON.parse(answer.text)
    const time = Date.parse(answer.headers.get('date') ?? '') || now()
    return answer.status === 200 ? readValid(body, time) : problemOf(answer.status, body, answer.headers)
  } catch (error) {
    return unavailable('the server cannot be reached', error)
  }
}

function credentialHeaders({ kind, name, value }: Credential): Record<string, string> {
  if (kind === 'cookie') return { cookie: `${name}=${value}` }
  return kind === 'bearer' ? { authorization: `Bearer ${value}` } : { 'x-api-key': value }
}

/** @param time of the server, because its answer is relative to it */
function readValid(body: unknown, time: number): ValidationResult {
  const data = memberOf(body, 'data')
  const userId = data.user_id
  const isRead =
    typeof userId === 'string' && userId !== '' && isTexts(data.roles) && isTexts(data.permissions)
  if (!isRead || typeof data.method !== 'string') return unavailable('the answer of the server is malformed')
  const expiresAt = dateOf(data.expires_at)
  if (expiresAt !== null && expiresAt.getTime() <= time)
    return data.method === 'session' ? problem('SESSION_EXPIRED') : problem('TOKEN_EXPIRED')
  const [sessionId, keyId, tokenId] = [textOf(data.session_id), textOf(data.key_id), textOf(data.token_id)]
  const principal = makePrincipal(
    {
      userId,
      username: textOf(data.username),
      role: textOf(data.role),
      roles: data.roles as string[],
      permissions: data.permissions as string[],
      scopes: isTexts(data.scopes) ? data.scopes : [],
      organizationId: textOf(data.organization_id),
      organizationRole: textOf(data.organization_role),
      organizationPermissions: isTexts(data.organization_permissions) ? data.organization_permissions : [],
      sessionId,
      keyId,
      tokenId,
      amr: isTexts(data.amr) ? data.amr : [],
      acr: textOf(data.acr),
      authenticatedAt: dateOf(data.authenticated_at),
      expiresAt,
    },
    data.method,
    Object.freeze(data),
  )
  const expiresIn = expiresAt === null ? null : expiresAt.getTime() - time
  return { principal, userId, tokenId, sessionId, keyId, expiresIn }
}

/** Converts a refusal of the server into the same problem; any other answer is a 503. */
function problemOf(status: number, body: unknown, headers: Headers): Problem {
  if (status === 429)
    return unavailable('the server limits our requests', undefined, Number(headers.get('retry-after')) || 5)
  if (status !== 400 && status !== 401 && status !== 403 && status !== 423)
    return unavailable(`the server answered ${status}`)
  const { code, message, details } = memberOf(body, 'error')
  if (!isProblemCode(code)) return invalidToken(`the server answered ${status}`)
  const options = { reason: 'refused by the server', details: isDetails(details) ? details : undefined }
  const found = problem(code, { ...options, message: typeof message === 'string' ? message : undefined })
  return found.status === status ? found : invalidToken(`the server answered ${status} ${code}`)
}

function memberOf(body: unknown, name: string): Record<string, unknown> {
  const value =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const isDetails = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function dateOf(value: unknown): Date | null {
  const date = typeof value === 'string' ? new Date(value) : null
  return date !== null && !Number.isNaN(date.getTime()) ? date : null
}
