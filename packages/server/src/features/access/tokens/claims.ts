/**
 * What an access token says, RFC 9068 §2.2 with the claims of docs: who, with which roles and permissions, by which
 * proofs, until when. Leaves signing to core/keys. Invariant: no token outlives its session, and none is made that
 * a revocation from before covers.
 */

import type { CallOrganization } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { LONGEST_TOKEN, seconds } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** RFC 9068 §2.1 */
const TYPE = 'at+jwt'

export interface Subject {
  userId: string
  username: string | null
  roles: readonly string[]
  organization: CallOrganization | null
  /** null for a token that the operator makes. */
  session: { id: string; amr: readonly string[]; authenticatedAt: Date; expiresAt: Date } | null
}

export interface AccessToken {
  token: string
  id: string
  expiresAt: Date
  /** Seconds. */
  expiresIn: number
}

export type SigningTools = Pick<Tools, 'config' | 'keys' | 'revocations' | 'roles'>

/** @throws Problem INVALID_TOKEN where the session or the user is revoked altogether */
export function signAccessToken(
  tools: SigningTools,
  subject: Subject,
  now: Date,
  lifetime: number = tools.config.accessTokenLifetime,
): AccessToken {
  const { config, keys, revocations } = tools
  const { userId, session, organization } = subject
  const { id: org = null, role: orgRole = null } = organization ?? {}
  const iat = revocations.issueAt({ sub: userId, sid: session?.id ?? null, roles: subject.roles, org }, now)
  if (iat === null) throw problem('INVALID_TOKEN')
  const longest = iat + Math.floor(Math.min(lifetime, LONGEST_TOKEN) / 1000)
  const exp = session === null ? longest : Math.min(longest, seconds(session.expiresAt))
  const id = newId('tok')
  const roles = [...subject.roles]
  const token = keys.sign(
    TYPE,
    {
      iss: config.publicUrl,
      aud: config.tokenAudience ?? config.publicUrl,
      sub: userId,
      username: subject.username,
      role: tools.roles.primaryOf(roles),
      roles,
      permissions: tools.roles.permissionsOf(roles),
      ...(organization === null ? {} : { org, org_role: orgRole, org_permissions: organization.permissions }),
      ...(session === null ? {} : { sid: session.id }),
      jti: id,
      amr: session?.amr ?? [],
      acr: acrOf(session?.amr ?? []),
      auth_time: session === null ? iat : seconds(session.authenticatedAt),
      iat,
      exp,
    },
    now,
  )
  return { token, id, expiresAt: new Date(exp * 1000), expiresIn: exp - seconds(now) }
}

/** OpenID Connect Core §2: `0` where nobody proved anything; then by how many kinds of proof, after NIST SP 800-63B. */
const acrOf = (amr: readonly string[]): string =>
  amr.length === 0 ? '0' : amr.length === 1 ? 'aal1' : 'aal2'
