/**
 * What an app gets: an access token for its resources, an ID token where it asks who the user is, and the answer around them
 * (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3). One function for every grant.
 */

import type { Acr } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Statements } from '../../../base/db/types.ts'
import { Problem } from '../../../base/errors.ts'
import { asQuotedValue } from '../../../base/quoted.ts'
import type { Client, Resource } from '../../../core/clients/index.ts'
import { findSid, isPairwise, subjectFor } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { clientSubject, endFamily, type RequestedClaims, signClientToken } from '../../access/tokens/index.ts'
import { isAdmitted, isResourceOf } from '../admission/index.ts'
import { invalidGrant, refusal } from '../authentication/index.ts'
import { makeIdToken } from '../id-tokens/index.ts'
import { chosen, claimsAskedFor, findProfile, userinfoOf } from '../scopes/index.ts'
import type { ReadAhead } from './ahead.ts'

export type IssueTools = Pick<
  Tools,
  'config' | 'keyring' | 'keys' | 'log' | 'revocations' | 'roles' | 'clients' | 'db'
>

export interface AppTokenAnswer {
  access_token: string
  token_type: 'Bearer' | 'DPoP'
  /** Seconds. */
  expires_in: number
  /** Absent: no scope. */
  scope?: string
  refresh_token?: string
  id_token?: string
  /** Of an exchange (RFC 8693 §2.2.1). */
  issued_token_type?: string
}

/** Where the subject of a token comes from: a session, or a family that outlives it. */
type SubjectRow = Parameters<typeof clientSubject>[1]

export interface Issuance {
  client: Client
  row: SubjectRow
  familyId: string
  scopes: readonly string[]
  resources: readonly Resource[]
  claims: RequestedClaims | null
  /** The authentication that the user authorized the app by. */
  authorized: { at: Date; acr: Acr; amr: readonly string[] }
  nonce: string | null
  refreshToken: string | null
  jkt: string | null
  /** What was read before the refresh token was used up; absent: it is read now. */
  ahead?: ReadAhead | null
  /** Whether a refresh token was used up for it, which a fault must not cost. */
  isRefresh?: true
}

/**
 * @throws Problem INVALID_TOKEN where what it is based on was revoked meanwhile; INVALID_GRANT where the app admits the user no more: the
 * family ends, because the app never gets the token that has replaced its own, and a later use of that would count as a theft
 */
export async function issue(
  tools: IssueTools & Pick<Tools, 'clock'>,
  by: Issuance,
  call: Call,
): Promise<AppTokenAnswer> {
  const { client, row, scopes, claims, refreshToken, jkt } = by
  const { now } = call
  const subject = clientSubject(tools, row, now)
  // memberships, roles and policies may have changed since the user authorized the app
  const isMember = client.organizationId === null || subject.organization?.id === client.organizationId
  if (!isMember || !(await isStillAdmitted(tools, by, subject))) {
    await endFamily(tools, call, { ...row, family_id: by.familyId, client_id: client.id })
    throw invalidGrant('The user may not use this app any more.')
  }
  const sub = by.ahead?.sub ?? (await subjectFor(tools, client, row.user_id, now))
  const access = signClientToken(
    tools,
    subject,
    {
      ...forClient(tools, by, client.settings.first_party),
      pairwise: isPairwise(client) ? sub : null,
      familyId: by.familyId,
      jkt,
      userinfo: claims?.userinfo ?? [],
      authorized: by.authorized,
    },
    now,
  )
  return {
    access_token: access.token,
    token_type: jkt === null ? 'Bearer' : 'DPoP',
    expires_in: access.expiresIn,
    ...scopeOf(scopes),
    ...(refreshToken !== null && { refresh_token: refreshToken }),
    ...(scopes.includes('openid') &&
      (await idTokenMember(tools, by, { sub, subject, accessToken: access.token }, now))),
  }
}

/** Read again, because it may have changed; a fault does not cost the refresh token. */
async function isStillAdmitted(
  { db }: Pick<Tools, 'db'>,
  { client, ahead }: Issuance,
  subject: ReturnType<typeof clientSubject>,
): Promise<boolean> {
  try {
    return await isAdmitted(db.hot, client, subject)
  } catch (err) {
    if (!ahead) throw err
    return await isAdmitted(db.hot, client, subject, ahead.isMember)
  }
}

type OfIdToken = { sub: string; subject: ReturnType<typeof clientSubject>; accessToken: string }

/** OpenID Connect Core §12.2: the answer to a refresh may have no ID token, and does not where a fault would cost the refresh token. */
async function idTokenMember(
  tools: IssueTools,
  by: Issuance,
  of: OfIdToken,
  now: Date,
): Promise<{ id_token?: string }> {
  try {
    return { id_token: await idToken(tools, by, of, now) }
  } catch (err) {
    if (!by.isRefresh || err instanceof Problem) throw err
    tools.log.error({ client: by.client.id, err }, 'an ID token was left out of the answer to a refresh')
    return {}
  }
}

/** What an app has tokens for itself for. */
export type AppAccess = ReturnType<typeof appAccess>

export const appAccess = (tools: Pick<IssueTools, 'config'>, by: For) => ({
  ...forClient(tools, by, true),
  familyId: null,
  userinfo: [],
})

/** A token for the app itself (RFC 6749 §4.4). */
export function issueToClient(
  tools: IssueTools,
  access: AppAccess,
  { jkt }: Pick<Issuance, 'jkt'>,
  now: Date,
): AppTokenAnswer {
  const { token, expiresIn } = signClientToken(tools, null, { ...access, jkt }, now)
  return {
    access_token: token,
    token_type: jkt === null ? 'Bearer' : 'DPoP',
    expires_in: expiresIn,
    ...scopeOf(access.scopes),
  }
}

export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** What an exchange gives. */
export interface ExchangeIssuance
  extends Pick<Issuance, 'client' | 'scopes' | 'resources' | 'jkt' | 'familyId'> {
  subject: ReturnType<typeof clientSubject>
  /** By what the app knows the subject, where that is not the id. */
  pairwise?: string | null
  /** Of what the subject has authorized; absent: the authentication of the session. */
  authorized?: Issuance['authorized']
  /** Who acts for the subject, a user or an app, and who did before, the latest first. */
  actors: readonly string[]
  /** The token does not outlive this instant. */
  until: Date
}

/** The token of an exchange, for named resources alone, never for APIs of this server (RFC 8693 §2.2.1). */
export function issueExchanged(
  tools: IssueTools,
  by: ExchangeIssuance,
  now: Date,
): { answer: AppTokenAnswer; tokenId: string } {
  const { client, subject, pairwise = null, scopes, jkt, familyId, actors, until } = by
  // the token that a service exchanges for itself may be that of an app of another party
  const isTrusted = client.settings.first_party && !actors.includes(client.id)
  const common = { ...forClient(tools, by, false), names: rightsNamed(by, isTrusted) }
  const lifetime = Math.min(common.lifetime, until.getTime() - now.getTime())
  const access = signClientToken(
    tools,
    subject,
    { ...common, pairwise, lifetime, familyId, jkt, userinfo: [], authorized: by.authorized, actors },
    now,
  )
  const answer = {
    access_token: access.token,
    issued_token_type: ACCESS_TOKEN,
    token_type: jkt === null ? ('Bearer' as const) : ('DPoP' as const),
    expires_in: access.expiresIn,
    ...scopeOf(scopes),
  }
  return { answer, tokenId: access.id }
}

/** A list of scopes has one at least (RFC 6749 appendix A.4): without any, there is no member. */
const scopeOf = (scopes: readonly string[]): { scope?: string } =>
  scopes.length === 0 ? {} : { scope: scopes.join(' ') }

type For = Pick<Issuance, 'client' | 'scopes' | 'resources'>
type RightsNamed = Parameters<typeof signClientToken>[2]['names']

function forClient({ config }: Pick<IssueTools, 'config'>, by: For, isForOwn: boolean) {
  const { scopes, resources } = by
  const { id, settings, organizationId } = by.client
  const isOwn = organizationId === null && isForOwn
  let lifetime = config.accessTokenLifetime / 1000
  lifetime = Math.min(lifetime, settings.access_token_lifetime ?? lifetime)
  for (const { tokenLifetime } of resources) lifetime = Math.min(lifetime, tokenLifetime ?? lifetime)
  return {
    clientId: id,
    scopes,
    audience: audienceOf(config, { id, scopes, resources, isOwn }),
    names: rightsNamed(by, settings.first_party),
    lifetime: lifetime * 1000,
  }
}

/** What can name permissions: `invoices:read`, `invoices:*`, `*`. */
const PERMISSION = /^(?:\*|[^:]+:[^:]+)$/

/**
 * The rights of the user in a token. At a resource these are the permissions that a scope of the resource covers too, so that the token
 * permits no more than the app was allowed. Without a resource, the APIs of the server judge its own apps by all of them.
 * @param isTrusted whether the app may show resources who the user is, roles and organization without the scopes that name them
 */
function rightsNamed({ client, scopes, resources }: For, isTrusted: boolean): RightsNamed {
  const { organizationId, settings } = client
  const isOwn = organizationId === null && settings.first_party
  const isFull =
    resources.length === 0
      ? isOwn && settings.token_claims === 'full'
      : resources.every(({ claims }) => claims === 'full')
  const isShown = isFull && isTrusted
  const patterns = () => {
    const ofResources = new Set(resources.flatMap((one) => one.scopes.map(({ name }) => name)))
    return scopes.filter((name) => ofResources.has(name) && PERMISSION.test(name))
  }
  return {
    username: isFull && (isTrusted || scopes.includes('profile')),
    roles: isShown || scopes.includes('roles'),
    permissions: !isFull ? null : resources.length === 0 ? 'all' : patterns(),
    // an app of an organization acts there alone
    organization: isShown || (isFull && organizationId !== null) || scopes.includes('organization'),
    organizationRole: isShown || scopes.includes('organization'),
  }
}

/**
 * The resources that are named. Without any, a token of the server's own apps, and one that an app of the server has for itself, is for
 * the APIs that accept tokens of this server; every other one is for none. Userinfo accepts the token where `openid` was granted.
 * @param of `isOwn`: of the server, and for a user first-party, or for the app itself
 */
function audienceOf(
  config: Tools['config'],
  of: { id: string; scopes: readonly string[]; resources: readonly Resource[]; isOwn: boolean },
): string[] {
  const { id, scopes, resources, isOwn } = of
  const named = resources.map(({ identifier }) => identifier)
  const all = named.length === 0 && isOwn ? [config.tokenAudience ?? config.publicUrl] : named
  if (scopes.includes('openid')) all.push(userinfoOf(config))
  return all.length === 0 ? [id] : all
}

async function idToken(
  tools: IssueTools,
  by: Issuance,
  { sub, subject, accessToken }: OfIdToken,
  now: Date,
): Promise<string> {
  const { client, row, authorized, nonce, ahead } = by
  const sid = ahead ? ahead.sid : row.session_id && (await findSid(tools, client, row.session_id))
  const profile = { ...(await profileIn(tools.db.hot, by)), ...rightsIn(by, subject) }
  const contents = {
    client,
    sub,
    sid,
    authorized,
    nonce,
    accessToken,
    profile,
  }
  return await makeIdToken(tools, contents, now)
}

/** The roles and the organization as userinfo has them, for apps that do not call it. */
const rightsIn = (
  { client, scopes }: Issuance,
  { roles, organization }: ReturnType<typeof clientSubject>,
): Record<string, unknown> =>
  client.settings.claims_in_id_token
    ? {
        ...(scopes.includes('roles') && { roles: [...roles] }),
        ...(scopes.includes('organization') &&
          organization !== null && { org: organization.id, org_role: organization.role }),
      }
    : {}

/** Claims of the user belong to userinfo (§5.4), unless the app names them for the ID token or cannot ask there. */
async function profileIn(
  db: Statements,
  { client, row, scopes, claims, ahead }: Issuance,
): Promise<Record<string, unknown>> {
  const named = claims?.id_token ?? []
  const asked = claimsAskedFor(client.settings.claims_in_id_token ? scopes : [], named)
  if (asked.size === 0) return {}
  return chosen(ahead?.profile ?? (await findProfile(db, row.user_id)) ?? {}, asked)
}

/**
 * The resources of a request, of those that were authorized (RFC 8707 §2.2). One that was deleted or is not the app's any more is left
 * out, unless the app names it or no other is left. @throws Problem `invalid_target`
 */
export async function resourcesFor(
  { clients }: Pick<Tools, 'clients'>,
  client: Client,
  named: readonly string[] | undefined,
  authorized: readonly string[],
): Promise<Resource[]> {
  const isNamed = named !== undefined && named.length > 0
  const found: Resource[] = []
  for (const identifier of isNamed ? new Set(named) : authorized) {
    const resource = authorized.includes(identifier) ? await clients.findResource(identifier) : null
    if (resource !== null && isResourceOf(client, resource)) found.push(resource)
    else if (isNamed)
      throw refusal(
        'invalid_target',
        `The resource ${asQuotedValue(identifier)} does not exist, or was not authorized.`,
      )
  }
  // a token without a resource would be for other APIs
  if (found.length === 0 && authorized.length > 0)
    throw refusal('invalid_target', 'None of the resources that were authorized exists any more.')
  return found
}
