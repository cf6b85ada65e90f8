/**
 * The catalogue of every error the outside world can see: code → status, family, message. One class carries
 * them; whatever is not a Problem becomes INTERNAL_ERROR with a request id, is logged, and never shown.
 * docs/reference/errors.md is generated from this table and held equal by a test.
 */
export type ErrorFamily =
  | 'VALIDATION_ERROR'
  | 'AUTHENTICATION_ERROR'
  | 'AUTHORIZATION_ERROR'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'RATE_LIMIT_EXCEEDED'
  | 'INTERNAL_ERROR'
  | 'BAD_REQUEST'

interface CatalogueEntry {
  status: number
  type: ErrorFamily
  /** What a person reads; ends in a full stop, names no internals. */
  message: string
  /** When it happens and what to do, one or two sentences for the reference page. */
  when: string
}

export const ERRORS = {
  AUTHENTICATION_REQUIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'Sign in to continue.',
    when: 'The request carries no credential, or a session that was ended. Sign in and send it again.',
  },
  AUTHENTICATION_FAILED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'The identifier or the password is wrong.',
    when: 'A sign-in failed. The same answer is given for unknown accounts. `details.attempts_remaining` counts down to the lock-out, `details.lockout_duration` is its length in seconds.',
  },
  SESSION_EXPIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'Your session has expired. Sign in again.',
    when: 'The session passed its idle or its absolute limit.',
  },
  INVALID_API_KEY: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'The API key is not valid.',
    when: 'The API key is unknown, malformed, expired or revoked.',
  },
  MFA_REQUIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'A second factor is required.',
    when: 'The first factor was right. Go on with `details.attempt` and one of `details.methods` before `details.expires_at`.',
  },
  TOKEN_EXPIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'The token has expired.',
    when: 'The access token or the link was valid once, and its time is over.',
  },
  INVALID_TOKEN: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'The token is not valid.',
    when: 'The token or link is malformed, unknown, already used or revoked.',
  },
  STEP_UP_REQUIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'Confirm that it is you to continue.',
    when: 'The action asks for a more recent proof of who you are. Sign in again, then repeat it.',
  },
  INSUFFICIENT_PERMISSIONS: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'You are not allowed to do this.',
    when: 'The caller lacks the permission named in `details.required`.',
  },
  CSRF_FAILED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'The form has expired or came from another site. Reload the page and try again.',
    when: 'A change was asked for under a cookie without a valid CSRF token, or from a foreign origin. Get a token from `GET /api/v1/auth/csrf`.',
  },
  EMAIL_NOT_VERIFIED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'Verify your e-mail address first. We have sent you an e-mail.',
    when: 'The password was right, but the address is not verified yet. `POST /api/v1/auth/verify-email/resend` sends the e-mail again.',
  },
  ACCOUNT_DISABLED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'This account is disabled.',
    when: 'The credential was right, but an administrator has disabled the account.',
  },
  PASSWORD_EXPIRED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'Your password has expired. Choose a new one to continue.',
    when: 'The password was right, but is older than the policy allows. `POST /api/v1/auth/attempts/:attempt/password` replaces it and completes the sign-in.',
  },
  MFA_ENROLMENT_REQUIRED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'Set up a second factor to continue.',
    when: 'A policy demands a second factor that the account does not have yet.',
  },
  ACCOUNT_LOCKED: {
    status: 423,
    type: 'AUTHENTICATION_ERROR',
    message: 'Too many failed attempts. Try again later.',
    when: 'Too many wrong credentials in a row, or an administrator has locked the account. `details.lockout_duration` says how many seconds are left; `Retry-After` says it too. A lock without an end says neither.',
  },
  RATE_LIMIT_EXCEEDED: {
    status: 429,
    type: 'RATE_LIMIT_EXCEEDED',
    message: 'Too many requests. Try again later.',
    when: 'The limit of the route or of the caller is used up. `Retry-After` says how many seconds to wait.',
  },
  VALIDATION_ERROR: {
    status: 400,
    type: 'VALIDATION_ERROR',
    message: 'Some fields are not valid.',
    when: 'The body, query or path does not fit the schema. `details` has one entry a field: `{field, code, message}`.',
  },
  BAD_REQUEST: {
    status: 400,
    type: 'BAD_REQUEST',
    message: 'The request cannot be read.',
    when: 'The request is malformed: broken JSON, duplicate keys, too deep, an unknown API version, a bad header.',
  },
  NOT_FOUND: {
    status: 404,
    type: 'NOT_FOUND',
    message: 'There is nothing here.',
    when: 'The path is unknown, or the thing does not exist or is not yours.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    type: 'BAD_REQUEST',
    message: 'This method is not allowed here.',
    when: 'The path exists, the method does not. `Allow` lists those that do.',
  },
  CONFLICT: {
    status: 409,
    type: 'CONFLICT',
    message: 'This already exists, or was changed meanwhile.',
    when: 'A unique value is taken, or somebody else was faster.',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    type: 'BAD_REQUEST',
    message: 'The request body is too large.',
    when: 'The body is larger than the route takes.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    type: 'BAD_REQUEST',
    message: 'Send application/json or application/x-www-form-urlencoded.',
    when: 'The content type of the body is not one the route takes.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    type: 'BAD_REQUEST',
    message: 'The request headers are too large.',
    when: 'The headers exceed 16 KiB together.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    type: 'BAD_REQUEST',
    message: 'The request took too long to arrive.',
    when: 'Headers or body were not complete in time.',
  },
  INTERNAL_ERROR: {
    status: 500,
    type: 'INTERNAL_ERROR',
    message: 'Something went wrong on our side.',
    when: 'A fault in the server. The log has the cause under the `request_id`.',
  },
  UNAVAILABLE: {
    status: 503,
    type: 'INTERNAL_ERROR',
    message: 'The server is busy. Try again in a moment.',
    when: 'Too much work is waiting, or the database is out of reach. `Retry-After` says how many seconds to wait.',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof ERRORS

/** One entry of a VALIDATION_ERROR's `details`. */
export interface FieldError {
  field: string
  /** Stable and translatable: `required`, `too_short`, `too_long`, `email`, `mismatch` … */
  code: string
  /** English, for a developer or a person without a catalogue. */
  message: string
  /** What the sentence of the code needs: `{min: 15}`. */
  params?: Readonly<Record<string, string | number>>
}

export interface ProblemOptions {
  /** Goes to the caller: never anything secret, never whether an account exists. */
  details?: Record<string, unknown> | FieldError[] | undefined
  /** Instead of the catalogue's message, where a more exact one helps the reader. */
  message?: string | undefined
  /** Goes to the log only. */
  cause?: unknown
  /** Seconds, for the Retry-After header. */
  retryAfter?: number | undefined
  /** Instead of the catalogue's, where a compatibility switch or a style says so. */
  status?: number | undefined
  /** On rows of a protocol, what it calls this, where the code alone does not say: `invalid_grant`, `invalidFilter`. */
  protocolError?: string | undefined
}

export class Problem extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly type: ErrorFamily
  readonly details: Record<string, unknown> | FieldError[] | undefined
  readonly retryAfter: number | undefined
  readonly protocolError: string | undefined

  constructor(code: ErrorCode, options: ProblemOptions = {}) {
    super(options.message ?? ERRORS[code].message, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.status = options.status ?? ERRORS[code].status
    this.type = ERRORS[code].type
    this.details = options.details
    this.retryAfter = options.retryAfter
    this.protocolError = options.protocolError
  }
}

/** `throw problem('NOT_FOUND')`: the one way to fail on purpose. */
export const problem = (code: ErrorCode, options?: ProblemOptions): Problem => new Problem(code, options)

/** A VALIDATION_ERROR about a single field. */
export const invalid = (field: string, code: string, message: string): Problem =>
  new Problem('VALIDATION_ERROR', { details: [{ field, code, message }] })
