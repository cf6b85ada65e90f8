/**
 * `oauth`: the bare answer, or `{error, error_description}` (RFC 6749 §5.2). The style of OAuth's rows, for every
 * `Accept`.
 */
import type { ErrorCode } from '../errors.ts'
import { asQuotedText } from '../quoted.ts'
import { JSON_TYPE, type StyleWriter, sentence } from './style.ts'

/** The OAuth error of each code, for problems without a `protocolError`: RFC 6749 §4.1.2.1, §5.2, RFC 6750 §3.1, RFC 9470 §3. */
export const OAUTH_ERRORS: Readonly<Record<ErrorCode, string>> = {
  AUTHENTICATION_REQUIRED: 'invalid_client',
  AUTHENTICATION_FAILED: 'invalid_client',
  SESSION_EXPIRED: 'invalid_token',
  INVALID_API_KEY: 'invalid_token',
  TOKEN_EXPIRED: 'invalid_token',
  INVALID_TOKEN: 'invalid_token',
  MFA_REQUIRED: 'insufficient_user_authentication',
  STEP_UP_REQUIRED: 'insufficient_user_authentication',
  INSUFFICIENT_PERMISSIONS: 'insufficient_scope',
  EMAIL_NOT_VERIFIED: 'access_denied',
  ACCOUNT_DISABLED: 'access_denied',
  ACCOUNT_LOCKED: 'access_denied',
  PASSWORD_EXPIRED: 'access_denied',
  MFA_ENROLMENT_REQUIRED: 'access_denied',
  CSRF_FAILED: 'invalid_request',
  VALIDATION_ERROR: 'invalid_request',
  BAD_REQUEST: 'invalid_request',
  NOT_FOUND: 'invalid_request',
  METHOD_NOT_ALLOWED: 'invalid_request',
  CONFLICT: 'invalid_request',
  PAYLOAD_TOO_LARGE: 'invalid_request',
  UNSUPPORTED_MEDIA_TYPE: 'invalid_request',
  HEADERS_TOO_LARGE: 'invalid_request',
  REQUEST_TIMEOUT: 'invalid_request',
  RATE_LIMIT_EXCEEDED: 'temporarily_unavailable',
  UNAVAILABLE: 'temporarily_unavailable',
  INTERNAL_ERROR: 'server_error',
}

export const oauth: StyleWriter = {
  failureType: JSON_TYPE,
  bare: true,
  // RFC 6749 §5.1: together with no-store
  headers: ['pragma', 'no-cache'],
  success: (data) => data,
  failure: (problem) =>
    JSON.stringify({
      error: problem.protocolError ?? OAUTH_ERRORS[problem.code],
      error_description: asQuotedText(sentence(problem)),
    }),
}
