/**
 * Somebody may always do everything. An administrator is an active holder of a preset's top role; the last one can
 * neither lose it nor be disabled or deleted. Invariant: whatever takes an administrator away asks here first, and
 * holds the lock on roles until it is committed; so of two who take each other's place away at once, one stays.
 */
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { lockRoles } from '../../../core/roles/index.ts'
import { isLastAdministrator } from './sql.ts'

/**
 * To be called before any person's row is locked, and after organizations are, by whatever ends that somebody is an
 * administrator. System scope.
 * @throws Problem CONFLICT
 */
export async function assertNotLastAdministrator(tx: Tx, userId: string): Promise<void> {
  await lockRoles(tx)
  if (await isLastAdministrator(tx, userId))
    throw problem('CONFLICT', {
      message: 'This is the last administrator. Make somebody else one first.',
      details: { reason: 'last_administrator' },
    })
}
