/**
 * Every body and header that the guard itself answers: refusals, and the companion login. Five styles, the
 * server's own (its base/present), each from the same facts. An answer is data; the adapters write it.
 */
import { requestId } from './ids.ts'
import { messageOf, type Problem } from './problem.ts'
import type { GuardRequest } from './request.ts'

export const STYLES = ['standard', 'meta', 'errors', 'detail', 'problem'] as const
/** The shape of a body. `Accept: application/vnd.latchkey.<style>+json` of a request wins. */
export type Style = (typeof STYLES)[number]

/** What the guard answers instead of your handler. */
export interface Answer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** What the frameworks say whose 403 this is, and the server where it is told to answer so. */
const NOT_AUTHENTICATED = 'Not authenticated'

interface Facts {
  readonly status: number
  readonly message: string
  readonly requestId: string
  readonly timestamp: string
  /** Where the codes are explained, for RFC 9457's `type`. */
  readonly docs: string | null
}

interface StyleWriter {
  failure(problem: Problem, facts: Facts): unknown
  success(data: unknown, facts: Facts): unknown
}

const metadata = (facts: Facts) => ({
  request_id: facts.requestId,
  version: '1.0',
  metadata: { timestamp: facts.timestamp, version: 'v1', request_id: facts.requestId },
})
const details = (problem: Problem) => problem.details ?? null

const STYLE_WRITERS: Readonly<Record<Style, StyleWriter>> = {
  standard: {
    failure: (problem, facts) => ({
      success: false,
      code: facts.status,
      message: problem.message,
      error: { code: problem.code, type: problem.type, message: problem.message, details: details(problem) },
      ...metadata(facts),
    }),
    success: (data, facts) => ({
      success: true,
      code: facts.status,
      message: facts.message,
      data,
      ...metadata(facts),
    }),
  },
  meta: {
    failure: (problem, facts) => ({
      ...metaHead(false, facts),
      error: { type: problem.type, details: details(problem) },
    }),
    success: (data, facts) => ({
      ...metaHead(true, facts),
      data,
      meta: { timestamp: facts.timestamp, version: 'v1' },
    }),
  },
  errors: {
    failure: (problem, facts) => ({
      errors: { error: problem.message },
      status_code: facts.status,
      value: null,
    }),
    success: (data, facts) => ({ errors: null, status_code: facts.status, value: data }),
  },
  detail: {
    failure: (_, facts) => ({ detail: facts.message }),
    success: (data) => data,
  },
  // RFC 9457 §3, with `code` and `request_id` as extension members (§3.2)
  problem: {
    failure: (problem, facts) => ({
      type: facts.docs === null ? 'about:blank' : `${facts.docs}#${problem.code}`,
      title: messageOf(problem.code),
      status: facts.status,
      detail: problem.message,
      code: problem.code,
      request_id: facts.requestId,
      ...(problem.details === undefined ? {} : { details: problem.details }),
    }),
    success: (data) => data,
  },
}

const metaHead = (success: boolean, facts: Facts) => ({
  version: '1.0',
  success,
  code: facts.status,
  message: facts.message,
  request_id: facts.requestId,
})

export interface PresenterOptions {
  style: Style
  /** Instead of 401, in the `detail` style alone. */
  unauthenticatedStatus: 401 | 403
  docs: string | null
  now: () => number
}

export interface Presenter {
  failure(problem: Problem, request: GuardRequest, challenges: readonly string[]): Answer
  success(data: unknown, message: string, request: GuardRequest): Answer
}

export function presenter(options: PresenterOptions): Presenter {
  const facts = (request: GuardRequest, status: number, message: string): Facts => {
    const now = options.now()
    return {
      status,
      message,
      requestId: requestId(request.header('x-request-id'), now),
      timestamp: new Date(now).toISOString(),
      docs: options.docs,
    }
  }
  return {
    failure(problem, request, challenges) {
      const style = askedStyle(request.header('accept')) ?? options.style
      const status =
        problem.status === 401 && style === 'detail' && options.style === 'detail'
          ? options.unauthenticatedStatus
          : problem.status
      const isNobody = status === 403 && problem.code === 'AUTHENTICATION_REQUIRED'
      const message = isNobody ? NOT_AUTHENTICATED : problem.message
      const known = facts(request, status, message)
      const type = style === 'problem' ? 'application/problem+json' : 'application/json; charset=utf-8'
      const headers = headersOf(known, type)
      if (challenges.length > 0) headers.push(['www-authenticate', challenges.join(', ')])
      const wait = problem.retryAfter ?? (status === 503 ? 5 : undefined)
      if (wait !== undefined) headers.push(['retry-after', `${Math.max(1, Math.ceil(wait))}`])
      return { status, headers, body: JSON.stringify(STYLE_WRITERS[style].failure(problem, known)) }
    },
    success(data, message, request) {
      const style = askedStyle(request.header('accept')) ?? options.style
      const known = facts(request, 200, message)
      const body = JSON.stringify(STYLE_WRITERS[style].success(data, known))
      return { status: 200, headers: headersOf(known, 'application/json; charset=utf-8'), body }
    },
  }
}

const headersOf = (facts: Facts, type: string): [string, string][] => [
  ['content-type', type],
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['x-request-id', facts.requestId],
]

/** The style that `Accept` asks for by name; the heaviest of several (RFC 9110 §12.5.1). */
function askedStyle(accept: string | undefined): Style | null {
  if (accept === undefined || !accept.includes('+json') || accept.length > 1024) return null
  const wishes = accept
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [type = '', ...parameters] = part.split(';').map((text) => text.trim())
      const style = styleNamed(type)
      const weight = Number(parameters.find((text) => text.startsWith('q='))?.slice(2) ?? 1)
      return style !== null && weight > 0 && weight <= 1 ? [{ style, weight }] : []
    })
  return wishes.sort((a, b) => b.weight - a.weight)[0]?.style ?? null
}

function styleNamed(type: string): Style | null {
  if (type === 'application/problem+json') return 'problem'
  const name = /^application\/vnd\.latchkey\.([a-z]+)\+json$/.exec(type)?.[1]
  return STYLES.find((style) => style === name) ?? null
}
