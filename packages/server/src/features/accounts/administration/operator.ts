/**
 * The operator's changes on the command line: the rules behind `latchkey users unlock`, `mfa reset`, `set-role` and `delete`. The
 * operator may change every account; that there is always an administrator, and every organization has an owner, holds
 * here too.
 */
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { lockRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { replaceRolesByOperator } from '../../access/roles/index.ts'
import { assertNotLastAdministrator, deleteUser } from '../../identity/lifecycle/index.ts'
import {
  getUser,
  getUserNamed,
  lockUserRow,
  type User,
  type UserView,
  userView,
} from '../../identity/users/index.ts'
import { leaveAllOrganizations, lockOrganizationsOf } from '../../organizations/members/index.ts'
import { resetFactors } from '../../signin/mfa/index.ts'
import { liftLock } from './locks.ts'

/** Lifts a lock and clears failed sign-ins. @throws Problem NOT_FOUND */
export async function unlockUserByOperator(
  tools: Pick<Tools, 'db' | 'clock' | 'config' | 'keyring'>,
  identifier: string,
): Promise<void> {
  await changeNamed(tools, identifier, (tx, call, user) =>
    liftLock(tools, tx, call, user, { by: 'operator' }),
  )
}

/** Removes all second factors of a user, and ends their sessions. @returns how many. @throws Problem NOT_FOUND */
export async function resetMfaByOperator(
  tools: Pick<Tools, 'db' | 'clock' | 'config' | 'mail'>,
  identifier: string,
): Promise<{ user: User; removed: number }> {
  return await changeNamed(tools, identifier, async (tx, call, { id }) => {
    await lockUserRow(tx, id)
    const user = await getUser(tx, id)
    return { user, removed: await resetFactors(tools, tx, call, user, { by: 'operator' }) }
  })
}

/** Replaces the roles of a user. @throws Problem NOT_FOUND, VALIDATION_ERROR, CONFLICT for the last administrator */
export async function setRolesByOperator(
  tools: Pick<Tools, 'db' | 'clock' | 'roles'>,
  identifier: string,
  roles: readonly string[],
): Promise<UserView> {
  const user = await changeNamed(tools, identifier, async (tx, call, { id }) => {
    await replaceRolesByOperator(tools, tx, call, id, roles)
    return await getUser(tx, id)
  })
  return userView(tools.roles, user)
}

/**
 * Deletes an account with all personal data.
 * @throws Problem NOT_FOUND, CONFLICT for the last administrator and for the only owner of an organization that has
 * other members
 */
export const deleteUserByOperator = (
  tools: Pick<Tools, 'db' | 'clock' | 'config' | 'jobs'>,
  identifier: string,
): Promise<void> =>
  changeNamed(tools, identifier, async (tx, call, { id }) => {
    // the order of locks in every transaction: organizations, roles, users
    await lockOrganizationsOf(tx, id)
    await lockRoles(tx)
    await assertNotLastAdministrator(tx, id)
    await leaveAllOrganizations(tools, tx, call, id)
    await deleteUser(tools, tx, call, await getUser(tx, id))
  })

async function changeNamed<T>(
  tools: Pick<Tools, 'db' | 'clock'>,
  identifier: string,
  change: (tx: Tx, call: Call, user: User) => Promise<T>,
): Promise<T> {
  const call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => change(tx, call, await getUserNamed(tx, identifier)))
}
