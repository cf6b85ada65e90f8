/**
 * Who an access token speaks for, as the server itself asks: verified by the guard's own check, so that server and
 * guards agree, then held against the list of what is revoked. No statement is made while the database's line is
 * heard; a token that was verified once is remembered.
 */
import { type AccessTokens, accessTokens, type VerifiedToken } from '@latchkey/guard'
import type { CallSession, Principal } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import type { Authenticated, Verdict } from '../../../base/http/request/authenticate.ts'
import type { Tools } from '../../../core/tools.ts'

/** A token whose signature, form and times are good; whether it is revoked was not asked. */
export interface GoodToken {
  id: string
  userId: string
  expiresAt: Date
}

export interface TokenChecks {
  check(token: string, now: Date): Promise<Verdict>
  read: TokenReader
}

/** Null for anything but an access token of ours that has not expired. */
export type TokenReader = (token: string) => Promise<GoodToken | null>

type CheckTools = Pick<Tools, 'config' | 'clock' | 'keys'>

const verifierOf = ({ config, clock, keys }: CheckTools): AccessTokens =>
  accessTokens({
    issuer: config.publicUrl,
    audience: config.tokenAudience ?? config.publicUrl,
    keys: keys.verifiers(),
    now: () => clock.now().getTime(),
  })

async function verify(
  { keys }: CheckTools,
  verifier: AccessTokens,
  token: string,
): Promise<VerifiedToken | 'expired' | null> {
  const waiting = keys.fresh()
  if (waiting) await waiting
  let verdict = verifier.check(token)
  if ('code' in verdict && verdict.code === 'INVALID_TOKEN') {
    // its key may have been published by another node a moment ago
    await keys.refetch()
    verdict = verifier.check(token)
  }
  if (!('code' in verdict)) return verdict
  return verdict.code === 'TOKEN_EXPIRED' ? 'expired' : null
}

async function readWith(tools: CheckTools, verifier: AccessTokens, token: string): Promise<GoodToken | null> {
  const verified = await verify(tools, verifier, token)
  if (verified === 'expired' || verified?.jti == null) return null
  return { id: verified.jti, userId: verified.sub, expiresAt: new Date(verified.until) }
}

/** For a command, which checks one token. */
export const readToken = (tools: CheckTools, token: string): Promise<GoodToken | null> =>
  readWith(tools, verifierOf(tools), token)

export function tokenChecks(tools: CheckTools & Pick<Tools, 'revocations'>): TokenChecks {
  const { keys, revocations } = tools
  const verifier = verifierOf(tools)
  keys.onChange(() => verifier.replaceKeys(keys.verifiers()))
  const known = new WeakMap<VerifiedToken, Authenticated>()
  return {
    async check(token, now) {
      const verified = await verify(tools, verifier, token)
      if (verified === 'expired') return { refused: problem('TOKEN_EXPIRED') }
      if (verified === null) return { refused: problem('INVALID_TOKEN') }
      const { jti, sid, sub, iat, roles, org } = verified
      if (await revocations.covers({ jti, sid, sub, iat, roles, org }, now))
        return { refused: problem('INVALID_TOKEN') }
      const caller = known.get(verified) ?? authenticated(verified)
      known.set(verified, caller)
      return caller
    },
    read: (token) => readWith(tools, verifier, token),
  }
}

function authenticated({ principal, sid, jti, iat, until }: VerifiedToken): Authenticated {
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
    expiresAt,
    actsIn: null,
  }
  const { organizationId, organizationRole: role, organizationPermissions: permissions } = principal
  const organization = organizationId === null ? null : { id: organizationId, role, permissions }
  return { principal: who, session: sid === null ? null : session, organization }
}
