/**
 * The claims of access tokens (RFC 9068 §2.2, and docs): the user with roles and permissions, the authentication
 * methods and the expiry. Leaves signing to core/keys. Invariants: no token outlives its session, nor the time for which
 * the session acts in the organization that it names; no token is issued that an earlier revocation covers.
 */
import type { Acr } from '../../../base/assurance.ts'
import type { CallOrganization } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { newIdAt } from '../../../base/ids.ts'
import { LONGEST_TOKEN, seconds } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** RFC 9068 §2.1 */
const TYPE = 'at+jwt'

export interface Subject {
  userId: string
  username: string | null
  roles: readonly string[]
  /** `until`: the instant from which the session does not act in it; milliseconds. */
  organization: (CallOrganization & { until: number }) | null
  /** Null for a token that the operator issues. */
  session: { id: string; amr: readonly string[]; acr: Acr; authenticatedAt: Date; expiresAt: Date } | null
}

export interface AccessToken {
  token: string
  id: string
  expiresAt: Date
  /** Seconds. */
  expiresIn: number
}

export type SigningTools = Pick<Tools, 'config' | 'keys' | 'revocations' | 'roles'>

/** @throws Problem INVALID_TOKEN where the session or the user is revoked */
export function signAccessToken(
  tools: SigningTools,
  subject: Subject,
  now: Date,
  lifetime: number = tools.config.accessTokenLifetime,
): AccessToken {
  const { config, keys, revocations } = tools
  const { userId, session, organization } = subject
  const { id: org = null, role: orgRole = null } = organization ?? {}
  const issuedAt = revocations.issueAt(
    { sub: userId, sid: session?.id ?? null, roles: subject.roles, org },
    now,
  )
  if (issuedAt === null) throw problem('INVALID_TOKEN')
  const iat = seconds(now)
  const longest = iat + Math.floor(Math.min(lifetime, LONGEST_TOKEN) / 1000)
  const acting = organization === null ? longest : Math.floor(organization.until / 1000)
  const exp = Math.min(longest, acting, session === null ? longest : seconds(session.expiresAt))
  const id = newIdAt('tok', issuedAt)
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
      // OpenID Connect Core §2: `0` is no authentication, which is what an operator's token has
      acr: session?.acr ?? '0',
      auth_time: session === null ? iat : seconds(session.authenticatedAt),
      iat,
      exp,
    },
    now,
  )
  return { token, id, expiresAt: new Date(exp * 1000), expiresIn: exp - iat }
}
