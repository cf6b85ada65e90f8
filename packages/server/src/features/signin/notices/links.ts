/** The rules of the links in e-mails about sign-ins. */
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import { checkLink, type Link, type LinkPurpose, linkProblem, useLink } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { liftLockoutByMailbox } from '../guesses/index.ts'
import { resetLinks } from '../passwords/index.ts'
import { type Ended, endedDetails, endPlanted } from '../planted/index.ts'
import { disownedEmail } from './mail.tsx'

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

/**
 * Takes the account back: ends the password, which another person knows, and what that person may have planted. Second
 * factors from before the sign-in stay: they may be what kept that person out, and the mailbox must not remove them. The
 * time of the link is that of the sign-in.
 * @returns the token of a link to choose a new password, and what was ended. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function disownSignIn(
  tools: Pick<Tools, 'config' | 'db' | 'jobs' | 'mail'>,
  call: Call,
  token: string,
): Promise<{ userId: string; reset: string; ended: Ended }> {
  return await tools.db.tx('system', async (tx) => {
    const { id: userId } = (await getOwner(tx, call, 'not_me', token)).user
    await lockUserRow(tx, userId)
    // a change of the address may have committed meanwhile
    const { user, link } = await getOwner(tx, call, 'not_me', token)
    await useLink(tx, 'not_me', token, call.now)
    const ended = await endPlanted(tools, tx, call, user, {
      since: link.createdAt,
      reason: 'password_changed',
    })
    const { username } = user
    const details = endedDetails(ended)
    await audit(tx, call, { type: 'auth.sign_in.disowned', userId, username, details })
    const locale = findLocale(user.locale) ?? call.locale
    await tools.mail.write(
      tx,
      disownedEmail(tools.config, { to: user.email, locale, ended }),
      call.now,
      userId,
    )
    const reset = await resetLinks.issueInPlaceOfPassword(tools, tx, user, call.now)
    return { userId, reset, ended }
  })
}
