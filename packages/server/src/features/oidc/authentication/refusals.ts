/** The errors of the token endpoint (RFC 6749 §5.2), as Problems: the code says the status, `protocolError` the word. */
import { type Problem, problem } from '../../../base/errors.ts'

export type TokenError =
  | 'invalid_request'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_dpop_proof'
  // RFC 8628 §3.5
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'

/** @param message for developers */
export const refusal = (error: TokenError, message: string): Problem =>
  problem('BAD_REQUEST', { protocolError: error, message })

const UNKNOWN =
  'It is unknown, was used, has expired or was revoked; or the client_id, redirect_uri, code_verifier or DPoP key is not the one that belongs to it.'

/** The same for a code or token that is unknown, used, expired, revoked, another app's, or not sent with what belongs to it (RFC 6749 §5.2). */
export const invalidGrant = (message = UNKNOWN): Problem => refusal('invalid_grant', message)

/**
 * RFC 6749 §5.2: a 401, with the scheme that the app has used. @param byHeader whether it has used the field `Authorization`
 * @param message the same for every failure of those who have not proven anything
 */
export const invalidClient = (
  byHeader: boolean,
  message = 'The app is unknown, or has not proven who it is.',
): Problem =>
  problem('AUTHENTICATION_FAILED', {
    protocolError: 'invalid_client',
    message,
    headers: { 'www-authenticate': byHeader ? 'Basic realm="latchkey"' : 'Bearer realm="latchkey"' },
  })
