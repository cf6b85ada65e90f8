/**
 * Who an access token speaks for, as the server itself asks: verified by the guard's own check, so that server and
 * guards agree, then held against the list of what is revoked. No statement is made while the database's line is
 * heard; a token that was verified once is remembered.
 */
import { accessTokens, type Verified } from '@latchkey/guard'
import type { CallSession, Principal } from '../../base/call.ts'
import { problem } from '../../base/errors.ts'
import type { Authenticated, Verdict } from '../../base/http/authenticate.ts'
import type { Tools } from '../../base/tools.ts'

/** A token whose signature, form and times are good; whether it is revoked was not asked. */
export interface GoodToken {
  id: string
  userId: string
  expiresAt: Date
}

export interface TokenChecks {
  check(token: string, now: Date): Promise<Verdict>
  /** Null for anything but an access token of ours that has not expired. */
  read(token: string): Promise<GoodToken | null>
}

export function tokenChecks(tools: Pick<Tools, 'config' | 'clock' | 'keys' | 'revocations'>): TokenChecks {
  const { config, clock, keys, revocations } = tools
  const verifier = accessTokens({
    issuer: config.publicUrl,
    audience: config.tokenAudience ?? config.publicUrl,
    keys: keys.verifiers(),
    now: () => clock.now().getTime(),
  })
  keys.onChange(() => verifier.replaceKeys(keys.verifiers()))
  const known = new WeakMap<Verified, Authenticated>()

  async function verify(token: string): Promise<Verified | 'expired' | null> {
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

  return {
    async check(token, now) {
      const verified = await verify(token)
      if (verified === 'expired') return { refused: problem('TOKEN_EXPIRED') }
      if (verified === null) return { refused: problem('INVALID_TOKEN') }
      const { jti, sid, sub, iat } = verified
      if (await revocations.covers({ jti, sid, sub, iat }, now)) return { refused: problem('INVALID_TOKEN') }
      const caller = known.get(verified) ?? authenticated(verified)
      known.set(verified, caller)
      return caller
    },
    async read(token) {
      const verified = await verify(token)
      if (verified === 'expired' || verified?.jti == null) return null
      return { id: verified.jti, userId: verified.sub, expiresAt: new Date(verified.until) }
    },
  }
}

function authenticated({ principal, sid, jti, iat, until }: Verified): Authenticated {
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
    limitedTo: null,
  }
  return { principal: who, session: sid === null ? null : session }
}
