/**
 * The error catalogue of the guard: code → status, type, message. Its entries equal those of the server's catalogue
 * (present.test.ts compares them); codes that only the server uses are omitted.
 */

// biome-ignore format: a table
const PROBLEMS = {
  AUTHENTICATION_REQUIRED: [401, 'AUTHENTICATION_ERROR', 'Sign in to continue.'],
  AUTHENTICATION_FAILED: [401, 'AUTHENTICATION_ERROR', 'Invalid username or password.'],
  SESSION_EXPIRED: [401, 'AUTHENTICATION_ERROR', 'Your session has expired. Sign in again.'],
  INVALID_API_KEY: [401, 'AUTHENTICATION_ERROR', 'The API key is not valid.'],
  MFA_REQUIRED: [401, 'AUTHENTICATION_ERROR', 'A second factor is required.'],
  TOKEN_EXPIRED: [401, 'AUTHENTICATION_ERROR', 'The token has expired.'],
  INVALID_TOKEN: [401, 'AUTHENTICATION_ERROR', 'The token is not valid.'],
  STEP_UP_REQUIRED: [401, 'AUTHENTICATION_ERROR', 'Confirm that it is you to continue.'],
  INSUFFICIENT_PERMISSIONS: [403, 'AUTHORIZATION_ERROR', 'You are not allowed to do this.'],
  CSRF_FAILED: [403, 'AUTHORIZATION_ERROR', 'The CSRF token is missing or has expired, or the request came from another site. Get a token from /csrf and send it as X-CSRF-Token.'],
  EMAIL_NOT_VERIFIED: [403, 'AUTHORIZATION_ERROR', 'Verify your e-mail address first. We have sent you an e-mail.'],
  ACCOUNT_DISABLED: [403, 'AUTHORIZATION_ERROR', 'This account is disabled.'],
  PASSWORD_EXPIRED: [403, 'AUTHORIZATION_ERROR', 'Your password has expired or no longer meets the rules. Choose a new one to continue.'],
  MFA_ENROLMENT_REQUIRED: [403, 'AUTHORIZATION_ERROR', 'Set up a second factor to continue.'],
  ACCOUNT_LOCKED: [423, 'AUTHENTICATION_ERROR', 'Too many failed attempts. Try again later.'],
  RATE_LIMIT_EXCEEDED: [429, 'RATE_LIMIT_EXCEEDED', 'Too many requests. Try again later.'],
  BAD_REQUEST: [400, 'BAD_REQUEST', 'The request cannot be read.'],
  METHOD_NOT_ALLOWED: [405, 'BAD_REQUEST', 'This method is not allowed here.'],
  PAYLOAD_TOO_LARGE: [413, 'BAD_REQUEST', 'The request body is too large.'],
  INTERNAL_ERROR: [500, 'INTERNAL_ERROR', 'Something went wrong on our side.'],
  UNAVAILABLE: [503, 'INTERNAL_ERROR', 'The server is busy. Try again in a moment.'],
} as const

/** A code of {@link Problem}; stable, so that clients of your API may depend on it. */
export type ProblemCode = keyof typeof PROBLEMS
/** The category of a code. */
export type ProblemType = (typeof PROBLEMS)[ProblemCode][1]

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[]

export const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === 'string' && Object.hasOwn(PROBLEMS, code)

/** The default message of a code. */
export const messageOf = (code: ProblemCode): string => PROBLEMS[code][2]

export interface ProblemOptions {
  /** Replaces the default message; sent to the caller. */
  message?: string | undefined
  /** Sent to the caller: must not contain secrets or reveal whether an account exists. */
  details?: Readonly<Record<string, unknown>> | readonly unknown[] | undefined
  /** The exact cause in words; for the log, not sent to the caller. */
  reason?: string | undefined
  /** The underlying error; for the log, not sent to the caller. */
  cause?: unknown
  /** In seconds, for the `Retry-After` header. */
  retryAfter?: number | undefined
}

/** A refused request. {@link Guard.authenticate} throws it, `onProblem` receives it, and callbacks of an app may throw it. */
export class Problem extends Error {
  readonly code: ProblemCode
  /** The HTTP status. */
  readonly status: number
  readonly type: ProblemType
  readonly details: Readonly<Record<string, unknown>> | readonly unknown[] | undefined
  /** For the log, not sent to the caller. */
  readonly reason: string | undefined
  /** In seconds. */
  readonly retryAfter: number | undefined

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    // refusals are frequent, and capturing a stack would be most of their cost
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
 * Creates a problem, for a callback to throw: `throw problem('ACCOUNT_DISABLED')`.
 *
 * @param code a {@link ProblemCode}, which determines status, type and default message
 * @param options another message and details for the caller; reason and cause for the log
 * @returns the error, not thrown
 */
export const problem = (code: ProblemCode, options?: ProblemOptions): Problem => new Problem(code, options)

/** 401 `INVALID_TOKEN`, with the reason for the log. */
export const invalidToken = (reason: string, cause?: unknown): Problem =>
  new Problem('INVALID_TOKEN', { reason, cause })

/**
 * The `cause` of a problem for which the app is responsible, with a callback that failed or an option that is wrong;
 * written to the console by default.
 */
export class AppFault extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'AppFault'
  }
}

/** Converts a thrown value: a `Problem` is returned as it is, anything else becomes a 500 without details. */
export const asProblem = (error: unknown): Problem =>
  error instanceof Problem
    ? error
    : new Problem('INTERNAL_ERROR', { cause: error, reason: 'a callback threw' })
