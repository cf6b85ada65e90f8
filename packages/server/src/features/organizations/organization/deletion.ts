/**
 * The rules of deleting, restoring and purging organizations. From the commit on a deleted one is
 * inactive for all credentials, and what its connections alone have proven ends, also where it is restored; until `purge_at` it
 * can be restored, then it is purged with all its rows.
 */
import { type Call, findLocale, systemCall } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { endAuthority } from '../../../core/authority-ended.ts'
import { endClientsAccess } from '../../../core/client-access.ts'
import { endProofsOfOrganization } from '../../../core/connection-ended.ts'
import { revoke, revokeOrganization } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { releaseKeptTokens } from '../../identity/identities/index.ts'
import {
  ensureOwner,
  inside,
  type LockedOrganization,
  type OrganizationRow,
  recordOrganizationEvent,
} from '../membership/index.ts'
import { organizationDeletedEmail } from './mail.tsx'
import type { OrganizationMembership } from './organizations.ts'
import {
  deleteDueOrganization,
  listOwners,
  selectClientIds,
  selectDueOrganizations,
  selectKeysIn,
  updateDeleted,
  updateRestored,
} from './sql.ts'

/** How long the revocation of a purged organization's API keys is kept: guards cache a key's check for seconds. */
const KEEP_REVOCATIONS = 86_400_000
/** Organizations purged per run. */
const PURGE_BATCH = 100

/** @returns when it is purged */
export async function deleteOrganization(
  tools: Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'mail' | 'roles'>,
  call: Call,
): Promise<Date> {
  return await inside(tools, call, 'organization:delete', async (tx, { organization: { id } }) => {
    const purgeAt = later(call.now, tools.config.organizationGrace)
    // as the system: row-level security hides a deleted organization from its own deleter
    await tx.asSystem(async (system) => {
      const row = await updateDeleted(system, id, call.now, purgeAt)
      if (!row) throw notFound('organization')
      await revokeTokensIn(tools, system, id)
      await endProofsOfOrganization(tools.jobs, system, id, call.now)
      await notifyOwners(tools, system, call, row, purgeAt)
    })
    await recordOrganizationEvent(tx, call, 'organization.deleted', id, { purge_at: purgeAt.toISOString() })
    return purgeAt
  })
}

/** What its apps have got ends too, whose tokens need not name it, also where the organization is restored. As the system. */
async function revokeTokensIn(tools: Pick<Tools, 'clock' | 'jobs'>, tx: Tx, id: string): Promise<void> {
  const clients = await selectClientIds(tx, id)
  if (clients.length > 0) await endClientsAccess(tools, tx, clients)
  await revokeOrganization(tx, id, tools.clock.now())
}

async function notifyOwners(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  { id, name }: OrganizationRow,
  purgeAt: Date,
): Promise<void> {
  for (const { email: to, locale: chosen } of await listOwners(tx, id)) {
    const locale = findLocale(chosen) ?? call.locale
    await tools.mail.write(
      tx,
      organizationDeletedEmail(tools.config, { to, locale, name, purgeAt }),
      call.now,
    )
  }
}

/** Deletes a locked organization whose last member leaves; there is no owner to notify. As the system. */
export async function deleteEmptyOrganization(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  id: string,
): Promise<void> {
  const purgeAt = later(call.now, tools.config.organizationGrace)
  if (!(await updateDeleted(tx, id, call.now, purgeAt))) return
  await revokeTokensIn(tools, tx, id)
  await endProofsOfOrganization(tools.jobs, tx, id, call.now)
  await recordOrganizationEvent(tx, call, 'organization.deleted', id, {
    purge_at: purgeAt.toISOString(),
    reason: 'last_member',
  })
}

/**
 * Within the grace period. An organization that has lost its last owner meanwhile gets `ownerId` as its owner; only a
 * server administrator may do so.
 * @throws Problem CONFLICT if it is not deleted or has no owner, NOT_FOUND for an owner who does not exist
 */
export async function restoreOrganization(
  tools: Pick<Tools, 'db' | 'jobs' | 'roles'>,
  call: Call,
  ownerId?: string | undefined,
): Promise<OrganizationMembership> {
  const restore = async (tx: Tx, locked: LockedOrganization) => {
    const {
      membership,
      organization: { id },
    } = locked
    const organization = await tx.asSystem((system) => updateRestored(system, id, call.now))
    if (!organization)
      throw problem('CONFLICT', { message: 'This organization is not deleted. There is nothing to restore.' })
    await tx.asSystem(async (system) => {
      await ensureOwner(system, locked, ownerId, call.now)
      // a domain may have been lost meanwhile
      await endAuthority(tools.jobs, system, id, call.now)
    })
    await recordOrganizationEvent(tx, call, 'organization.restored', id)
    return { organization, role: membership.role, permissions: membership.permissions }
  }
  return await inside(tools, call, 'organization:delete', restore, { deletedToo: true })
}

/**
 * Removes the organizations whose grace period is over, with all their rows. Tokens that are kept of its connections are revoked at
 * their providers before, by jobs: the next run purges it.
 */
export async function purgeDeletedOrganizations(tools: Pick<Tools, 'db' | 'jobs'>, now: Date): Promise<void> {
  for (const id of await tools.db.tx('system', (tx) => selectDueOrganizations(tx, now, PURGE_BATCH))) {
    await tools.db.tx('system', async (tx) => {
      if (await releaseKeptTokens.ofOrganization(tools, tx, id, now)) return
      const keys = await selectKeysIn(tx, id)
      const name = await deleteDueOrganization(tx, id, now)
      if (name === null) return
      const until = later(now, KEEP_REVOCATIONS)
      await revoke(
        tx,
        keys.map((value) => ({ kind: 'key' as const, value, until })),
        now,
      )
      await recordOrganizationEvent(tx, systemCall(now), 'organization.purged', id, { name })
    })
  }
}
