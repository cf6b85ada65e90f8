/**
 * The rules of an organization's domains: adding, removing, and choosing the connection of one. Invariants: a domain is
 * one that an organization can own, in its canonical spelling; adding it twice is one domain, with one token; its connection
 * is one of the same organization. The user who has added it answers for the roles of sign-ins by its addresses, also where
 * another one or the recurring check proves it (members/joining.ts); the user who chooses its connection, for the roles of that. Leaves the proof to checks.ts.
 */
import { randomBytes } from 'node:crypto'
import { covers } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, notFound, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { endAuthority } from '../../../core/authority-ended.ts'
import { rolesIn } from '../../../core/providers/settings.ts'
import { changingRequirement } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  assertCovers,
  findMembership,
  inside,
  type LockedOrganization,
  recordOrganizationEvent,
} from '../membership/index.ts'
import { permissionsOfRoles } from '../roles/index.ts'
import { isMailProvider } from './mail-providers.ts'
import { isPublicSuffix } from './public-suffixes.ts'
import {
  type DomainRow,
  deleteDomain,
  insertDomain,
  selectConnectionSettings,
  selectConnections,
  selectDomain,
  selectDomains,
  selectLeading,
  selectLeads,
  updateAddedBy,
  updateConnection,
} from './sql.ts'

/** How many domains one organization may have. */
export const MOST_DOMAINS = 100
/** An unverified domain is checked this often. */
export const HOUR = 3_600_000
/** How long an unverified domain is checked without a request. */
export const CHECKED_FOR = 7 * 24 * HOUR
/** The first label of the name at which the record is published. */
export const CHALLENGE = '_latchkey-challenge'

/** The record that proves the domain. */
export const challengeOf = ({ domain, token }: Pick<DomainRow, 'domain' | 'token'>) => ({
  type: 'TXT' as const,
  host: CHALLENGE,
  name: `${CHALLENGE}.${domain}`,
  value: `latchkey-verify=${token}`,
})

/** The domains of the organization that the path names, the oldest first. */
export const listDomains = (tools: Pick<Tools, 'db'>, call: Call): Promise<DomainRow[]> =>
  tools.db.tx(callerScope(call), (tx) => selectDomains(tx, call.organization?.id ?? ''))

/** @throws Problem NOT_FOUND */
export async function getDomain(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<DomainRow> {
  const row = await tools.db.tx(callerScope(call), (tx) => selectDomain(tx, call.organization?.id ?? '', id))
  if (!row) throw notFound('domain')
  return row
}

/** @throws Problem VALIDATION_ERROR for a domain that no organization can own */
async function assertOwnable(domain: string): Promise<void> {
  if (isMailProvider(domain))
    throw invalid('domain', 'mail_provider', 'This is the domain of a mail provider, where everyone can have a mailbox. Use a domain of your own.') // biome-ignore format: a sentence
  if (await isPublicSuffix(domain))
    throw invalid('domain', 'public_suffix', 'Others register domains below this one. Use the domain that is registered for you.') // biome-ignore format: a sentence
}

/**
 * Adds a domain. One that the organization has already is the same domain, so that a request may be repeated; the caller answers
 * for it from then on, where they may do all that the one may who did before.
 * @throws Problem VALIDATION_ERROR for a domain that no organization can own, CONFLICT for too many
 */
export async function addDomain(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  domain: string,
): Promise<{ row: DomainRow; isNew: boolean }> {
  await assertOwnable(domain)
  return await inside(tools, call, 'connections:write', async (tx, locked) => {
    const { userId } = locked.actor
    const added = await addOwnable(tx, call, { organizationId: locked.organization.id, userId }, domain)
    if (added.isNew || added.row.added_by === userId) return added
    return { ...added, row: await tx.asSystem((system) => answerFor(tools, system, call, locked, added.row)) }
  })
}

/** As the system. @returns the domain, for which the caller answers if they may do all that the one may who did before */
async function answerFor(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  call: Call,
  { actor: { userId }, membership }: LockedOrganization,
  row: DomainRow,
): Promise<DomainRow> {
  const { id, domain, organization_id, added_by: before } = row
  const former = before === null ? null : await findMembership(tools, tx, organization_id, before, call.now)
  if (former && !covers(membership.permissions, former.permissions)) return row
  await updateAddedBy(tx, id, userId)
  const details = { domain_id: id, domain, before }
  await recordOrganizationEvent(tx, call, 'organization.domain.added', organization_id, details)
  return { ...row, added_by: userId }
}

/** The same in a transaction that has locked the organization, for a domain that was checked by `assertOwnable`. */
async function addOwnable(
  tx: Tx,
  call: Call,
  { organizationId, userId }: { organizationId: string; userId: string | null },
  domain: string,
): Promise<{ row: DomainRow; isNew: boolean }> {
  const existing = await selectDomains(tx, organizationId)
  const known = existing.find((one) => one.domain === domain)
  if (known) return { row: known, isNew: false }
  if (existing.length >= MOST_DOMAINS)
    throw problem('CONFLICT', {
      message: `An organization may have at most ${MOST_DOMAINS} domains. Remove one first.`,
      details: { reason: 'too_many' },
    })
  const id = newId('dom')
  await insertDomain(tx, {
    id,
    organization_id: organizationId,
    domain,
    // 160 bits, in the letters of one case that every DNS panel keeps
    token: randomBytes(20).toString('hex'),
    added_by: userId,
    created_at: call.now,
    next_check_at: later(call.now, HOUR),
  })
  await recordOrganizationEvent(tx, call, 'organization.domain.added', organizationId, {
    domain_id: id,
    domain,
  })
  const row = await selectDomain(tx, organizationId, id)
  if (!row) throw notFound('domain')
  return { row, isNew: true }
}

/** From the commit on the domain has no owner, and no sign-in is routed by it. @throws Problem NOT_FOUND */
export async function removeDomain(
  tools: Pick<Tools, 'clock' | 'db' | 'jobs' | 'roles'>,
  call: Call,
  domainId: string,
): Promise<void> {
  await inside(tools, call, 'connections:write', async (tx, { organization: { id } }) => {
    const row = await selectDomain(tx, id, domainId)
    if (!row) throw notFound('domain')
    await tx.asSystem((system) =>
      changingRequirement(tools, system, id, () => removeLocked(tools, system, call, row)),
    )
  })
}

/** The same in a transaction that has locked the organization. As the system. @throws Problem NOT_FOUND */
async function removeLocked(
  { jobs }: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  { id, organization_id, domain, verified_at }: DomainRow,
): Promise<void> {
  if (!(await deleteDomain(tx, id))) throw notFound('domain')
  await recordOrganizationEvent(tx, call, 'organization.domain.removed', organization_id, {
    domain_id: id,
    domain,
    verified: verified_at !== null,
  })
  if (verified_at !== null) await endAuthority(jobs, tx, organization_id, call.now)
}

export interface ConnectionChoice {
  id: string
  name: string
  status: string
}

/** The connections that a domain may use. */
export const listConnectionChoices = (tools: Pick<Tools, 'db'>, call: Call): Promise<ConnectionChoice[]> =>
  tools.db.tx(callerScope(call), (tx) => selectConnections(tx, call.organization?.id ?? ''))

/**
 * @param connectionId null: the organization's first active connection
 * @throws Problem NOT_FOUND, VALIDATION_ERROR for a connection that the organization does not have, INSUFFICIENT_PERMISSIONS for
 * one that gives roles beyond the caller's
 */
export async function changeDomainConnection(
  tools: Pick<Tools, 'clock' | 'db' | 'jobs' | 'roles'>,
  call: Call,
  domainId: string,
  connectionId: string | null,
): Promise<DomainRow> {
  return await inside(tools, call, 'connections:write', async (tx, { organization: { id }, membership }) => {
    const row = await selectDomain(tx, id, domainId)
    if (!row) throw notFound('domain')
    if (row.connection_id === connectionId) return row
    const choices = await selectConnections(tx, id)
    const chosen = choices.find((one) =>
      connectionId === null ? one.status === 'active' : one.id === connectionId,
    )
    if (connectionId !== null && !chosen)
      throw invalid('connection_id', 'unknown', 'The organization has no connection with this id.')
    const given = chosen ? await tx.asSystem((system) => permissionsGiven(tools, system, id, chosen.id)) : []
    for (const permissions of given) assertCovers(membership, permissions)
    await tx.asSystem(async (system) => {
      await changingRequirement(tools, system, id, () => setConnection(system, call, row, connectionId))
      // one that a set-up link has made speaks for those domains alone that lead to it
      await endAuthority(tools.jobs, system, id, call.now)
    })
    return { ...row, connection_id: connectionId }
  })
}

/** What the roles permit that a connection of the organization gives. As the system. */
async function permissionsGiven(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  organizationId: string,
  connectionId: string,
): Promise<readonly (readonly string[])[]> {
  const roles = rolesIn(await selectConnectionSettings(tx, connectionId)).map(({ role }) => role)
  return [...(await permissionsOfRoles(tools, tx, organizationId, [...new Set(roles)])).values()]
}

/**
 * Chooses a connection for the domains of its organization that `selects` accepts and for which none was chosen. As the system;
 * the organization is locked.
 */
async function setDomainConnection(
  { jobs }: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  organizationId: string,
  selects: (domain: DomainRow) => boolean,
  connectionId: string,
): Promise<void> {
  const rows = await selectDomains(tx, organizationId)
  const chosen = rows.filter((row) => row.connection_id === null && selects(row))
  for (const row of chosen) await setConnection(tx, call, row, connectionId)
  if (chosen.some(isVerified)) await endAuthority(jobs, tx, organizationId, call.now)
}

const isVerified = ({ verified_at }: Pick<DomainRow, 'verified_at'>): boolean => verified_at !== null

export interface LeadingDomains {
  domains: readonly Pick<DomainRow, 'id' | 'domain'>[]
  /** To which connection they lead without the one that they lead to now; null for none. */
  next: ConnectionChoice | null
}

/** The domains that lead to a connection, and where they lead once it is deleted. As the system. */
async function listLeading(tx: Tx, organizationId: string, connectionId: string): Promise<LeadingDomains> {
  const domains = await selectLeading(tx, organizationId, connectionId)
  const others = domains.length === 0 ? [] : await selectConnections(tx, organizationId)
  const next = others.find(({ id, status }) => id !== connectionId && status === 'active') ?? null
  return { domains, next }
}

/**
 * Runs a change of the connections of an organization, and records the domains that lead elsewhere afterwards which no one has
 * chosen: those that name no connection, and those whose connection was deleted. A connection of a set-up link to which one led
 * speaks for it no more. As the system; the organization is locked.
 * @param assertMayLead throws where domains may not lead to that connection
 */
async function recordLeads<T>(
  { jobs }: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  organizationId: string,
  change: () => Promise<T>,
  assertMayLead: (connectionId: string) => Promise<void>,
): Promise<T> {
  const before = new Map((await selectLeads(tx, organizationId)).map((row) => [row.id, row]))
  const result = await change()
  let isLeadLost = false
  for (const { id, domain, connection_id: to, leads_to } of await selectLeads(tx, organizationId)) {
    const was = before.get(id)
    if (!was) continue
    const isReleased = was.connection_id !== to
    if (!isReleased && (to !== null || was.leads_to === leads_to)) continue
    if (leads_to !== null) await assertMayLead(leads_to)
    isLeadLost ||= was.leads_to !== null
    await recordOrganizationEvent(tx, call, 'organization.domain.connection_changed', organizationId, {
      domain_id: id,
      domain,
      from: was.connection_id ?? was.leads_to,
      to,
      leads_to,
    })
  }
  if (isLeadLost) await endAuthority(jobs, tx, organizationId, call.now)
  return result
}

async function setConnection(
  tx: Tx,
  call: Call,
  { id, domain, organization_id, connection_id }: DomainRow,
  connectionId: string | null,
): Promise<void> {
  await updateConnection(tx, id, connectionId)
  await recordOrganizationEvent(tx, call, 'organization.domain.connection_changed', organization_id, {
    domain_id: id,
    domain,
    from: connection_id,
    to: connectionId,
  })
}

/** What set-up links, and changes of connections, do in a transaction of theirs, which has locked the organization. */
export const domainChanges = {
  listLeading,
  recordLeads,
  list: selectDomains,
  assertOwnable,
  add: addOwnable,
  setConnection: setDomainConnection,
  remove: removeLocked,
}
