/**
 * The account lifecycle: disabling, locking and deleting accounts. Disabled: until it is enabled. Locked: until a time,
 * or until it is unlocked. From the commit on no session, token or key of the account is accepted.
 * Invariant: the last administrator is neither disabled, locked nor deleted.
 */
import type { Call } from '../../../base/call.ts'
import type { Tables } from '../../../base/db/tables.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { deleteJobsAbout } from '../../../core/jobs/index.ts'
import { deleteLinksTo } from '../../../core/links/index.ts'
import { inactiveText } from '../../../core/locks.ts'
import { revokeUser } from '../../../core/revocations/index.ts'
import { lockSubjects } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { revokeKeptTokens } from '../identities/index.ts'
import { endSessions } from '../sessions/index.ts'
import type { User } from '../users/index.ts'
import { assertNotLastAdministrator } from './last-administrator.ts'
import {
  deleteUserRows,
  lockPendingUsers,
  scrubAudit,
  selectIdentifiers,
  updateLock,
  updateStatus,
} from './sql.ts'

/**
 * Disables an account and ends its sessions and tokens.
 * @throws Problem CONFLICT where it is not active, and for the last administrator
 */
export async function disableUser(
  { clock }: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  user: User,
  details: Record<string, unknown> = {},
): Promise<void> {
  await assertNotLastAdministrator(tx, user.id)
  await changeStatus(tx, call, user, 'active', 'disabled', details)
  await endSessions(tx, call, { userId: user.id, username: user.username, reason: 'disabled' })
  await revokeUser(tx, user.id, clock)
}

/** @throws Problem CONFLICT where the account is not disabled */
export const enableUser = (tx: Tx, call: Call, user: User): Promise<void> =>
  changeStatus(tx, call, user, 'disabled', 'active')

async function changeStatus(
  tx: Tx,
  call: Call,
  user: User,
  from: Tables['users']['status'],
  to: 'active' | 'disabled',
  details: Record<string, unknown> = {},
): Promise<void> {
  if (!(await updateStatus(tx, user.id, from, to, call.now))) {
    throw problem('CONFLICT', {
      message: user.status === to ? `The account is ${to} already.` : inactiveText(user.status),
    })
  }
  const type = to === 'disabled' ? 'user.disabled' : 'user.enabled'
  await audit(tx, call, { type, userId: user.id, username: user.username, details })
}

/**
 * Locks an account; a second lock replaces the first. Sessions that are not ended are refused while the lock lasts and
 * accepted after it.
 * @throws Problem CONFLICT for the last administrator
 */
export async function lockUser(
  { clock }: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  user: User,
  lock: { until: Date | null; reason?: string | undefined; endSessions: boolean },
): Promise<void> {
  await assertNotLastAdministrator(tx, user.id)
  const { until, reason } = lock
  const about = { userId: user.id, username: user.username }
  await updateLock(tx, user.id, { at: call.now, until }, call.now)
  if (lock.endSessions) await endSessions(tx, call, { ...about, reason: 'locked' })
  await revokeUser(tx, user.id, clock)
  const details = { until: until?.toISOString() ?? null, ...(reason === undefined ? {} : { reason }) }
  await audit(tx, call, { type: 'user.locked', ...about, details })
}

/** Lifts the lock of an account; no error where there is none. */
export async function unlockUser(
  tx: Tx,
  call: Call,
  user: User,
  details: Record<string, unknown> = {},
): Promise<void> {
  await updateLock(tx, user.id, null, call.now)
  await audit(tx, call, { type: 'user.unlocked', userId: user.id, username: user.username, details })
}

/**
 * Deletes a user with everything personal: foreign keys delete addresses, password, sessions, devices and links, jobs and
 * links of others that name the user go with it, and the audit log keeps its events without the name. Tokens that are kept of
 * identity providers are revoked there. System scope.
 * @throws Problem NOT_FOUND; CONFLICT for the last administrator
 */
export async function deleteUser(
  { clock, jobs }: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  user: User,
): Promise<void> {
  await assertNotLastAdministrator(tx, user.id)
  const identifiers = await selectIdentifiers(tx, user.id)
  await scrubAudit(tx, user.id, identifiers)
  await deleteJobsAbout(tx, { userId: user.id, identifiers })
  await deleteLinksTo(tx, identifiers)
  await revokeKeptTokens(jobs, tx, { userIds: [user.id] }, call.now)
  const subjects = await lockSubjects(tx, user.id)
  if ((await deleteUserRows(tx, [user.id])) === 0) throw notFound('user')
  await revokeUser(tx, user.id, clock, subjects)
  await audit(
    tx,
    { ...call, ip: null, userAgent: null },
    { type: 'user.deleted', userId: user.id, username: null },
  )
}

/**
 * Deletes users that were created before the instant and never verified, some in each transaction; tokens that are kept of
 * identity providers are revoked there.
 */
export async function deletePendingUsers(
  { db, jobs }: Pick<Tools, 'db' | 'jobs'>,
  before: Date,
  now: Date,
): Promise<void> {
  const deleteSome = async (tx: Tx): Promise<number> => {
    const userIds = await lockPendingUsers(tx, before, DELETED_AT_ONCE)
    if (userIds.length === 0) return 0
    await revokeKeptTokens(jobs, tx, { userIds }, now)
    return await deleteUserRows(tx, userIds)
  }
  while ((await db.tx('system', deleteSome)) === DELETED_AT_ONCE);
}
const DELETED_AT_ONCE = 500
