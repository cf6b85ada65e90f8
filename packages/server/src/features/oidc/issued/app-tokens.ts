/**
 * Reading access tokens of any audience: for userinfo, introspection and revocation. Verified by the guard's code, and compared
 * with the list of revocations; a token that was read before takes no statement.
 */
import { type AccessTokens, accessTokens, type VerifiedToken } from '@latchkey/guard'
import type { Tools } from '../../../core/tools.ts'
import { isStillPermitted } from '../admission/index.ts'

export interface AppToken {
  id: string | null
  sub: string
  /** The app that it was issued to; null for a token of a session. */
  client: string | null
  family: string | null
  scopes: readonly string[]
  audience: readonly string[]
  /** The digest of the key that it is bound to; null: none. */
  jkt: string | null
  claims: Readonly<Record<string, unknown>>
  expiresAt: Date
}

export interface AppTokens {
  /** Null for what is no access token of this server, has expired or was revoked. */
  read(token: string, now: Date): Promise<AppToken | null>
}

export function createAppTokens(tools: Pick<Tools, 'config' | 'clock' | 'keys' | 'revocations'>): AppTokens {
  const { config, clock, keys, revocations } = tools
  const verifier: AccessTokens = accessTokens({
    issuer: config.publicUrl,
    audience: null,
    keys: keys.verifiers(),
    now: () => clock.now().getTime(),
  })
  keys.onChange(() => verifier.replaceKeys(keys.verifiers()))
  const read = new WeakMap<VerifiedToken, AppToken>()

  function verify(token: string): VerifiedToken | null {
    const verdict = verifier.check(token)
    return 'code' in verdict ? null : verdict
  }

  return {
    async read(token, now) {
      await keys.fresh()
      let verified = verify(token)
      if (verified === null) {
        // another node may have published its key a moment ago
        await keys.refetch()
        verified = verify(token)
      }
      if (verified === null) return null
      const { jti, sid, sub, issuedAt, roles, org, client, family } = verified
      if (await revocations.covers({ jti, sid, sub, issuedAt, roles, org, client, family }, now)) return null
      const known = read.get(verified)
      if (known !== undefined) return known
      const made = appTokenOf(verified)
      read.set(verified, made)
      return made
    },
  }
}

/** Whether its app and its user may still use it; one of a session, too. */
export const isUsableToken = async (
  tools: Pick<Tools, 'clients' | 'db'>,
  { client: clientId, sub }: AppToken,
  now: Date,
): Promise<boolean> =>
  clientId === null ||
  (await isStillPermitted(tools, { clientId, userId: sub === clientId ? null : sub }, now))

function appTokenOf({ principal, jti, sub, client, family, until }: VerifiedToken): AppToken {
  const claims = principal.source as Readonly<Record<string, unknown>>
  const { aud, cnf } = claims
  const jkt = typeof cnf === 'object' && cnf !== null ? (cnf as { jkt?: unknown }).jkt : null
  return {
    id: jti,
    sub,
    client,
    family,
    scopes: principal.scopes,
    audience: [aud].flat().filter((one) => typeof one === 'string'),
    jkt: typeof jkt === 'string' ? jkt : null,
    claims,
    expiresAt: principal.expiresAt ?? new Date(until),
  }
}
