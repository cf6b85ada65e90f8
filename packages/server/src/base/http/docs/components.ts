/**
 * What the operations of the OpenAPI document share: the members of the envelope, the schemas of errors, response
 * headers, security schemes, and the texts about them.
 */
import type { Config } from '../../../config.ts'
import type { Style } from '../../call.ts'
import { EXAMPLE_TIME, exampleId } from '../../described.ts'
import { type CatalogueEntry, ERRORS, type ErrorCode, invalid, Problem } from '../../errors.ts'
import { cookieJar, STYLE_WRITERS } from '../../present/index.ts'
import type { Schema } from '../row/shapes.ts'

export type DocumentSettings = Pick<Config, 'brandName' | 'publicUrl'>

/** The values of the envelope in every example. */
export const exampleFields = (status: number, message: string, { publicUrl }: DocumentSettings) => ({
  status,
  message,
  publicUrl,
  requestId: exampleId('req'),
  now: new Date(EXAMPLE_TIME),
})

const text = (description: string): Schema => ({ type: 'string', description })
const referred = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })

/** The members of the `standard` envelope besides `data` and `error`. */
export const ENVELOPE = {
  message: text('What happened, in one sentence, for people.'),
  request_id: text('The id of the request, as in `X-Request-Id`. The log has the request under it.'),
  version: { const: '1.0', description: 'The version of the envelope.' },
  metadata: referred('Metadata'),
} as const satisfies Record<string, Schema>

const METADATA: Schema = {
  type: 'object',
  description: 'About the answer.',
  required: ['timestamp', 'version', 'request_id'],
  properties: {
    timestamp: { ...text('When the answer was made, ISO 8601 in UTC.'), format: 'date-time' },
    version: { const: 'v1', description: 'The version of the API.' },
    request_id: ENVELOPE.request_id,
    next_cursor: {
      type: ['string', 'null'],
      description: 'On lists: the `cursor` of the next page, null at the end. Absent in other answers.',
    },
  },
}

const FIELD_ERROR: Schema = {
  type: 'object',
  description: 'What is wrong with one field of the request.',
  required: ['field', 'code', 'message'],
  properties: {
    field: text('The field; members of lists and objects are separated by dots: `permissions.0`.'),
    code: text('A stable word to translate: `required`, `too_short`, `too_long`, `unknown`, `taken` …'),
    message: text('The same in one English sentence.'),
    params: {
      type: 'object',
      description: 'The values in the sentence: `min`, `max`, `nearest` …; absent where there are none.',
      additionalProperties: true,
    },
  },
}

const CODE: Schema = {
  type: 'string',
  enum: Object.keys(ERRORS),
  description: 'The stable code of the error, for programs.',
}
const DETAILS: Schema = {
  description:
    'What a program needs to continue: of a `VALIDATION_ERROR` a list with one entry for each field, of other codes an object, or null where there is nothing.',
  anyOf: [
    { type: 'null' },
    { type: 'object', additionalProperties: true },
    { type: 'array', items: referred('FieldError') },
  ],
}

const FAILURE: Schema = {
  type: 'object',
  description: 'An error in the `standard` envelope.',
  required: ['success', 'code', 'message', 'error', 'request_id', 'version', 'metadata'],
  properties: {
    success: { const: false, description: 'Always false.' },
    code: { type: 'integer', description: 'The HTTP status.' },
    error: {
      type: 'object',
      description: 'What went wrong.',
      required: ['code', 'type', 'message', 'details'],
      properties: {
        code: CODE,
        type: {
          type: 'string',
          enum: [...new Set(Object.values(ERRORS).map((error) => error.type))],
          description: 'The family of the code, for clients that do not know the code.',
        },
        message: text('What is wrong and what to do, in one sentence, for people.'),
        details: DETAILS,
      },
    },
    ...ENVELOPE,
  },
}

/** RFC 9457: the body of an error where the request accepts `application/problem+json`. */
const PROBLEM: Schema = {
  type: 'object',
  description: 'An error in the `problem` style (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { ...text('The address of the description of the code.'), format: 'uri' },
    title: text('The sentence of the code.'),
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: text('The sentence of this error.'),
    code: CODE,
    request_id: ENVELOPE.request_id,
    details: DETAILS,
  },
}

export const SHARED_SCHEMAS: Readonly<Record<string, Schema>> = {
  Metadata: METADATA,
  Failure: FAILURE,
  FieldError: FIELD_ERROR,
  Problem: PROBLEM,
}

const header = (description: string, type: string, example: unknown) => ({
  description,
  schema: { type },
  example,
})

export const HEADERS = {
  'X-Request-Id': header(
    'The id of the request: that of the caller, where it has 1 to 128 letters, digits, dots, hyphens and underscores, otherwise a new one.',
    'string',
    exampleId('req'),
  ),
  'X-API-Version': header('Always `v1`, where the request names the version in this header.', 'string', 'v1'),
  'X-RateLimit-Limit': header(
    'How many requests the longest window allows; in a 429, the window that refused.',
    'integer',
    1000,
  ),
  'X-RateLimit-Remaining': header('How many of them are left.', 'integer', 999),
  'X-RateLimit-Reset': header(
    'When the window is whole again, in seconds since 1970.',
    'integer',
    Math.floor(Date.parse(EXAMPLE_TIME) / 1000) + 3600,
  ),
  'X-RateLimit-Window': header('The length of the window in seconds.', 'integer', 3600),
  'RateLimit-Policy': header(
    'Every window: its quota `q` and its length `w` in seconds (draft-ietf-httpapi-ratelimit-headers).',
    'string',
    '"user-1m";q=50;w=60, "user-1h";q=1000;w=3600',
  ),
  RateLimit: header(
    'What is left of every window: `r` requests, and `t` seconds until more are allowed.',
    'string',
    '"user-1m";r=49;t=60, "user-1h";r=999;t=3600',
  ),
  'Retry-After': header('How many seconds to wait before the request is sent again.', 'integer', 5),
  'WWW-Authenticate': header(
    'The scheme of the credential that is missing or refused, with the reason (RFC 6750).',
    'string',
    'Session realm="latchkey"',
  ),
  'Content-Disposition': header(
    'That the answer is a file, and its name.',
    'string',
    'attachment; filename="audit-log-2030-06-01.jsonl"',
  ),
} as const

export const LIMIT_HEADERS = [
  'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'X-RateLimit-Window', 'RateLimit-Policy', 'RateLimit',
] as const satisfies readonly (keyof typeof HEADERS)[] // biome-ignore format: a list

export const headersOf = (...names: readonly (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

export const securitySchemes = (config: DocumentSettings) => ({
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: `${cookieJar(config.publicUrl).prefix}session`,
    description:
      'The session of a browser: set by the sign-in, HttpOnly. Unsafe methods also need a CSRF token.',
  },
  csrf: {
    type: 'apiKey',
    in: 'header',
    name: 'X-CSRFToken',
    description:
      'Besides the session cookie. From `GET /api/v1/auth/csrf`, or `session.csrf_token` of the sign-in. Alternatives: the header `X-CSRF-Token`, and the field `csrf_token` of a body.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'The session (`token` of the sign-in, `st_…`) or an access token (`access_token`, a JWT): `Authorization: Bearer …`. It needs no CSRF token.',
  },
  api_key: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'An API key; also as `Authorization: Bearer` or `Authorization: Api-Key`.',
  },
  basic: {
    type: 'http',
    scheme: 'basic',
    description:
      'Username or e-mail address, and password (RFC 7617). A wrong one counts as a failed sign-in.',
  },
})

/** The tags of the rows, each in one sentence. */
export const TAGS: Readonly<Record<string, string>> = {
  Authentication: 'Sign-up, sign-in, sign-out, recovery, and checks of a credential.',
  'Identity providers':
    'Signing in with Google, Microsoft, any OpenID Connect issuer or a SAML identity provider.',
  'Second factors': 'Authenticator apps and backup codes: setting up, listing and removing them.',
  Account: 'The account of the signed-in user.',
  Passkeys: 'Signing in with passkeys (WebAuthn), and the passkeys of the signed-in user.',
  'OpenID Connect': 'What apps request to sign users in and to get tokens, by OAuth 2.0 and OpenID Connect.',
  Sessions: 'The sessions of the signed-in user: one for each browser or app that has signed in.',
  Tokens: 'Access and refresh tokens, the keys that verify them, and their revocation.',
  'API keys': 'Credentials of programs. They act for the user who made them, within the permissions of each.',
  'Roles and permissions': 'What users may do at the server, and in apps that use its permissions.',
  Organizations: 'Tenants: their profile, members and roles.',
  Connections:
    'The identity providers that people sign in with, of the server and of organizations, and what their last sign-ins came to.',
  Apps: 'The apps that sign users in here (OAuth 2.0, OpenID Connect), of the server and of organizations, and the APIs that their tokens are for.',
  'Security policies': 'What an organization demands of its members, and who complies.',
  Domains: 'Domains that organizations prove by a TXT record.',
  Invitations: 'Invitations to organizations, from both sides.',
  People: 'Administration of the accounts of all users.',
  'Audit log': 'What happened, when, and who did it.',
  Compatibility: 'Routes of older systems, enabled by `LATCHKEY_COMPAT`.',
  Development: 'Aids for the tests of an app, not in production.',
  Operation: 'Health checks for load balancers and orchestrators.',
}

const STYLES: Readonly<Record<Style, string>> = {
  standard: 'data or error, with the metadata of the answer; the default',
  meta: 'the same members in another order; `details` of a failure is always an object, with the messages of each field',
  errors: '`value` or `errors`, and the status',
  detail: 'the bare data, or `detail`',
  problem: 'the bare data, or the problem details of RFC 9457 as `application/problem+json`',
}

/** The introduction: conventions of every operation, and the five envelopes by example. */
export function introduction(config: DocumentSettings): string {
  const problem = invalid('name', 'required', 'Is required.')
  const shown = Object.entries(STYLES).map(([style, about]) => {
    const writer = STYLE_WRITERS[style as Style]
    const success = writer.success('{"id":"…"}', exampleFields(200, 'Role retrieved.', config))
    const failure = writer.failure(problem, exampleFields(400, problem.message, config))
    return `### \`${style}\`\n\n${about}.\n\n\`\`\`json\n${success}\n\`\`\`\n\n\`\`\`json\n${failure}\n\`\`\``
  })
  return [
    'JSON in snake_case. Times are ISO 8601 in UTC. Ids have a prefix and sort by time: `usr_…`, `ses_…`, `org_…`. Bodies are JSON, or a form with the same fields.',
    'An undeclared member of a body or query is a `VALIDATION_ERROR` with the code `unknown`; `null` and an empty query parameter mean absent, and in a PATCH `null` clears a field that may be null.',
    'Lists are read in pages: `metadata.next_cursor` is the `cursor` of the next page. Styles without metadata have it in a `Link` header with `rel="next"`.',
    'Every answer has an `X-Request-Id`. `X-API-Version: v1` is accepted and echoed; another version is a 400. Requests are counted by caller, and `X-RateLimit-*`, `RateLimit` and `RateLimit-Policy` state what is left.',
    '## Envelopes',
    'The schemas show the `standard` envelope. `Accept: application/vnd.latchkey.<style>+json` selects another one, and `application/problem+json` selects `problem`. `LATCHKEY_ENVELOPE` is the default of the server.',
    ...shown,
  ].join('\n\n')
}

/** A value of each member of `details`, for the example of the code. */
const EXAMPLE_DETAILS: Readonly<Record<string, unknown>> = {
  attempts_remaining: 4,
  lockout_duration: 900,
  attempt: `${exampleId('sgn')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
  methods: ['totp'],
  expires_at: '2030-06-01T12:15:00.000Z',
  max_age: 600,
  required: 'users:write',
  limit: 50,
  window: 60,
  retry_after: 12,
  checks: { database: false },
}

/** An error of the code as it is answered, with the details that are always there. */
export function exampleProblem(code: ErrorCode): Problem {
  if (code === 'VALIDATION_ERROR') return invalid('name', 'required', 'Is required.')
  const { details = {} }: CatalogueEntry = ERRORS[code]
  const shown = Object.entries(EXAMPLE_DETAILS).filter(([name]) => name in details)
  return new Problem(code, shown.length > 0 ? { details: Object.fromEntries(shown) } : {})
}
