/**
 * The rules of organizations themselves: making one, changing, deleting and restoring it. Whoever makes one is its
 * owner. A deleted one is nobody's at once, comes back within its grace period, and then goes for good; its slug is
 * free only then. Leaves who belongs to it to members.ts.
 */
import { can } from '@latchkey/guard'
import { type Call, type CallOrganization, type Principal, systemCall } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret } from '../../../base/crypto.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { revoke, revokeOrganization } from '../../../core/revocations/index.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { OrganizationRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { settleSession, settleSessionsOf } from '../../identity/sessions/index.ts'
import { deletedLetter } from './mail.tsx'
import {
  countOthers,
  countOwned,
  deleteDue,
  holdUser,
  insertMember,
  insertOrganization,
  type OrganizationRow,
  selectAll,
  selectDue,
  selectKeysIn,
  selectMember,
  selectOrganization,
  selectOwn,
  selectOwners,
  takeWish,
  updateDeleted,
  updateOrganization,
  updateRestored,
  updateRole,
} from './sql.ts'
import { assertCovers, type Held, inside } from './standing.ts'

/** How many one person may own. */
export const MOST_OWNED = 100
/** Guards remember the server's word on a key for seconds. */
const TOLD_FOR = 86_400_000

/** An organization, and what the reader is in it. */
export interface OwnOrganization {
  organization: OrganizationRow
  role: string | null
  permissions: readonly string[]
  /** Whether the credential acts in it. */
  isActive: boolean
}

const slugTaken = () =>
  problem('CONFLICT', { message: 'This short name is taken.', details: { field: 'slug' } })

/** Whether somebody may make organizations at all: a setting. */
export const mayCreate = ({ config }: Pick<Tools, 'config'>, principal: Principal | null): boolean =>
  config.organizationCreation === 'everyone' || (principal !== null && can(principal, 'organizations:write'))

/** Makes one; its maker owns it, and the session acts in it from then on. @throws Problem INSUFFICIENT_PERMISSIONS, CONFLICT */
export async function createOrganization(
  tools: Pick<Tools, 'config' | 'db' | 'roles'>,
  call: Call,
  wish: { name: string; slug?: string | undefined },
): Promise<OwnOrganization> {
  const { principal, session, now } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  if (!mayCreate(tools, principal))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: 'organizations:write' } })
  return await tools.db.tx('system', async (tx) => {
    if ((await countOwned(tx, principal.userId)) >= MOST_OWNED)
      throw problem('CONFLICT', { message: `Nobody may own more than ${MOST_OWNED} organizations.` })
    const organization = await writeOrganization(tx, wish, now)
    const { id, name, slug } = organization
    if (!(await holdUser(tx, principal.userId))) throw problem('AUTHENTICATION_REQUIRED')
    await insertMember(tx, { organization_id: id, user_id: principal.userId, role: 'owner', joined_at: now })
    await settleSession(tx, session.id, id)
    await record(tx, call, 'organization.created', id, { name, slug })
    const permissions = tools.roles.organizationPermissionsOf('owner', null)
    return { organization, role: 'owner', permissions, isActive: true }
  })
}

/** Makes one with its members, by the operator; the first of them has to be an owner. @returns its id */
export async function foundByOperator(
  tools: Pick<Tools, 'db' | 'clock'>,
  name: string,
  members: readonly { userId: string; role: OrganizationRole }[],
): Promise<string> {
  const call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const { id, slug } = await writeOrganization(tx, { name }, call.now)
    for (const { userId, role } of members)
      await insertMember(tx, { organization_id: id, user_id: userId, role, joined_at: call.now })
    await record(tx, call, 'organization.created', id, { name, slug, by: 'operator' })
    return id
  })
}

/** Makes the organization that somebody asked for when they signed up; once, however often it is called. */
export async function foundWished(tools: Pick<Tools, 'db'>, userId: string, now: Date): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const wish = await takeWish(tx, userId)
    if (!wish) return
    const { id, name, slug } = await writeOrganization(tx, { name: wish.name }, now)
    await insertMember(tx, { organization_id: id, user_id: userId, role: 'owner', joined_at: now })
    await settleSessionsOf(tx, userId, id)
    await audit(tx, systemCall(now), {
      type: 'organization.created',
      userId,
      username: wish.username,
      organizationId: id,
      details: { name, slug },
    })
  })
}

async function writeOrganization(
  tx: Tx,
  { name, slug }: { name: string; slug?: string | undefined },
  now: Date,
): Promise<OrganizationRow> {
  const base = slug ?? slugOf(name)
  const rest = {
    name,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    purge_at: null,
  }
  // one that was derived gets a tail where it is taken
  for (let tries = 0; tries < (slug === undefined ? 5 : 1); tries += 1) {
    const row = { ...rest, id: newId('org'), slug: tries === 0 ? base : `${base}-${tail()}` }
    if (await insertOrganization(tx, row)) return row
  }
  throw slugTaken()
}

const tail = (): string =>
  randomSecret()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(0, 6)

/** What a name comes to in a URL: small ASCII letters, digits and hyphens. */
export function slugOf(name: string): string {
  const plain = name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll('ß', 'ss')
  const slug = plain
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '')
  return slug.length < 2 ? 'organization' : slug
}

/** Who acted is the event's user; whom it concerns stands in the details. */
export const record = (
  tx: Tx,
  call: Call,
  type: Extract<Parameters<typeof audit>[2]['type'], `organization.${string}`>,
  organizationId: string | null,
  details: Record<string, unknown> = {},
): Promise<void> =>
  audit(tx, call, {
    type,
    userId: call.principal?.userId ?? null,
    username: call.principal?.username ?? null,
    organizationId,
    details,
  })

/** The one that the path names, read as the caller. */
export async function showOrganization(
  tools: Pick<Tools, 'db'>,
  call: Call,
): Promise<Omit<OwnOrganization, 'isActive'>> {
  const { id = '', role = null, permissions = [] } = call.organization ?? {}
  const organization = await tools.db.tx(callerScope(call), (tx) => selectOrganization(tx, id))
  if (!organization) throw problem('NOT_FOUND')
  return { organization, role, permissions }
}

/** What the caller belongs to. */
export async function listOwn(
  tools: Pick<Tools, 'db' | 'roles' | 'keyring'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly OwnOrganization[]; nextCursor: string | null }> {
  const scope = callerScope(call)
  const list = `organizations of ${scope.userId}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(scope, (tx) => selectOwn(tx, scope.userId, after, limit + 1))
  const { page, nextCursor } = pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
  const own = page.map((row) => {
    const { role = null, permissions = [] } = organizationOf(tools.roles, row) ?? {}
    const isActive = row.deleted_at === null && call.organization?.id === row.id
    return { organization: row, role, permissions, isActive }
  })
  return { page: own, nextCursor }
}

/** All of the server, for whoever may read them. */
export async function listAll(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor, search }: { limit: number; cursor?: string | undefined; search?: string | undefined },
): Promise<{ page: readonly OrganizationRow[]; nextCursor: string | null }> {
  const prefix = search === undefined ? null : canonical(search)
  const list = `organizations ${prefix ?? ''}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(callerScope(call), (tx) =>
    selectAll(tx, { prefix, after, limit: limit + 1 }),
  )
  return pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
}

/** @throws Problem CONFLICT for a taken slug */
export async function changeOrganization(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  change: { name?: string | undefined; slug?: string | undefined },
): Promise<Omit<OwnOrganization, 'isActive'>> {
  const { name, slug } = change
  const fields = Object.entries(change).flatMap(([field, value]) => (value === undefined ? [] : [field]))
  if (fields.length === 0) return await showOrganization(tools, call)
  return await inside(tools, call, 'organization:update', async (tx, { standing, organization: before }) => {
    const organization = await takingSlug(() =>
      updateOrganization(
        tx,
        before.id,
        {
          ...(name === undefined ? {} : { name }),
          ...(slug === undefined ? {} : { slug }),
        },
        call.now,
      ),
    )
    if (!organization) throw problem('NOT_FOUND')
    await record(tx, call, 'organization.updated', before.id, { fields })
    return { organization, role: standing.role, permissions: standing.permissions }
  })
}

async function takingSlug<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isUniqueViolation(error, 'organizations_slug')) throw slugTaken()
    throw error
  }
}

/** Nobody acts in it from the commit on. @returns when it goes for good */
export async function deleteOrganization(
  tools: Pick<Tools, 'clock' | 'config' | 'db' | 'mail' | 'roles'>,
  call: Call,
): Promise<Date> {
  return await inside(tools, call, 'organization:delete', async (tx, { organization: { id } }) => {
    const purgeAt = later(call.now, tools.config.organizationGrace)
    // whoever may delete it need not see it afterwards
    if (!(await tx.asSystem((system) => updateDeleted(system, id, call.now, purgeAt))))
      throw problem('NOT_FOUND')
    await tx.asSystem((system) => announceDeletion(tools, system, call, id, purgeAt))
    await record(tx, call, 'organization.deleted', id, { purge_at: purgeAt.toISOString() })
    return purgeAt
  })
}

/** What follows from a deletion: tokens go, owners hear of it. */
async function announceDeletion(
  tools: Pick<Tools, 'clock' | 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  id: string,
  purgeAt: Date,
): Promise<void> {
  await revokeOrganization(tx, id, tools.clock.now())
  const name = (await selectOrganization(tx, id))?.name ?? ''
  for (const { email } of await selectOwners(tx, id))
    await tools.mail.write(
      tx,
      deletedLetter(tools.config, { to: email, locale: call.locale, name, purgeAt }),
      call.now,
    )
}

/** The last member goes: nobody is left who could delete it, nor to hear of it. As the system; it is held. */
export async function deleteDeserted(
  tools: Pick<Tools, 'clock' | 'config'>,
  tx: Tx,
  call: Call,
  id: string,
): Promise<void> {
  const purgeAt = later(call.now, tools.config.organizationGrace)
  if (!(await updateDeleted(tx, id, call.now, purgeAt))) return
  await revokeOrganization(tx, id, tools.clock.now())
  await record(tx, call, 'organization.deleted', id, {
    purge_at: purgeAt.toISOString(),
    reason: 'last_member',
  })
}

/**
 * Within the grace period. One that has lost its last owner meanwhile is given one, which only the server's
 * administrators can: nobody else is left.
 * @throws Problem CONFLICT where it is not deleted, or has no owner; NOT_FOUND for an owner who does not exist
 */
export async function restoreOrganization(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  ownerId?: string | undefined,
): Promise<Omit<OwnOrganization, 'isActive'>> {
  const restore = async (tx: Tx, { standing, organization: { id } }: Held) => {
    const organization = await tx.asSystem((system) => updateRestored(system, id, call.now))
    if (!organization) throw problem('CONFLICT', { message: 'This organization is not deleted.' })
    await tx.asSystem((system) => ensureOwner(system, standing, id, ownerId, call.now))
    await record(tx, call, 'organization.restored', id)
    return { organization, role: standing.role, permissions: standing.permissions }
  }
  return await inside(tools, call, 'organization:delete', restore, { deletedToo: true })
}

async function ensureOwner(
  tx: Tx,
  standing: CallOrganization,
  id: string,
  ownerId: string | undefined,
  now: Date,
): Promise<void> {
  const { owners } = await countOthers(tx, id, '')
  if (owners > 0) return
  if (ownerId === undefined)
    throw problem('CONFLICT', {
      message: 'Nobody owns this organization any more. Name its owner in `owner_id`.',
    })
  assertCovers(standing, ['*'])
  if (!(await holdUser(tx, ownerId))) throw problem('NOT_FOUND')
  const member = await selectMember(tx, id, ownerId)
  if (member) await updateRole(tx, id, ownerId, member.role, 'owner')
  else await insertMember(tx, { organization_id: id, user_id: ownerId, role: 'owner', joined_at: now })
}

const AT_ONCE = 100

/** What was deleted long enough ago goes for good, with all that is in it. */
export async function purgeDeleted(tools: Pick<Tools, 'db'>, now: Date): Promise<void> {
  for (const id of await tools.db.tx('system', (tx) => selectDue(tx, now, AT_ONCE))) {
    await tools.db.tx('system', async (tx) => {
      const keys = await selectKeysIn(tx, id)
      const name = await deleteDue(tx, id, now)
      if (name === null) return
      const until = later(now, TOLD_FOR)
      await revoke(
        tx,
        keys.map((value) => ({ kind: 'key' as const, value, until })),
        now,
      )
      await record(tx, systemCall(now), 'organization.purged', id, { name })
    })
  }
}
