/**
 * Userinfo (OpenID Connect Core §5.3): what an app may know of the user, by its access token. The token comes in the field
 * `Authorization`, or in the form of a POST (RFC 6750 §2.2).
 */
import type { Call } from '../../../base/call.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { ProtocolRequest } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { chosen, claimsAskedFor, findProfile, userinfoOf } from '../scopes/index.ts'
import type { AppTokens } from './app-tokens.ts'

/** RFC 6750 §3.1 */
const refused = (error: 'invalid_token' | 'insufficient_scope' | null, message: string): Problem =>
  problem(error === 'insufficient_scope' ? 'INSUFFICIENT_PERMISSIONS' : 'INVALID_TOKEN', {
    message,
    protocolError: error ?? 'invalid_token',
    headers: {
      'www-authenticate': `Bearer realm="latchkey"${error === null ? '' : `, error="${error}", error_description="${message}"`}`,
    },
  })

export async function userinfo(
  tools: Pick<Tools, 'config' | 'db'> & { tokens: AppTokens },
  call: Call,
  { authorization }: ProtocolRequest,
  inForm: string | undefined,
): Promise<Record<string, unknown>> {
  const [, inHeader] = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '') ?? []
  if (inHeader !== undefined && inForm !== undefined)
    throw problem('BAD_REQUEST', { message: 'The request has two access tokens.' })
  const text = inHeader ?? inForm
  if (text === undefined) throw refused(null, 'The request has no access token.')
  const token = await tools.tokens.read(text, call.now)
  if (token === null || token.client === null || !token.audience.includes(userinfoOf(tools.config)))
    throw refused('invalid_token', 'The access token is not valid here.')
  const { claims } = token
  if (!token.scopes.includes('openid')) throw refused('insufficient_scope', 'The scope openid is missing.')
  const profile = await findProfile(tools.db.hot, token.sub)
  if (profile === null) throw refused('invalid_token', 'The access token is not valid here.')
  const named = Array.isArray(claims.userinfo)
    ? claims.userinfo.filter((name) => typeof name === 'string')
    : []
  const inToken = ['roles', 'org', 'org_role'].filter((name) => claims[name] !== undefined)
  return {
    sub: token.sub,
    ...chosen(profile, claimsAskedFor(token.scopes, named)),
    ...Object.fromEntries(inToken.map((name) => [name, claims[name]])),
  }
}
