/**
 * The catalogue of error codes of the API: code → status, family, message. Problem is the only class for them; any
 * other exception becomes INTERNAL_ERROR with a request id, is logged, and is never sent to the client.
 * docs/reference/errors.md is generated from this table, and a test compares them.
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

export interface CatalogueEntry {
  status: number
  type: ErrorFamily
  /** The message for people; ends in a full stop, contains no internals. */
  message: string
  /** The cause and the remedy, one or two sentences for the reference page. */
  when: string
  /** Members of `details` that a program may rely on, as JSON Schema; every one is absent where it does not apply. */
  details?: Readonly<Record<string, { type: 'string' | 'integer' | 'array' | 'object'; description: string }>>
}

const LOCKOUT = { type: 'integer', description: 'Duration of the lock-out in seconds.' } as const
const ATTEMPT = {
  type: 'string',
  description:
    'The token with which the sign-in is continued. It is single-use and cannot be used for anything else.',
} as const
const EXPIRES_AT = { type: 'string', description: 'When the attempt expires, in ISO 8601.' } as const

export const ERRORS = {
  AUTHENTICATION_REQUIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'Sign in to continue.',
    when: 'The request has no credential, or its session has ended. Sign in and send the request again.',
  },
  AUTHENTICATION_FAILED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'Invalid username or password.',
    when: 'The sign-in failed. Unknown accounts get the same answer. `details.attempts_remaining` counts down to the lock-out, `details.lockout_duration` is its duration in seconds.',
    details: {
      attempts_remaining: { type: 'integer', description: 'Further guesses until the lock-out.' },
      lockout_duration: LOCKOUT,
    },
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
    when: 'The first factor was correct. Continue with `details.attempt` and one of `details.methods` before `details.expires_at`.',
    details: {
      attempt: ATTEMPT,
      methods: { type: 'array', description: 'The methods of which one continues the sign-in.' },
      expires_at: EXPIRES_AT,
    },
  },
  TOKEN_EXPIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'The token has expired.',
    when: 'The access token or the link was valid and has expired.',
  },
  INVALID_TOKEN: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'The token is not valid.',
    when: 'The token or the link is malformed, unknown, already used or revoked.',
  },
  STEP_UP_REQUIRED: {
    status: 401,
    type: 'AUTHENTICATION_ERROR',
    message: 'Confirm that it is you to continue.',
    when: 'The operation requires a more recent or a stronger proof of identity. Send `details` to `POST /api/v1/auth/step-up`, continue that attempt by one of `details.methods`, then repeat the request.',
    details: {
      acr: {
        type: 'string',
        description: 'The level that the proof must reach: `aal1`, `aal2`, `aal2-phr`.',
      },
      max_age: { type: 'integer', description: 'The maximum age of the proof of identity in seconds.' },
      methods: { type: 'array', description: 'The methods by which the user can prove it.' },
      organization_id: { type: 'string', description: 'The organization that requires it.' },
    },
  },
  INSUFFICIENT_PERMISSIONS: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'You are not allowed to do this.',
    when: 'The caller lacks the permission named in `details.required`.',
    details: {
      required: { type: 'string', description: 'The permission that is missing.' },
      required_roles: { type: 'array', description: 'The roles of which one is required.' },
      organization_id: { type: 'string', description: 'The organization in which it is missing.' },
      reason: {
        type: 'string',
        description: 'The rule that refuses the change: `beyond_own`, `not_granted` …',
      },
    },
  },
  CSRF_FAILED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message:
      'The CSRF token is missing or has expired, or the request came from another site. Get a token from /csrf and send it as X-CSRF-Token.',
    when: 'An unsafe request with a cookie has no valid CSRF token, or comes from a foreign origin. Get a token from `GET /api/v1/auth/csrf`.',
  },
  EMAIL_NOT_VERIFIED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'Verify your e-mail address first. We have sent you an e-mail.',
    when: 'The password was correct, but the address is not verified. `POST /api/v1/auth/verify-email/resend` sends the e-mail again.',
  },
  ACCOUNT_DISABLED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'This account is disabled.',
    when: 'The credential was correct, but an administrator has disabled the account.',
  },
  PASSWORD_EXPIRED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'Your password has expired or no longer meets the rules. Choose a new one to continue.',
    when: 'The password was correct, but is older than the policy allows, or does not meet rules that have changed. `POST /api/v1/auth/attempts/:attempt/password` with `details.attempt` replaces it and completes the sign-in.',
    details: {
      attempt: ATTEMPT,
      expires_at: EXPIRES_AT,
      reason: {
        type: 'string',
        description:
          '`age`: the password is older than the rules allow; `policy`: it does not meet rules that have changed since it was chosen.',
      },
    },
  },
  MFA_ENROLMENT_REQUIRED: {
    status: 403,
    type: 'AUTHORIZATION_ERROR',
    message: 'Set up a second factor to continue.',
    when: 'A policy requires a second factor that the account does not have. Setting one of `details.methods` up in `details.attempt` completes the sign-in.',
    details: {
      attempt: ATTEMPT,
      methods: { type: 'array', description: 'The factors of which one has to be set up.' },
      expires_at: EXPIRES_AT,
      organization_id: { type: 'string', description: 'The organization whose policy requires it.' },
    },
  },
  ACCOUNT_LOCKED: {
    status: 423,
    type: 'AUTHENTICATION_ERROR',
    message: 'Too many failed attempts. Try again later.',
    when: 'Too many consecutive sign-ins failed, or an administrator has locked the account. `details.lockout_duration` and `Retry-After` give the remaining seconds; they are absent for a lock without an end.',
    details: { lockout_duration: LOCKOUT },
  },
  RATE_LIMIT_EXCEEDED: {
    status: 429,
    type: 'RATE_LIMIT_EXCEEDED',
    message: 'Too many requests. Try again later.',
    when: 'The rate limit of the route or of the caller is exceeded. `Retry-After` gives the seconds to wait.',
    details: {
      limit: { type: 'integer', description: 'Requests that the exceeded window allows.' },
      window: { type: 'integer', description: 'The length of that window in seconds.' },
      retry_after: { type: 'integer', description: 'Seconds until another request is allowed.' },
      challenge: {
        type: 'object',
        description:
          'Of a sensitive operation: what to solve instead of waiting, as `GET auth/challenge` answers it.',
      },
    },
  },
  VALIDATION_ERROR: {
    status: 400,
    type: 'VALIDATION_ERROR',
    message: 'Some fields are not valid.',
    when: 'The body, query or path does not match the schema. `details` has one entry per field: `{field, code, message, params}`. The code `unknown` is of a member that the operation does not have, with the nearest known name in `params.nearest`.',
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
    when: 'The path is unknown, or the resource does not exist or is not accessible to the caller. `details.resource` says what was not found.',
    details: {
      resource: {
        type: 'string',
        description:
          'What was not found: `user`, `organization`, `invitation` …; absent for an unknown path.',
      },
    },
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    type: 'BAD_REQUEST',
    message: 'This method is not allowed here.',
    when: 'The path does not support the method. `Allow` lists the supported methods.',
  },
  CONFLICT: {
    status: 409,
    type: 'CONFLICT',
    message: 'This already exists, or was changed in the meantime.',
    when: 'A unique value is taken, or a concurrent request changed the resource.',
    details: {
      field: { type: 'string', description: 'The field whose value is taken.' },
      reason: {
        type: 'string',
        description: 'The rule that refuses the change: `last_owner`, `last_administrator` …',
      },
      version: { type: 'integer', description: 'The present version, where a change names an older one.' },
      setting: { type: 'string', description: 'The setting of the server that decides instead.' },
    },
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    type: 'BAD_REQUEST',
    message: 'The request body is too large.',
    when: 'The body exceeds the limit of the route.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    type: 'BAD_REQUEST',
    message: 'Send application/json or application/x-www-form-urlencoded, in UTF-8.',
    when: 'The route does not accept the content type of the body.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    type: 'BAD_REQUEST',
    message: 'The request headers are too large.',
    when: 'The headers exceed 16 KiB in total.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    type: 'BAD_REQUEST',
    message: 'The request took too long to arrive.',
    when: 'The headers or the body did not arrive in time.',
  },
  INTERNAL_ERROR: {
    status: 500,
    type: 'INTERNAL_ERROR',
    message: 'Something went wrong on our side.',
    when: 'A fault of the server. The log has the cause under the `request_id`.',
  },
  UNAVAILABLE: {
    status: 503,
    type: 'INTERNAL_ERROR',
    message: 'The server is busy. Try again in a moment.',
    when: 'The server is overloaded, or the database is unreachable. `Retry-After` gives the seconds to wait.',
    details: {
      checks: { type: 'object', description: 'Of the readiness check: each check, and whether it passed.' },
    },
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof ERRORS

/** One entry of a VALIDATION_ERROR's `details`. */
export interface FieldError {
  field: string
  /** Stable and translatable: `required`, `too_short`, `too_long`, `email`, `mismatch` … */
  code: string
  /** English, for developers and clients without translations. */
  message: string
  /** Parameters of the code's message: `{min: 15}`. */
  params?: Readonly<Record<string, string | number>>
}

export interface ProblemOptions {
  /** Sent to the client: never a secret, never whether an account exists. */
  details?: Record<string, unknown> | FieldError[] | undefined
  /** Replaces the catalogue's message with a more specific one. */
  message?: string | undefined
  /** For the log only. */
  cause?: unknown
  /** Seconds, for the Retry-After header. */
  retryAfter?: number | undefined
  /** Replaces the catalogue's status, for compatibility switches and styles. */
  status?: number | undefined
  /** On rows of a protocol, what it calls this, where the code alone does not say: `invalid_grant`, `invalidFilter`. */
  protocolError?: string | undefined
  /** Header fields of the answer, by names in lower case: `www-authenticate` of a protocol, `dpop-nonce`. */
  headers?: Readonly<Record<string, string>> | undefined
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

export class Problem extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly type: ErrorFamily
  readonly details: Record<string, unknown> | FieldError[] | undefined
  readonly retryAfter: number | undefined
  readonly protocolError: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ErrorCode, options: ProblemOptions = {}) {
    super(options.message ?? ERRORS[code].message, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.status = options.status ?? ERRORS[code].status
    this.type = ERRORS[code].type
    this.details = options.details
    this.retryAfter = options.retryAfter
    this.protocolError = options.protocolError
    this.headers = options.headers ?? NO_HEADERS
  }
}

/** `throw problem('NOT_FOUND')`: the only way to answer with an error. */
export const problem = (code: ErrorCode, options?: ProblemOptions): Problem => new Problem(code, options)

/** What was not found. The words are the same whether it does not exist or belongs to others. */
const MISSING = {
  user: 'There is no user with this id that you may see. Check the id.',
  session: 'There is no active session with this id in this account. It may have ended already.',
  passkey: 'There is no passkey with this id in this account. It may have been removed already.',
  api_key: 'There is no API key with this id in this account. It may have been revoked already.',
  role: 'There is no role of this name. List the roles to see their names.',
  permission: 'There is no permission of this name. List the permissions to see their names.',
  organization:
    'There is no organization with this id that you may see. Check the id, or ask for an invitation.',
  member: 'There is no member with this id in the organization. List its members to see their ids.',
  invitation: 'There is no open invitation with this id. It may have been accepted, withdrawn or sent again.',
  setup_link:
    'There is no open set-up link with this id. It may have been completed or revoked, or have expired.',
  domain: 'There is no domain with this id in the organization. It may have been removed already.',
  event: 'There is no event with this id that you may see. Check the id.',
  connection: 'There is no connection with this id that you may see. List the connections to see their ids.',
  client: 'There is no app with this id that you may see. List the apps to see their ids.',
  client_secret: 'The app has no secret with this id. It may have been deleted already.',
  resource: 'There is no API with this id that you may see. List the APIs to see their ids.',
  factor: 'There is no second factor with this id in this account. It may have been removed already.',
  connected_account:
    'There is no connected account of this name or id. List the connected accounts to see their ids.',
  application: 'There is no app with access of this id. It may have been removed already.',
  device: 'There is no remembered browser with this id in this account. It may have been forgotten already.',
  email: 'There is no e-mail with this id in the outbox. It may have been deleted.',
} as const
export type MissingResource = keyof typeof MISSING

/** A NOT_FOUND that says what was not found; pages translate it by `resource`. */
export const notFound = (resource: MissingResource): Problem =>
  new Problem('NOT_FOUND', { message: MISSING[resource], details: { resource } })

const memberOf = ({ details }: Problem, name: string): unknown =>
  details === undefined || Array.isArray(details) ? undefined : details[name]

/** Whether it is the NOT_FOUND of such a thing: where something was to be deleted, the aim is reached. */
export const isMissing = (problem: Problem, resource: MissingResource): boolean =>
  problem.code === 'NOT_FOUND' && memberOf(problem, 'resource') === resource

/** Why it is refused, as a code; null where the problem does not say. */
export function reasonOf(problem: Problem): string | null {
  const reason = memberOf(problem, 'reason')
  return typeof reason === 'string' ? reason : null
}

/** A VALIDATION_ERROR about a single field. */
export const invalid = (field: string, code: string, message: string): Problem =>
  new Problem('VALIDATION_ERROR', { details: [{ field, code, message }] })

/** The server refuses to start: a sentence for the operator, which says what to change. */
export class StartRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'StartRefused'
  }
}
