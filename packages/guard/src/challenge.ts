/** The `WWW-Authenticate` challenges of a refusal: one for each scheme of the guard, in order (RFC 9110 §11.6.1). */
import type { Problem } from './problem.ts'
import type { GuardRequest } from './request.ts'

export type Challenger = (problem: Problem, request: GuardRequest) => readonly string[]

/** @param schemes in the order of the methods, each once */
export function challenger(schemes: readonly string[], realm: string): Challenger {
  const plain = schemes.map((scheme) => challenge(scheme, realm))
  const hasBearer = schemes.includes('Bearer')
  const bearer = (error: string, more = '') => `${challenge('Bearer', realm)}, error="${error}"${more}`
  return (problem, request) => {
    if (problem.status === 401) {
      const error = isBearerSent(request) ? errorOf(problem) : null
      if (error === null) return plain
      const description = `, error_description="${quotable(problem.message)}"`
      return schemes.map((scheme, i) => (scheme === 'Bearer' ? bearer(error, description) : (plain[i] ?? '')))
    }
    // RFC 6750 §3.1 defines these two errors for other statuses
    if (!hasBearer) return []
    if (problem.code === 'BAD_REQUEST') return [bearer('invalid_request')]
    if (problem.code === 'INSUFFICIENT_PERMISSIONS' && isBearerSent(request))
      return [bearer('insufficient_scope', scopeOf(problem))]
    return []
  }
}

// RFC 7617 §2.1: names and passwords are UTF-8
const challenge = (scheme: string, realm: string): string =>
  `${scheme} realm="${quotable(realm)}"${scheme === 'Basic' ? ', charset="UTF-8"' : ''}`

const isBearerSent = (request: GuardRequest): boolean =>
  /^bearer /i.test(request.header('authorization') ?? '')

/** RFC 6750 §3: no error code where no token was sent. RFC 9470 §3: the error of an authentication that is too old. */
function errorOf({ code }: Problem): string | null {
  if (code === 'AUTHENTICATION_REQUIRED') return null
  return code === 'STEP_UP_REQUIRED' ? 'insufficient_user_authentication' : 'invalid_token'
}

function scopeOf({ details }: Problem): string {
  const { required, of } = (details ?? {}) as { required?: string | string[]; of?: string }
  if ((of !== 'permissions' && of !== 'scopes' && of !== 'any_scope') || required === undefined) return ''
  return `, scope="${quotable(typeof required === 'string' ? required : required.join(' '))}"`
}

/** RFC 6750 §3: no quotes, no backslashes, ASCII. */
const quotable = (text: string): string => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")
