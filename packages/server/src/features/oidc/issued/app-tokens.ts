/**
 * Reading access tokens of any audience: for userinfo, introspection and revocation. Verified by the guard's code, and compared
 * with the list of revocations; a token that was read before takes no statement.
 */
import { type AccessTokens, accessTokens, type VerifiedToken } from '@latchkey/guard'
import { type Eventual, whenReady } from '../../../base/eventual.ts'
import { isId } from '../../../base/ids.ts'
import { userInSub } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { isStillPermitted } from '../admission/index.ts'

export interface AppToken {
  id: string | null
  sub: string
  /** The app that it was issued to; null for a token of a session. */
  client: string | null
  family: string | null
  /** The apps that it needs: that which it was issued to, and those that act in it or did before. */
  apps: readonly string[]
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
      const fresh = keys.fresh()
      if (fresh !== null) await fresh
      let verified = verify(token)
      if (verified === null) {
        // another node may have published its key a moment ago
        await keys.refetch()
        verified = verify(token)
      }
      if (verified === null) return null
      const { jti, sid, sub, issuedAt, roles, org, client, family, actors } = verified
      const revocable = { jti, sid, sub, issuedAt, roles, org, client, family, actors }
      const covered = revocations.covers(revocable, now)
      if (covered instanceof Promise ? await covered : covered) return null
      const known = read.get(verified)
      if (known !== undefined) return known
      const made = appTokenOf(verified)
      read.set(verified, made)
      return made
    },
  }
}

/** Whether its user and its apps may still use it, that from which it was exchanged too; one of a session, always. */
export function isUsableToken(
  tools: Pick<Tools, 'clients' | 'db'>,
  token: AppToken,
  now: Date,
): Eventual<boolean> {
  const { client, apps, sub } = token
  if (client === null) return true
  return whenReady<string | null, boolean>(userOfToken(tools, token), (userId) => {
    if (userId === null && sub !== client) return false
    const [only, ...others] = apps
    if (only !== undefined && others.length === 0)
      return isStillPermitted(tools, { clientId: only, userId }, now)
    return allStillPermitted(tools, apps, userId, now)
  })
}

async function allStillPermitted(
  tools: Pick<Tools, 'clients' | 'db'>,
  apps: readonly string[],
  userId: string | null,
  now: Date,
): Promise<boolean> {
  for (const clientId of apps) if (!(await isStillPermitted(tools, { clientId, userId }, now))) return false
  return true
}

/** The user whom a token is about; null: the app itself, or a user who was deleted. */
export const userOfToken = ({ db }: Pick<Tools, 'db'>, { sub, client }: AppToken): Eventual<string | null> =>
  sub === client ? null : userInSub(db.hot, sub)

function appTokenOf({ principal, jti, sub, client, family, actors, until }: VerifiedToken): AppToken {
  const claims = principal.source as Readonly<Record<string, unknown>>
  const { aud, cnf } = claims
  const jkt = typeof cnf === 'object' && cnf !== null ? (cnf as { jkt?: unknown }).jkt : null
  return {
    id: jti,
    sub,
    client,
    family,
    apps: [...new Set([...(client === null ? [] : [client]), ...actors.filter((one) => !isId('usr', one))])],
    scopes: principal.scopes,
    audience: [aud].flat().filter((one) => typeof one === 'string'),
    jkt: typeof jkt === 'string' ? jkt : null,
    claims,
    expiresAt: principal.expiresAt ?? new Date(until),
  }
}
