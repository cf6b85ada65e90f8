/**
 * Userinfo (OpenID Connect Core §5.3): what an app may know of the user, by its access token. The token comes in the field
 * `Authorization`, or in the form of a POST (RFC 6750 §2.2); one that is bound to a key comes with a proof of it (RFC 9449 §7).
 */
import type { Call } from '../../../base/call.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { Answer, ProtocolRequest } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  currentNonce,
  DPOP_ALGORITHMS,
  type DpopProof,
  NONCE_DEMANDED,
  nonceHeader,
  type ProofFault,
  readProof,
} from '../dpop/index.ts'
import { useOnce } from '../replays/index.ts'
import { chosen, claimsAskedFor, findProfile, userinfoOf } from '../scopes/index.ts'
import { type AppToken, type AppTokens, isUsableToken, userOfToken } from './app-tokens.ts'

type UserinfoError = 'invalid_token' | 'insufficient_scope' | ProofFault['error']

/** RFC 9449 §7.1 */
const ALGORITHMS = `algs="${DPOP_ALGORITHMS.join(' ')}"`

/** RFC 6750 §3, RFC 9449 §7.1. @param isBound whether the token has to be sent with a proof */
const refused = (
  error: UserinfoError,
  message: string,
  { isBound, headers = {} }: { isBound: boolean; headers?: Readonly<Record<string, string>> },
): Problem =>
  problem(error === 'insufficient_scope' ? 'INSUFFICIENT_PERMISSIONS' : 'INVALID_TOKEN', {
    message,
    protocolError: error,
    headers: {
      ...headers,
      'www-authenticate': `${isBound ? 'DPoP' : 'Bearer'} realm="latchkey", error="${error}", error_description="${message}"${isBound ? `, ${ALGORITHMS}` : ''}`,
    },
  })

/** Both schemes, where there is no token that says which. */
const missing = (): Problem =>
  problem('INVALID_TOKEN', {
    message: 'The request has no access token.',
    protocolError: 'invalid_token',
    headers: { 'www-authenticate': `Bearer realm="latchkey", DPoP realm="latchkey", ${ALGORITHMS}` },
  })

type UserinfoTools = Pick<Tools, 'clients' | 'config' | 'db' | 'keyring'> & { tokens: AppTokens }

export async function userinfo(
  tools: UserinfoTools,
  call: Call,
  request: ProtocolRequest,
  inForm: string | undefined,
): Promise<Answer<Record<string, unknown>>> {
  const [, scheme, inHeader] =
    /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i.exec(request.authorization ?? '') ?? []
  if (inHeader !== undefined && inForm !== undefined)
    throw problem('BAD_REQUEST', { message: 'The request has two access tokens.' })
  const text = inHeader ?? inForm
  if (text === undefined) throw missing()
  const byProof = scheme?.toLowerCase() === 'dpop'
  const token = await tools.tokens.read(text, call.now)
  const isBound = token?.jkt == null ? byProof : true
  if (token === null || token.client === null || !token.audience.includes(userinfoOf(tools.config)))
    throw refused('invalid_token', 'The access token is not valid here.', { isBound })
  // RFC 9449 §7.2: a token that is bound to a key is none without it, and one that is not proves no key
  if (byProof !== (token.jkt !== null))
    throw refused('invalid_token', 'The access token has another scheme.', { isBound: token.jkt !== null })
  const proof = token.jkt === null ? null : await provenKey(tools, call, request, { token, text })
  const { claims } = token
  if (!token.scopes.includes('openid'))
    throw refused('insufficient_scope', 'The scope openid is missing.', { isBound })
  const userId = await userOfToken(tools, token)
  const profile = userId === null ? null : await findProfile(tools.db.hot, userId)
  if (profile === null || !(await isUsableToken(tools, token, call.now)))
    throw refused('invalid_token', 'The access token is not valid here.', { isBound })
  const named = Array.isArray(claims.userinfo)
    ? claims.userinfo.filter((name) => typeof name === 'string')
    : []
  const inToken = ['roles', 'org', 'org_role'].filter((name) => claims[name] !== undefined)
  const data = {
    sub: token.sub,
    ...chosen(profile, claimsAskedFor(token.scopes, named)),
    ...Object.fromEntries(inToken.map((name) => [name, claims[name]])),
  }
  return { data, ...nonceHeader(tools, call, proof) }
}

/** RFC 9449 §7: the key of the token, by a proof for this request that is used up. @throws Problem */
async function provenKey(
  tools: UserinfoTools,
  { now }: Call,
  request: ProtocolRequest,
  { token, text }: { token: AppToken; text: string },
): Promise<DpopProof> {
  const { keyring } = tools
  const refuse = ({ error, message }: { error: UserinfoError; message: string }): never => {
    const headers = error === 'use_dpop_nonce' ? { 'dpop-nonce': currentNonce(keyring, now) } : {}
    throw refused(error, message, { isBound: true, headers })
  }
  const { publicUrl } = tools.config
  const proof = readProof(request, { publicUrl, keyring, now, accessToken: text })
  if (proof === null)
    return refuse({ error: 'invalid_dpop_proof', message: 'The request has no DPoP proof.' })
  if ('error' in proof) return refuse(proof)
  if (proof.jkt !== token.jkt)
    return refuse({ error: 'invalid_token', message: 'The access token is bound to another key.' })
  const client = await tools.clients.find(token.client ?? '')
  if (client?.settings.token_endpoint_auth_method === 'none' && !proof.hasNonce) return refuse(NONCE_DEMANDED)
  const used = await useOnce(tools.db, [proof.use])
  if (used.length > 0)
    return refuse({ error: 'invalid_dpop_proof', message: 'The DPoP proof was used before.' })
  return proof
}
