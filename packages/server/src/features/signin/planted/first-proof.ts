/**
 * The first proof of the mailbox of an account that was registered while addresses were not verified: another person may
 * have registered it and planted a password, second factors, API keys and sessions (GHSA-g38m-r43w-p2q7). All of that ends
 * in the transaction that verifies the address, except where the browser is signed in to the account, or has proven its
 * password in a sign-in that waits: then one person holds both.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { claimAddress } from '../../identity/emails/index.ts'
import { lockUserRow, type User } from '../../identity/users/index.ts'
import { resumeAttempt } from '../attempts/index.ts'
import { endPlanted } from './planted.ts'

/**
 * Verifies the address of a user who has proven the mailbox. The caller holds `lockAddress`.
 * @param endPassword ends the password; nothing where it is being replaced
 */
export async function proveMailbox(
  tx: Tx,
  call: Call,
  user: User,
  endPassword: () => Promise<void>,
): Promise<void> {
  await lockUserRow(tx, user.id)
  const isFirst = isUnproven(user) && !(await isHeldHere(tx, call, user.id))
  await claimAddress(tx, call, user)
  if (!isFirst) return
  await endPassword()
  await endPlanted(tx, call, user, { since: null, reason: 'revoked' })
}

/** Whether the first proof of the user's mailbox ends what was set up before. */
export const isUnproven = (user: User): boolean => user.email_unproven && user.email_verified_at === null

/** Whether the browser is signed in to the account, or has proven a credential of it. */
async function isHeldHere(tx: Tx, call: Call, userId: string): Promise<boolean> {
  if (call.session && call.principal?.userId === userId) return true
  const token = call.cookies.attempt
  const attempt = token === undefined ? null : await resumeAttempt(tx, token, call.now)
  return attempt?.userId === userId && attempt.proofs.length > 0
}
