/**
 * Every way in which the guard can refuse a request: code → status, family, message. The same words as the
 * server's catalogue (a test holds them equal); what only the server says is left out.
 */

// biome-ignore format: a table
const PROBLEMS = {
  AUTHENTICATION_REQUIRED: [401, 'AUTHENTICATION_ERROR', 'Sign in to continue.'],
  AUTHENTICATION_FAILED: [401, 'AUTHENTICATION_ERROR', 'The identifier or the password is wrong.'],
  SESSION_EXPIRED: [401, 'AUTHENTICATION_ERROR', 'Your session has expired. Sign in again.'],
  INVALID_API_KEY: [401, 'AUTHENTICATION_ERROR', 'The API key is not valid.'],
  MFA_REQUIRED: [401, 'AUTHENTICATION_ERROR', 'A second factor is required.'],
  TOKEN_EXPIRED: [401, 'AUTHENTICATION_ERROR', 'The token has expired.'],
  INVALID_TOKEN: [401, 'AUTHENTICATION_ERROR', 'The token is not valid.'],
  STEP_UP_REQUIRED: [401, 'AUTHENTICATION_ERROR', 'Confirm that it is you to continue.'],
  INSUFFICIENT_PERMISSIONS: [403, 'AUTHORIZATION_ERROR', 'You are not allowed to do this.'],
  CSRF_FAILED: [403, 'AUTHORIZATION_ERROR', 'The form has expired or came from another site. Reload the page and try again.'],
  EMAIL_NOT_VERIFIED: [403, 'AUTHORIZATION_ERROR', 'Verify your e-mail address first. We have sent you an e-mail.'],
  ACCOUNT_DISABLED: [403, 'AUTHORIZATION_ERROR', 'This account is disabled.'],
  PASSWORD_EXPIRED: [403, 'AUTHORIZATION_ERROR', 'Your password has expired. Choose a new one to continue.'],
  MFA_ENROLMENT_REQUIRED: [403, 'AUTHORIZATION_ERROR', 'Set up a second factor to continue.'],
  ACCOUNT_LOCKED: [423, 'AUTHENTICATION_ERROR', 'Too many failed attempts. Try again later.'],
  RATE_LIMIT_EXCEEDED: [429, 'RATE_LIMIT_EXCEEDED', 'Too many requests. Try again later.'],
  BAD_REQUEST: [400, 'BAD_REQUEST', 'The request cannot be read.'],
  METHOD_NOT_ALLOWED: [405, 'BAD_REQUEST', 'This method is not allowed here.'],
  PAYLOAD_TOO_LARGE: [413, 'BAD_REQUEST', 'The request body is too large.'],
  INTERNAL_ERROR: [500, 'INTERNAL_ERROR', 'Something went wrong on our side.'],
  UNAVAILABLE: [503, 'INTERNAL_ERROR', 'The server is busy. Try again in a moment.'],
} as const

/** A code of {@link Problem}; callers of your API may rely on it. */
export type ProblemCode = keyof typeof PROBLEMS
/** The coarse family of a code. */
export type ProblemType = (typeof PROBLEMS)[ProblemCode][1]

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[]

export const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === 'string' && Object.hasOwn(PROBLEMS, code)

/** The catalogue's own message of a code. */
export const messageOf = (code: ProblemCode): string => PROBLEMS[code][2]

export interface ProblemOptions {
  /** Instead of the catalogue's message; goes to the caller. */
  message?: string | undefined
  /** Goes to the caller: never anything secret, never whether an account exists. */
  details?: Readonly<Record<string, unknown>> | readonly unknown[] | undefined
  /** For the log alone: why exactly. */
  reason?: string | undefined
  /** For the log alone: the error behind it. */
  cause?: unknown
  /** Seconds, for the `Retry-After` header. */
  retryAfter?: number | undefined
}

/** A refusal. Thrown by {@link Guard.authenticate}, handed to `onProblem`, and allowed to be thrown by your own callbacks. */
export class Problem extends Error {
  readonly code: ProblemCode
  /** The HTTP status. */
  readonly status: number
  readonly type: ProblemType
  readonly details: Readonly<Record<string, unknown>> | readonly unknown[] | undefined
  /** For the log alone. */
  readonly reason: string | undefined
  /** Seconds. */
  readonly retryAfter: number | undefined

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    // refusals are everyday business: a stack for each would be most of their cost
    const limit = Error.stackTraceLimit
    if (code !== 'INTERNAL_ERROR') Error.stackTraceLimit = 0
    super(
      options.message ?? messageOf(code),
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    Error.stackTraceLimit = limit
    this.name = 'Problem'
    this.code = code
    this.status = PROBLEMS[code][0]
    this.type = PROBLEMS[code][1]
    this.details = options.details
    this.reason = options.reason
    this.retryAfter = options.retryAfter
  }
}

/**
 * Makes a refusal, to be thrown by a callback of yours: `throw problem('ACCOUNT_DISABLED')`.
 *
 * @param code one of {@link ProblemCode}; status, family and message come with it
 * @param options what else the caller, or the log, should know
 */
export const problem = (code: ProblemCode, options?: ProblemOptions): Problem => new Problem(code, options)

/** A token that is no good, with the reason for the log. */
export const refusedToken = (reason: string, cause?: unknown): Problem =>
  new Problem('INVALID_TOKEN', { reason, cause })

/** Whatever a callback threw, as a refusal: its own, or a fault of ours that shows nothing. */
export const asProblem = (error: unknown): Problem =>
  error instanceof Problem
    ? error
    : new Problem('INTERNAL_ERROR', { cause: error, reason: 'a callback threw' })
