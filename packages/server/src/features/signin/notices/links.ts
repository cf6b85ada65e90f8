/** The rules of the links in e-mails about sign-ins. */
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { checkLink, type Link, type LinkPurpose, linkProblem, useLink } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { getUser, lockUserRow } from '../../identity/users/index.ts'
import { endAttempts } from '../attempts/index.ts'
import { forgetDevices } from '../devices/index.ts'
import { liftLockout } from '../guesses/index.ts'
import { resetLinks } from '../passwords/index.ts'

export type NoticePurpose = Extract<LinkPurpose, 'unlock' | 'not_me'>

/** @throws Problem INVALID_TOKEN, TOKEN_EXPIRED */
export async function assertNoticeLink(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  purpose: NoticePurpose,
  token: string,
): Promise<void> {
  const verdict = await db.tx('system', (tx) => checkLink(tx, purpose, token, call.now))
  if ('refused' in verdict) throw linkProblem(verdict.refused)
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

const ownerOf = ({ userId }: Link): string => {
  if (userId === null) throw problem('INVALID_TOKEN')
  return userId
}

/**
 * Ends the lock-out of the link's account for the device and the address that open it, and the one over all addresses.
 * Wrong second factors stay counted: a mailbox is no second factor. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function unlockByLink(
  tools: Pick<Tools, 'config' | 'db' | 'keyring'>,
  call: Call,
  token: string,
): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const link = await useLink(tx, 'unlock', token, call.now)
    const user = await getUser(tx, ownerOf(link))
    await liftLockout(tools, tx, call, user)
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
    const verdict = await checkLink(tx, 'not_me', token, call.now)
    if ('refused' in verdict) throw linkProblem(verdict.refused)
    const userId = ownerOf(verdict.link)
    await lockUserRow(tx, userId)
    await useLink(tx, 'not_me', token, call.now)
    const user = await getUser(tx, userId)
    const { username } = user
    await endAttempts(tx, { userId }, call.now)
    await endSessions(tx, call, { userId, username, reason: 'password_changed' })
    await forgetDevices(tx, userId, null)
    await audit(tx, call, { type: 'auth.sign_in.disowned', userId, username })
    return await resetLinks.issueInPlaceOfPassword(tools, tx, user, RESET_LIFETIME, call.now)
  })
}
