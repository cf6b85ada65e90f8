/**
 * The check of access tokens by the server itself: verified by the guard's code, so that server and guards agree,
 * then compared with the list of revocations. It runs no SQL statement while the LISTEN connection is up; verified
 * tokens are cached.
 */

import { type AccessTokens, accessTokens, type VerifiedToken } from '@latchkey/guard'
import { ACRS } from '../../../base/assurance.ts'
import type { CallSession, Principal } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { type Eventual, whenReady } from '../../../base/eventual.ts'
import type { AuthenticatedCaller, Verdict } from '../../../base/http/request/authenticate.ts'
import type { Tools } from '../../../core/tools.ts'

/** A token with valid signature, form and times; it may be revoked. */
export interface VerifiedAccessToken {
  id: string
  userId: string
  expiresAt: Date
}

export interface TokenChecks {
  check(token: string, now: Date): Eventual<Verdict>
  read: TokenReader
}

/** Null for any text but an access token of this server that has not expired. */
export type TokenReader = (token: string) => Promise<VerifiedAccessToken | null>

type CheckTools = Pick<Tools, 'config' | 'clock' | 'keys'>

const verifierOf = ({ config, clock, keys }: CheckTools): AccessTokens =>
  accessTokens({
    issuer: config.publicUrl,
    audience: config.tokenAudience ?? config.publicUrl,
    keys: keys.verifiers(),
    now: () => clock.now().getTime(),
  })

type TokenVerdict = VerifiedToken | 'expired' | null

function verify(tools: CheckTools, verifier: AccessTokens, token: string): Eventual<TokenVerdict> {
  const waiting = tools.keys.fresh()
  return waiting ? waiting.then(() => verifyNow(tools, verifier, token)) : verifyNow(tools, verifier, token)
}

function verifyNow({ keys }: CheckTools, verifier: AccessTokens, token: string): Eventual<TokenVerdict> {
  const verdict = verifier.check(token)
  if ('code' in verdict && verdict.code === 'INVALID_TOKEN') {
    // another node may have published its key a moment ago
    return keys.refetch().then(() => tokenVerdict(verifier.check(token)))
  }
  return tokenVerdict(verdict)
}

function tokenVerdict(verdict: ReturnType<AccessTokens['check']>): TokenVerdict {
  if (!('code' in verdict)) return verdict
  return verdict.code === 'TOKEN_EXPIRED' ? 'expired' : null
}

async function readWith(
  tools: CheckTools,
  verifier: AccessTokens,
  token: string,
): Promise<VerifiedAccessToken | null> {
  const verified = await verify(tools, verifier, token)
  if (verified === 'expired' || verified?.jti == null) return null
  return { id: verified.jti, userId: verified.sub, expiresAt: new Date(verified.until) }
}

/** For commands, which check one token. */
export const readAccessToken = (tools: CheckTools, token: string): Promise<VerifiedAccessToken | null> =>
  readWith(tools, verifierOf(tools), token)

export function tokenChecks(tools: CheckTools & Pick<Tools, 'revocations'>): TokenChecks {
  const { keys, revocations } = tools
  const verifier = verifierOf(tools)
  keys.onChange(() => verifier.replaceKeys(keys.verifiers()))
  const known = new WeakMap<VerifiedToken, AuthenticatedCaller>()
  function accept(verified: VerifiedToken): AuthenticatedCaller {
    let caller = known.get(verified)
    if (caller === undefined) {
      caller = authenticated(verified)
      known.set(verified, caller)
    }
    return caller
  }
  function admit(verified: TokenVerdict, now: Date): Eventual<Verdict> {
    if (verified === 'expired') return { refused: problem('TOKEN_EXPIRED') }
    if (verified === null) return { refused: problem('INVALID_TOKEN') }
    // the token of an app is for its resources, and never acts as the user here
    if (verified.client !== null) return { refused: problem('INVALID_TOKEN') }
    const { jti, sid, sub, issuedAt, roles, org } = verified
    return whenReady(revocations.covers({ jti, sid, sub, issuedAt, roles, org }, now), (isRevoked) =>
      isRevoked ? { refused: problem('INVALID_TOKEN') } : accept(verified),
    )
  }
  return {
    check: (token, now) => whenReady(verify(tools, verifier, token), (verified) => admit(verified, now)),
    read: (token) => readWith(tools, verifier, token),
  }
}

function authenticated({ principal, sid, jti, iat, until }: VerifiedToken): AuthenticatedCaller {
  const at = principal.authenticatedAt ?? new Date(iat * 1000)
  const expiresAt = principal.expiresAt ?? new Date(until)
  const who: Principal = {
    userId: principal.userId,
    username: principal.username,
    roles: principal.roles,
    permissions: principal.permissions,
    method: 'access_token',
    name: principal.username,
    locale: null,
    keyId: null,
    tokenId: jti,
    expiresAt,
    amr: principal.amr,
  }
  const session: CallSession = {
    id: sid ?? '',
    via: 'token',
    createdAt: at,
    authenticatedAt: at,
    acr: ACRS.find((acr) => acr === principal.acr) ?? 'aal1',
    proofs: [],
    expiresAt,
    actsIn: null,
  }
  const { organizationId, organizationRole: role, organizationPermissions: permissions } = principal
  const organization = organizationId === null ? null : { id: organizationId, role, permissions }
  return { principal: who, session: sid === null ? null : session, organization }
}
