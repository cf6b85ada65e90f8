/**
 * Authorization of administration by target: the target user exists and has no permission that the caller lacks.
 * Checked while the target's row is locked, so that the result holds until the commit.
 */
import { type Call, findLocale, type Locale, outside } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotBeyond } from '../../access/roles/index.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'

/** @throws Problem NOT_FOUND; INSUFFICIENT_PERMISSIONS with the first permission that the caller lacks */
export async function assertMayActOnUser(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  call: Call,
  id: string,
): Promise<User> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const { principal } = call
  if (!isId('usr', id)) throw notFound('user')
  await lockUserRow(tx, id)
  const user = await findUser(tx, id)
  if (!user) throw notFound('user')
  assertNotBeyond(principal.permissions, tools.roles.permissionsOf(user.roles), {
    message: 'This user has permissions that you do not have.',
    details: { user_id: id },
  })
  return user
}

/** As assertMayActOnUser, for actions that are not available on one's own account. @throws Problem CONFLICT as well */
export async function assertMayWithdraw(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  call: Call,
  id: string,
): Promise<User> {
  const user = await assertMayActOnUser(tools, tx, call, id)
  if (user.id === call.principal?.userId)
    throw problem('CONFLICT', {
      message: 'This is your own account. Ask another administrator.',
      details: { reason: 'own_account' },
    })
  return user
}

/** The user's language, or the administrator's where the user has chosen none. */
export const localeOf = (user: Pick<User, 'locale'>, call: Call): Locale =>
  findLocale(user.locale) ?? call.locale

/**
 * Runs a change of a user's account in a transaction as the system.
 * @param work receives the call as the audit log records it
 */
export function asAdministrator<T>(
  tools: Pick<Tools, 'db'>,
  call: Call,
  work: (tx: Tx, acting: Call) => Promise<T>,
): Promise<T> {
  return tools.db.tx('system', (tx) => work(tx, outside(call)))
}
