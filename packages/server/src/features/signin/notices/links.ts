/** The rules of the links in e-mails about sign-ins. */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import { checkLink, type Link, type LinkPurpose, linkProblem, useLink } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { endAttempts } from '../attempts/index.ts'
import { forgetDevices } from '../devices/index.ts'
import { liftLockoutByMailbox } from '../guesses/index.ts'
import { resetLinks } from '../passwords/index.ts'

export type NoticePurpose = Extract<LinkPurpose, 'unlock' | 'not_me'>

/** @throws Problem INVALID_TOKEN, TOKEN_EXPIRED */
export async function assertNoticeLink(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  purpose: NoticePurpose,
  token: string,
): Promise<void> {
  await db.tx('system', (tx) => getOwner(tx, call, purpose, token))
}

/** The user of a link that was sent to their present address. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED */
async function getOwner(
  tx: Tx,
  call: Call,
  purpose: NoticePurpose,
  token: string,
): Promise<{ user: User; link: Link }> {
  const verdict = await checkLink(tx, purpose, token, call.now)
  if ('refused' in verdict) throw linkProblem(verdict.refused)
  const { link } = verdict
  const user = link.userId === null ? null : await findUser(tx, link.userId)
  if (user === null || user.email_id !== link.emailId) throw linkProblem('used')
  return { user, link }
}

/** Whether the link was used: its form was sent twice. */
export async function isNoticeLinkUsed(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  purpose: NoticePurpose,
  token: string,
): Promise<boolean> {
  const verdict = await db.tx('system', (tx) => checkLink(tx, purpose, token, call.now))
  return 'usedLink' in verdict
}

/**
 * Ends the lock-out of the link's account for the device and for the address that open it, and the one over all addresses.
 * Wrong second factors stay counted: a mailbox is no second factor. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function unlockByLink(
  tools: Pick<Tools, 'config' | 'db' | 'keyring'>,
  call: Call,
  token: string,
): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const { user } = await getOwner(tx, call, 'unlock', token)
    await useLink(tx, 'unlock', token, call.now)
    await liftLockoutByMailbox(tools, tx, call, user)
    await audit(tx, call, { type: 'auth.lockout.lifted', userId: user.id, username: user.username })
  })
}

const RESET_LIFETIME = 3_600_000

/**
 * Takes the account back: ends every session and sign-in under way, forgets every device, and ends the password, which
 * another person knows. Second factors stay: they may be what kept that person out, and the mailbox must not remove them.
 * @returns the token of a link to choose a new password. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function disownSignIn(
  tools: Pick<Tools, 'config' | 'db' | 'keyring'>,
  call: Call,
  token: string,
): Promise<string> {
  return await tools.db.tx('system', async (tx) => {
    const { id: userId } = (await getOwner(tx, call, 'not_me', token)).user
    await lockUserRow(tx, userId)
    // a change of the address may have committed meanwhile
    const { user } = await getOwner(tx, call, 'not_me', token)
    await useLink(tx, 'not_me', token, call.now)
    const { username } = user
    await endAttempts(tx, { userId }, call.now)
    await endSessions(tx, call, { userId, username, reason: 'password_changed' })
    await forgetDevices(tx, userId, null)
    await audit(tx, call, { type: 'auth.sign_in.disowned', userId, username })
    return await resetLinks.issueInPlaceOfPassword(tools, tx, user, RESET_LIFETIME, call.now)
  })
}
