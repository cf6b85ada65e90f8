/**
 * Whom an app admits, and what it may have: judged at the authorization, and again whenever tokens are issued, because memberships,
 * roles and the settings of the app change meanwhile.
 */
import { sql } from 'kysely'
import type { Statements } from '../../../base/db/types.ts'
import { type Eventual, whenReady } from '../../../base/eventual.ts'
import { type Client, isUsableClient, type Resource, STANDARD_SCOPES } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'
import { scopeOfClaim } from '../scopes/index.ts'

/**
 * Whether a user with these roles may sign in to the app at all: with one of its roles, and as a member of one of its organizations,
 * where it names any. A statement only where it names organizations. @param isMember what `isAllowedMember` has said
 */
export async function isAdmitted(
  db: Statements,
  client: Client,
  { userId, roles }: { userId: string; roles: readonly string[] },
  isMember: boolean | null = null,
): Promise<boolean> {
  const { allowed_roles: allowed } = client.settings
  if (allowed.length > 0 && !allowed.some((role) => roles.includes(role))) return false
  return isMember ?? (await isAllowedMember(db, client, userId))
}

/** Whether the user is a member of one of the organizations that the app names, if it names any. */
export const isAllowedMember = async (
  db: Statements,
  { settings: { allowed_organizations: organizations } }: Client,
  userId: string,
): Promise<boolean> => organizations.length === 0 || (await isMemberOfAny(db, userId, organizations))

async function isMemberOfAny(db: Statements, userId: string, ids: readonly string[]): Promise<boolean> {
  const { rows } = await sql`
    select 1 from memberships m join organizations o on o.id = m.organization_id and o.deleted_at is null
    where m.user_id = ${userId} and m.organization_id = any(${[...ids]}::text[]) limit 1`.execute(db)
  return rows.length > 0
}

/**
 * Whether what an app has got may still be used: the app is usable, and its user, if there is one, a member of its organization, if it
 * is one's, and of one of those that it names. Immediate for apps without organizations that memory has.
 * @param userId null: the app has it for itself
 */
export function isStillPermitted(
  { clients, db }: Pick<Tools, 'clients' | 'db'>,
  { clientId, userId }: { clientId: string; userId: string | null },
  now: Date,
): Eventual<boolean> {
  return whenReady<Client | null, boolean>(clients.find(clientId), (client) => {
    if (client === null || !isUsableClient(client, now)) return false
    const { organizationId, settings } = client
    const isForAll = organizationId === null && settings.allowed_organizations.length === 0
    return userId === null || isForAll || isMemberWhereRequired(db.hot, client, userId)
  })
}

async function isMemberWhereRequired(
  db: Statements,
  { organizationId, settings }: Client,
  userId: string,
): Promise<boolean> {
  const required = [organizationId === null ? [] : [organizationId], settings.allowed_organizations]
  for (const ids of required) if (ids.length > 0 && !(await isMemberOfAny(db, userId, ids))) return false
  return true
}

/** Resources are for the apps of their owner: the server's are for its apps, and never for those of organizations. */
export const isResourceOf = (client: Client, resource: Resource): boolean =>
  resource.organizationId === client.organizationId

/** Whether a token was issued to the app, or is for an API of its owner that it serves. */
export const isForApp = (
  tools: Pick<Tools, 'clients'>,
  client: Client,
  token: { client: string | null; audience: readonly string[] },
): Eventual<boolean> => token.client === client.id || isForServed(tools, client, token)

async function isForServed(
  { clients }: Pick<Tools, 'clients'>,
  client: Client,
  token: { audience: readonly string[] },
): Promise<boolean> {
  const served = client.settings.served_resources.filter((one) => token.audience.includes(one))
  for (const identifier of served) {
    const resource = await clients.findResource(identifier)
    if (resource !== null && isResourceOf(client, resource)) return true
  }
  return false
}

const STANDARD: readonly string[] = STANDARD_SCOPES

/**
 * Of these scopes, those that the app may have now: of the server's all, unless it names some; of the resources those that it
 * names. Without refresh tokens there is no access while the user is away.
 */
export function allowedScopes(
  { settings: { scopes: allowed, grant_types: grants } }: Client,
  resources: readonly Resource[],
  names: readonly string[],
): string[] {
  const ofResources = new Set(resources.flatMap(({ scopes }) => scopes.map(({ name }) => name)))
  return [...new Set(names)].filter((name) => {
    if (name === 'offline_access' && !grants.includes('refresh_token')) return false
    if (STANDARD.includes(name)) return allowed === null || allowed.includes(name)
    return ofResources.has(name) && allowed?.includes(name)
  })
}

/**
 * Of the claims that an app has named, those whose scope it may have now.
 * @param narrowed the scopes to which a request narrows what was authorized; null: it does not
 */
export function allowedClaims(
  client: Client,
  claims: RequestedClaims | null,
  narrowed: readonly string[] | null,
): RequestedClaims | null {
  const isAllowed = (name: string): boolean => {
    const scope = scopeOfClaim(name)
    return (narrowed === null || narrowed.includes(scope)) && allowedScopes(client, [], [scope]).length > 0
  }
  return (
    claims && {
      userinfo: (claims.userinfo ?? []).filter(isAllowed),
      id_token: (claims.id_token ?? []).filter(isAllowed),
    }
  )
}
