/**
 * Just-in-time membership: a sign-in by the connection of an organization makes the user a member, and gives the role that
 * the groups of the provider map to. Leaves the sign-in itself to signin/federation.
 * Invariants, each under the lock of the organization: only an active connection of an organization with a proven domain has
 * an effect, and a membership is made for an address of such a domain alone; no role is given beyond the least one that the
 * maker of the connection (the operator could grant any), or the user who has added the domain of the address, could not grant now, because
 * everyone can have an account at some providers, so that the domain decides who signs in: of an answer without the address that is the
 * domain of the account's own, and without one no more than the least role is given to whom a sign-in has made a member; an owner is never changed; whom the
 * organization has removed stays removed.
 */
import { covers } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import type { ProviderConnection } from '../../../core/connections/index.ts'
import type { ExternalIdentity } from '../../../core/providers/index.ts'
import { revokeMember } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findSpokenDomain, listSpokenDomains, type SpokenDomain } from '../domains/index.ts'
import { addMembership, lockOrganization } from '../membership/index.ts'
import { mayUserGrantRole, permissionsOfRole } from '../roles/index.ts'
import {
  isRemoved,
  lockActiveConnection,
  selectJoined,
  selectVerifiedAddress,
  updateMemberRole,
} from './sql.ts'

type JoinTools = Pick<Tools, 'clock' | 'roles'>

/** The role of a member whom no rule gives another one. */
const LEAST = 'member'

/** What a sign-in has made of the user in the organization; `null`: they are no member. */
export interface JoinedOrganization {
  organizationId: string
  role: string
  /** Whether this sign-in has made the membership. */
  isNew: boolean
}

interface Joining {
  user: { id: string; username: string | null }
  connection: ProviderConnection & { organizationId: string }
  identity: Pick<ExternalIdentity, 'email' | 'emailVerified' | 'groups'>
  /** That of the address, if the provider has verified it and the connection speaks for it. */
  domain: SpokenDomain | null
  /** That by which the user is let in: `domain`, or of an answer without it that of the account's own verified address. */
  letsIn: SpokenDomain | null
  /** Whether a sign-in has made the user a member, or would: then a domain has decided that they are one. */
  isByDomain: boolean
}

/**
 * Locks the organization of a connection, where it has one, and the connection against being changed or deleted. Before the
 * user's row is locked in the same transaction: locks are taken in the order organizations, roles, users. System scope.
 * @param connection as it was when its provider answered: another party may answer by it since it was changed
 * @returns whether the connection is active and unchanged, and its organization is not deleted
 */
export async function lockJoining(
  tx: Tx,
  { id, organizationId, version }: Pick<ProviderConnection, 'id' | 'organizationId' | 'version'>,
): Promise<boolean> {
  // one that is deleted signs no user in, also before it is purged
  if (organizationId !== null && (await lockOrganization(tx, organizationId))?.deleted_at !== null)
    return false
  return await lockActiveConnection(tx, id, version)
}

/**
 * Makes the user of a sign-in a member of the connection's organization, or changes the role of a member, as the settings of
 * the connection say. Before the session starts, so that it acts there. System scope; `lockJoining` precedes it.
 * @returns null for a connection of the server, and where the user is no member
 */
export async function joinByConnection(
  tools: JoinTools,
  tx: Tx,
  call: Call,
  user: Joining['user'],
  connection: ProviderConnection,
  identity: Joining['identity'],
): Promise<JoinedOrganization | null> {
  const { organizationId } = connection
  if (organizationId === null) return null
  const organization = await lockOrganization(tx, organizationId)
  if (!organization || organization.deleted_at !== null) return null
  const member = await selectJoined(tx, organizationId, user.id)
  const by = { ...connection, organizationId }
  const domains = connection.status === 'active' ? await listSpokenDomains(tx, by) : []
  if (domains.length === 0) return member && { organizationId, role: member.role, isNew: false }
  const { email, emailVerified } = identity
  const domain = email !== null && emailVerified ? await findSpokenDomain(tx, by, email) : null
  const letsIn = domain ?? (await findOwnDomain(tx, by, user.id))
  const isByDomain = member === null || member.joined_by !== null
  const joining = { user, connection: by, identity, domain, letsIn, isByDomain }
  return member ? await reapply(tools, tx, call, joining, member) : await join(tools, tx, call, joining)
}

/** The domain of the account's verified address, where the connection speaks for it. */
async function findOwnDomain(
  tx: Tx,
  by: Pick<ProviderConnection, 'id'>,
  userId: string,
): Promise<SpokenDomain | null> {
  const address = await selectVerifiedAddress(tx, userId)
  return address === undefined ? null : await findSpokenDomain(tx, by, address)
}

/** The role of the first group that the user has; null for none. */
const mappedRole = ({ connection, identity }: Joining): string | null =>
  connection.settings.group_roles?.find(({ group }) => identity.groups?.includes(group))?.role ?? null

const defaultRole = ({ connection }: Joining): string => connection.settings.default_role ?? LEAST

/** The role that a sign-in gives, and the one that it does not. */
interface LimitedRole {
  role: string
  withheld?: string
  /** The domain, where the one who added it limits the role. */
  domain_id?: string
}

/**
 * The role, where those who answer for it could grant it now; else the least one.
 * @param byAddress whether it is the default one, which is for addresses of proven domains
 */
async function withinReach(
  tools: JoinTools,
  tx: Tx,
  { connection: { madeBy, byOperator, organizationId }, domain, letsIn, isByDomain }: Joining,
  role: string,
  now: Date,
  { byAddress = false }: { byAddress?: boolean } = {},
): Promise<LimitedRole> {
  const limited = { role: LEAST, withheld: role }
  const permissions = await permissionsOfRole(tools, tx, organizationId, role)
  if (permissions === null) return limited
  if (covers(tools.roles.organizationPermissionsOf(LEAST, null), permissions)) return { role }
  const mayGrant = async (userId: string | null): Promise<boolean> =>
    userId !== null && (await mayUserGrantRole(tools, tx, { organizationId, userId, role }, now))
  if (!byOperator && !(await mayGrant(madeBy))) return limited
  if (domain === null && byAddress) return limited
  // an answer without the address does not lift the limit of the domain; whom others have made a member, no domain has let in
  if (letsIn === null) return isByDomain ? limited : { role }
  return (await mayGrant(letsIn.addedBy)) ? { role } : { ...limited, domain_id: letsIn.id }
}

const record = (
  tx: Tx,
  call: Call,
  type: 'organization.member.joined' | 'organization.member.role_changed',
  { user, connection: { id, organizationId } }: Joining,
  details: LimitedRole & { before?: string },
): Promise<void> =>
  audit(tx, call, {
    type,
    userId: user.id,
    username: user.username,
    organizationId,
    details: { user_id: user.id, ...details, connection_id: id },
  })

async function join(
  tools: JoinTools,
  tx: Tx,
  call: Call,
  joining: Joining,
): Promise<JoinedOrganization | null> {
  const { user, connection, domain } = joining
  const { organizationId, settings } = connection
  if (settings.registers === false || domain === null) return null
  if (await isRemoved(tx, organizationId, user.id)) return null
  const wanted = mappedRole(joining) ?? defaultRole(joining)
  const given = await withinReach(tools, tx, joining, wanted, call.now)
  const { role } = given
  const row = { organization_id: organizationId, user_id: user.id, role, joined_at: call.now }
  const isNew = await addMembership(tx, { ...row, joined_by: connection.id })
  if (isNew) await record(tx, call, 'organization.member.joined', joining, given)
  return { organizationId, role, isNew }
}

/**
 * What groups map to holds for every member but owners. Without a match, those whom a sign-in made members lose what a group
 * has given them, where groups are mapped at all: otherwise the default role is that of their first sign-in alone.
 */
async function reapply(
  tools: JoinTools,
  tx: Tx,
  call: Call,
  joining: Joining,
  { role: before, joined_by }: { role: string; joined_by: string | null },
): Promise<JoinedOrganization> {
  const { user, connection, identity } = joining
  const { organizationId, settings } = connection
  const unchanged = { organizationId, role: before, isNew: false }
  // an answer without groups, such as Entra ID's for a member of many, is not one of a member of none
  if (identity.groups === null) return unchanged
  const isByGroups = joined_by !== null && (settings.group_roles ?? []).length > 0
  const mapped = mappedRole(joining)
  const wanted = mapped ?? (isByGroups ? defaultRole(joining) : null)
  if (before === 'owner' || wanted === null) return unchanged
  const given = await withinReach(tools, tx, joining, wanted, call.now, { byAddress: mapped === null })
  const { role } = given
  if (role === before) return unchanged
  // a role that others have given, beyond those who answer for this sign-in, is not theirs to change
  if (joined_by === null && (await withinReach(tools, tx, joining, before, call.now)).role !== before)
    return unchanged
  if (!(await updateMemberRole(tx, organizationId, user.id, before, role))) return unchanged
  await revokeMember(tx, organizationId, user.id, tools.clock)
  await record(tx, call, 'organization.member.role_changed', joining, { ...given, before })
  return { organizationId, role, isNew: false }
}
