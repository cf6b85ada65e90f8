/**
 * There is always an administrator. An administrator is an active user with the top role of a preset; the last one can
 * neither lose the role nor be disabled, locked or deleted. Invariant: every change that takes an administrator away
 * calls `assertNotLastAdministrator` and holds the lock on roles until its commit, so that of two administrators who
 * remove each other at once one remains.
 */
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { lockRoles } from '../../../core/roles/index.ts'
import { isLastAdministrator } from './sql.ts'

/**
 * Takes the lock on roles. Lock order: organizations, roles, users; so call it after organizations are locked and
 * before a user's row is. System scope.
 * @throws Problem CONFLICT
 */
export async function assertNotLastAdministrator(tx: Tx, userId: string): Promise<void> {
  await lockRoles(tx)
  if (await isLastAdministrator(tx, userId))
    throw problem('CONFLICT', {
      message: 'This is the last administrator. Make another user an administrator first.',
      details: { reason: 'last_administrator' },
    })
}
