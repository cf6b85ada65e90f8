/**
 * The claims of access tokens (RFC 9068 §2.2, and docs): the user with roles and permissions, the authentication
 * methods and the expiry. Leaves signing to core/keys. Invariants: no token outlives its session, nor the time for which
 * the session acts in the organization that it names; no token is issued that an earlier revocation covers.
 */
import { within } from '@latchkey/guard'
import type { Acr } from '../../../base/assurance.ts'
import type { CallOrganization } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { isId, newIdAt } from '../../../base/ids.ts'
import { LONGEST_TOKEN, type Revocable, seconds } from '../../../core/revocations/index.ts'
import { UNNAMED_ROLE } from '../../../core/revocations/list.ts'
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
  session: {
    /** Null where the tokens of an app outlive the session. */
    id: string | null
    amr: readonly string[]
    acr: Acr
    authenticatedAt: Date
    expiresAt: Date
  } | null
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
  const { config } = tools
  const { userId, session, organization } = subject
  const at = seconds(now)
  const claims = {
    aud: config.tokenAudience ?? config.publicUrl,
    sub: userId,
    ...rightsOf(tools, subject, ALL),
    ...sidOf(subject),
    amr: session?.amr ?? [],
    // OpenID Connect Core §2: `0` is no authentication, which is what an operator's token has
    acr: session?.acr ?? '0',
    auth_time: session === null ? at : seconds(session.authenticatedAt),
  }
  const by = { sub: userId, sid: session?.id ?? null, roles: subject.roles, org: organization?.id ?? null }
  return mint(tools, { by, claims, lifetime, ends: endsOf(subject, true) }, now)
}

/** Which rights of the user a token names. */
interface RightsNamed {
  username: boolean
  roles: boolean
  /** `all` of them; those that these patterns also permit; or null: the token says nothing about permissions. */
  permissions: 'all' | readonly string[] | null
  organization: boolean
  /** The role in that organization. */
  organizationRole: boolean
}

/** How the user was authenticated, and when. */
interface Authentication {
  at: Date
  acr: Acr
  amr: readonly string[]
}

/** RFC 9068 §2.2.1: the same in all tokens of one authorization, also where the session has proven more since. */
const authenticationIn = ({ at, acr, amr }: Authentication): object => ({ amr, acr, auth_time: seconds(at) })

/** What an app gets a token for. */
export interface ForClient {
  clientId: string
  /** By what the app knows the user, where that is not the id: the token names no session either. */
  pairwise?: string | null
  /** What the token may be used for, RFC 6749 §3.3. */
  scopes: readonly string[]
  /** Where it may be used; one at least. */
  audience: readonly string[]
  /** What authorizes it; null where no user does. */
  familyId: string | null
  /** Rights of the user that the resource asks for, or the app by a scope. */
  names: RightsNamed
  /** The digest of the key that it is bound to (RFC 9449 §6.1); null: to none. */
  jkt: string | null
  /** Claims that the app has named for userinfo (OpenID Connect Core §5.5). */
  userinfo: readonly string[]
  /** Milliseconds. */
  lifetime: number
  /** The authentication that the user authorized the app by; absent: that of the session. */
  authorized?: Authentication | undefined
  /** Who acts for the user, by an exchange, and who did before, the latest first (RFC 8693 §4.1); absent: the app for itself. */
  actors?: readonly string[]
}

/**
 * The access token of an app (RFC 9068): for a user, or for the app itself where there is none. Rights of the user are in it only where the
 * resource asks for them, and of the permissions those that `names` has: for resources, what the scopes of the token permit too.
 * @throws Problem INVALID_TOKEN where the user, the session, the family or the app is revoked
 */
export function signClientToken(
  tools: SigningTools,
  subject: Subject | null,
  {
    clientId,
    pairwise = null,
    scopes,
    audience,
    familyId,
    names,
    jkt,
    userinfo,
    lifetime,
    authorized,
    actors = [],
  }: ForClient,
  now: Date,
): AccessToken {
  const [only = '', ...others] = audience
  const { session = null, organization = null, userId = clientId, roles = [] } = subject ?? {}
  const claims: Record<string, unknown> = {
    aud: others.length === 0 ? only : audience,
    sub: pairwise ?? userId,
    client_id: clientId,
    scope: scopes.join(' '),
  }
  if (familyId !== null) claims.fam = familyId
  if (subject !== null) {
    if (pairwise === null) Object.assign(claims, sidOf(subject))
    Object.assign(claims, rightsOf(tools, subject, names))
  }
  if (session !== null)
    Object.assign(claims, authenticationIn(authorized ?? { ...session, at: session.authenticatedAt }))
  if (userinfo.length > 0) claims.userinfo = userinfo
  if (jkt !== null) claims.cnf = { jkt }
  if (actors.length > 0) claims.act = actorIn(actors)
  const by = {
    sub: pairwise ?? userId,
    sid: session?.id ?? null,
    family: familyId,
    client: clientId,
    roles: rolesBehind(names, roles, actors),
    org: names.organization ? (organization?.id ?? null) : null,
    actors,
  }
  const ends = subject === null ? [] : endsOf(subject, names.organization)
  return mint(tools, { by, claims, lifetime, ends }, now)
}

const ALL: RightsNamed = {
  username: true,
  roles: true,
  permissions: 'all',
  organization: true,
  organizationRole: true,
}

/** The user's rights, and the organization in which they act. */
function rightsOf(
  { roles }: SigningTools,
  { username, roles: held, organization }: Subject,
  names: RightsNamed,
): object {
  const { permissions: patterns } = names
  const named = (permissions: readonly string[]): readonly string[] =>
    patterns === 'all' ? permissions : within(patterns ?? [], permissions)
  return {
    ...(names.username && { username }),
    ...(names.roles && { role: roles.primaryOf([...held]), roles: [...held] }),
    ...(patterns !== null && { permissions: named(roles.permissionsOf([...held])) }),
    ...(names.organization && organization !== null && organizationIn(organization, names)),
    ...(names.organization &&
      patterns !== null &&
      organization !== null && { org_permissions: named(organization.permissions) }),
  }
}

const organizationIn = ({ id, role }: CallOrganization, { organizationRole }: RightsNamed): object => ({
  org: id,
  ...(organizationRole && { org_role: role }),
})

/** RFC 8693 §4.1: who acted before is within. */
const actorIn = ([sub, ...before]: readonly string[]): object => ({
  sub,
  ...(before.length > 0 && { act: actorIn(before) }),
})

/** The roles that a token depends on: those that it names, and an unnamed one for others, which guards know by the same claims. */
const rolesBehind = (
  names: RightsNamed,
  roles: readonly string[],
  actors: readonly string[],
): readonly string[] => [
  ...(names.roles ? roles : []),
  ...((!names.roles && names.permissions !== null) || actors.some(isUserId) ? [UNNAMED_ROLE] : []),
]
const isUserId = (id: string): boolean => isId('usr', id)

const sidOf = ({ session }: Subject): object => (session?.id == null ? {} : { sid: session.id })

/** The instants that no token outlives, in seconds. */
const endsOf = ({ session, organization }: Subject, namesOrganization: boolean): number[] => [
  ...(session === null ? [] : [seconds(session.expiresAt)]),
  ...(namesOrganization && organization !== null ? [Math.floor(organization.until / 1000)] : []),
]

interface TokenContents {
  /** What it can be revoked by. */
  by: Omit<Revocable, 'issuedAt'>
  claims: Readonly<Record<string, unknown>>
  /** Milliseconds. */
  lifetime: number
  /** Seconds since 1970. */
  ends: readonly number[]
}

function mint(
  { config, keys, revocations }: SigningTools,
  { by, claims, lifetime, ends }: TokenContents,
  now: Date,
): AccessToken {
  const issuedAt = revocations.issueAt(by, now)
  if (issuedAt === null) throw problem('INVALID_TOKEN')
  const iat = seconds(now)
  const exp = Math.min(iat + Math.floor(Math.min(lifetime, LONGEST_TOKEN) / 1000), ...ends)
  const id = newIdAt('tok', issuedAt)
  const token = keys.sign(TYPE, { iss: config.publicUrl, ...claims, jti: id, iat, exp }, now)
  return { token, id, expiresAt: new Date(exp * 1000), expiresIn: exp - iat }
}
