/**
 * Envelope styles: the bodies and headers of the answers that the guard itself makes, which are refusals and the login
 * endpoint. The five styles equal those of the server's base/present. An answer is data; the adapters write it.
 */
import { requestId } from './ids.ts'
import { messageOf, type Problem, type ProblemCode } from './problem.ts'
import type { GuardRequest } from './request.ts'

export const STYLES = ['standard', 'meta', 'errors', 'detail', 'problem'] as const
/** The shape of a body. `Accept: application/vnd.latchkey.<style>+json` of a request takes precedence. */
export type Style = (typeof STYLES)[number]

/** The answer that the guard writes in place of the handler. */
export interface Answer {
  readonly status: number
  /** Names are in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** The wordings that clients of a style know, in place of the message of the code; a more specific message is kept. */
const WORDINGS: Readonly<Partial<Record<Style, Readonly<Partial<Record<ProblemCode, string>>>>>> = {
  errors: { AUTHENTICATION_REQUIRED: 'Authorization header missing', TOKEN_EXPIRED: 'Token has expired' },
  detail: { AUTHENTICATION_REQUIRED: 'Not authenticated' },
}
const worded = ({ code, message }: Problem, style: Style): string =>
  (message === messageOf(code) ? WORDINGS[style]?.[code] : undefined) ?? message

/** Code and details for the styles that have one sentence only, as extension members; none where there are no details. */
const extension = ({ code, details }: Problem) => (details === undefined ? {} : { code, details })

interface AnswerContext {
  readonly status: number
  readonly message: string
  readonly requestId: string
  readonly timestamp: string
  /** URL of the page that documents the codes, for `type` of RFC 9457 §3.1.1. */
  readonly docs: string | null
}

interface StyleWriter {
  failure(problem: Problem, facts: AnswerContext): unknown
  success(data: unknown, facts: AnswerContext): unknown
}

const metadata = (facts: AnswerContext) => ({
  request_id: facts.requestId,
  version: '1.0',
  metadata: { timestamp: facts.timestamp, version: 'v1', request_id: facts.requestId },
})
const STYLE_WRITERS: Readonly<Record<Style, StyleWriter>> = {
  standard: {
    failure: (problem, facts) => ({
      success: false,
      code: facts.status,
      message: problem.message,
      error: {
        code: problem.code,
        type: problem.type,
        message: problem.message,
        details: problem.details ?? null,
      },
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
      error: { code: problem.code, type: problem.type, details: problem.details ?? {} },
    }),
    success: (data, facts) => ({
      ...metaHead(true, facts),
      data,
      meta: { timestamp: facts.timestamp, version: 'v1' },
    }),
  },
  errors: {
    failure: (problem, facts) => ({
      errors: { error: worded(problem, 'errors'), ...extension(problem) },
      status_code: facts.status,
      value: null,
    }),
    success: (data, facts) => ({ errors: null, status_code: facts.status, value: data }),
  },
  detail: {
    failure: (problem) => ({ detail: worded(problem, 'detail'), ...extension(problem) }),
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

const metaHead = (success: boolean, facts: AnswerContext) => ({
  version: '1.0',
  success,
  code: facts.status,
  message: facts.message,
  request_id: facts.requestId,
})

export interface PresenterOptions {
  style: Style
  /** Replaces 401 in the style `detail`. */
  unauthenticatedStatus: 401 | 403
  docs: string | null
  now: () => number
}

export interface Presenter {
  failure(problem: Problem, request: GuardRequest, challenges: readonly string[]): Answer
  success(data: unknown, message: string, request: GuardRequest): Answer
}

export function presenter(options: PresenterOptions): Presenter {
  const facts = (request: GuardRequest, status: number, message: string): AnswerContext => {
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
      const style = requestedStyle(request.header('accept')) ?? options.style
      const status =
        problem.status === 401 && style === 'detail' && options.style === 'detail'
          ? options.unauthenticatedStatus
          : problem.status
      const known = facts(request, status, problem.message)
      const type = style === 'problem' ? 'application/problem+json' : 'application/json; charset=utf-8'
      const headers = headersOf(known, type)
      if (challenges.length > 0) headers.push(['www-authenticate', challenges.join(', ')])
      const wait = problem.retryAfter ?? (status === 503 ? 5 : undefined)
      if (wait !== undefined) headers.push(['retry-after', `${Math.max(1, Math.ceil(wait))}`])
      return { status, headers, body: JSON.stringify(STYLE_WRITERS[style].failure(problem, known)) }
    },
    success(data, message, request) {
      const style = requestedStyle(request.header('accept')) ?? options.style
      const known = facts(request, 200, message)
      const body = JSON.stringify(STYLE_WRITERS[style].success(data, known))
      return { status: 200, headers: headersOf(known, 'application/json; charset=utf-8'), body }
    },
  }
}

const headersOf = (facts: AnswerContext, type: string): [string, string][] => [
  ['content-type', type],
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['x-request-id', facts.requestId],
]

/** The style that `Accept` names; of several the one with the highest weight (RFC 9110 §12.5.1). */
function requestedStyle(accept: string | undefined): Style | null {
  if (accept === undefined || !accept.includes('+json') || accept.length > 1024) return null
  const candidates = accept
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [type = '', ...parameters] = part.split(';').map((text) => text.trim())
      const style = styleNamed(type)
      const weight = Number(parameters.find((text) => text.startsWith('q='))?.slice(2) ?? 1)
      return style !== null && weight > 0 && weight <= 1 ? [{ style, weight }] : []
    })
  return candidates.sort((a, b) => b.weight - a.weight)[0]?.style ?? null
}

function styleNamed(type: string): Style | null {
  if (type === 'application/problem+json') return 'problem'
  const name = /^application\/vnd\.latchkey\.([a-z]+)\+json$/.exec(type)?.[1]
  return STYLES.find((style) => style === name) ?? null
}
