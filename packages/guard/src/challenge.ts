/**
 * The `WWW-Authenticate` challenges of a refusal: one for each scheme of the guard, in order (RFC 9110 §11.6.1). Those of a
 * protected resource lead to its metadata (RFC 9728 §5.1) and name the scopes that a token needs.
 */
import type { Problem } from './problem.ts'
import type { GuardRequest } from './request.ts'
import { isOfProof } from './resource/dpop.ts'

export type Challenger = (problem: Problem, request: GuardRequest) => readonly string[]

/** What the challenges of a protected resource say. */
export interface ResourceFacts {
  /** The address of its metadata. */
  readonly metadata: string
  /** The algorithms of DPoP proofs. */
  readonly algorithms: readonly string[]
  /** The scopes that the rule of a refused request demands. */
  readonly scopes: WeakMap<Problem, readonly string[]>
}

/** @param schemes in the order of the methods, each once */
export function challenger(
  schemes: readonly string[],
  realm: string,
  resource: ResourceFacts | null = null,
): Challenger {
  const plain = new Map(schemes.map((scheme) => [scheme, challenge(scheme, realm)]))
  /** What the challenges for tokens end with. */
  const ends = new Map<string, string>()
  if (resource !== null) {
    ends.set('Bearer', `, resource_metadata="${quotable(resource.metadata)}"`)
    // RFC 9449 §7.1
    ends.set('DPoP', `, algs="${resource.algorithms.join(' ')}"${ends.get('Bearer')}`)
  }
  const write = (scheme: string, more: string) => `${plain.get(scheme)}${more}${ends.get(scheme) ?? ''}`
  return (problem, request) => {
    const sent = schemeOf(request)
    if (problem.status === 401) {
      const error = sent === null ? null : errorOf(problem)
      const scope = scopeText(resource?.scopes.get(problem))
      return schemes.map((scheme) => {
        if (scheme !== 'Bearer' && scheme !== 'DPoP') return plain.get(scheme) ?? ''
        if (error === null || scheme !== (schemes.includes(sent ?? '') ? sent : schemes[0]))
          return write(scheme, scope)
        const description = `, error_description="${quotable(problem.message)}"`
        return write(scheme, `, error="${error}"${description}${scope}`)
      })
    }
    // RFC 6750 §3.1 defines these two errors for other statuses
    const scheme = sent === 'DPoP' || !schemes.includes('Bearer') ? 'DPoP' : 'Bearer'
    if (!schemes.includes(scheme)) return []
    if (problem.code === 'BAD_REQUEST') return [write(scheme, ', error="invalid_request"')]
    if (problem.code === 'INSUFFICIENT_PERMISSIONS' && sent !== null)
      return [write(scheme, `, error="insufficient_scope"${scopeOf(problem)}`)]
    return []
  }
}

// RFC 7617 §2.1: names and passwords are UTF-8
const challenge = (scheme: string, realm: string): string =>
  `${scheme} realm="${quotable(realm)}"${scheme === 'Basic' ? ', charset="UTF-8"' : ''}`

/** The scheme in which a token was sent. */
function schemeOf(request: GuardRequest): 'Bearer' | 'DPoP' | null {
  const sent = request.header('authorization') ?? ''
  if (/^bearer /i.test(sent)) return 'Bearer'
  return /^dpop /i.test(sent) ? 'DPoP' : null
}

/** RFC 6750 §3: no error code where no token was sent. RFC 9470 §3: the error of an authentication that is too old. */
function errorOf(problem: Problem): string | null {
  if (problem.code === 'AUTHENTICATION_REQUIRED') return null
  if (problem.code === 'STEP_UP_REQUIRED') return 'insufficient_user_authentication'
  return isOfProof(problem) ? 'invalid_dpop_proof' : 'invalid_token'
}

function scopeOf({ details }: Problem): string {
  const { required, of } = (details ?? {}) as { required?: string | string[]; of?: string }
  if ((of !== 'permissions' && of !== 'scopes' && of !== 'any_scope') || required === undefined) return ''
  return scopeText(typeof required === 'string' ? [required] : required)
}

const scopeText = (scopes: readonly string[] | undefined): string =>
  scopes === undefined || scopes.length === 0 ? '' : `, scope="${quotable(scopes.join(' '))}"`

/** RFC 6750 §3: no quotes, no backslashes, ASCII. */
const quotable = (text: string): string => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")
