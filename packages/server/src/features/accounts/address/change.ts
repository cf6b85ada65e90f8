/**
 * The rules of changing one's own address. The request requires the password, or of an account without one a recent proof, and changes nothing: the new address
 * counts once the link that is sent to it is used, and until then the old one signs in. An e-mail to the old address
 * has a link that undoes the change for seven days, and ends everything that the account has open, the password
 * included.
 * Invariant: the answer does not reveal whether the new address belongs to another account (user enumeration): the same
 * statements run, one e-mail is written, and only its text differs.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { audit } from '../../../core/audit/index.ts'
import {
  checkLink,
  countLinksTo,
  findOpenLink,
  issueLink,
  type LinkVerdict,
  linkProblem,
  revokeLinks,
  useLink,
} from '../../../core/links/index.ts'
import { accountLocked, isLocked } from '../../../core/locks.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  lockAddress,
  moveAddress,
  ownerOtherThan,
  ownersLocale,
  restoreAddress,
} from '../../identity/emails/index.ts'
import { findUser, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { findCallersDevice } from '../../signin/devices/index.ts'
import { endLostAuthority } from '../../signin/federation/index.ts'
import { liftLockoutByMailbox } from '../../signin/guesses/index.ts'
import { confirmCaller, hasPassword, resetLinks } from '../../signin/passwords/index.ts'
import { type Ended, endedDetails, endPlanted } from '../../signin/planted/index.ts'
import { addressOwnedEmail, changedEmail, confirmEmail, undoneEmail } from './mail.tsx'

const HOUR = 3_600_000
const CONFIRM_LIFETIME = 24 * HOUR
/** E-mails to one new address in an hour, by all accounts together: a mailbox cannot be flooded. */
const EMAILS_PER_HOUR = 5

type AddressTools = Pick<Tools, 'clock' | 'config' | 'db' | 'hashing' | 'jobs' | 'keyring' | 'log' | 'mail'>

export interface PendingChange {
  address: string
  requestedAt: Date
  expiresAt: Date
}

/** The change that waits for its link to be used; null for none. System scope. */
async function findPendingChange(tx: Tx, userId: string, now: Date): Promise<PendingChange | null> {
  const link = await findOpenLink(tx, 'change_email', userId, now)
  return link?.address
    ? { address: link.address, requestedAt: link.createdAt, expiresAt: link.expiresAt }
    : null
}

/** The caller's account, the change that waits, and whether a password confirms another one. @throws Problem NOT_FOUND */
export const ownAddress = (
  tools: Pick<Tools, 'db'>,
  call: Call,
): Promise<{ user: User; pending: PendingChange | null; hasPassword: boolean }> =>
  tools.db.tx('system', async (tx) => {
    const user = await getUser(tx, call.principal?.userId ?? '')
    return {
      user,
      pending: await findPendingChange(tx, user.id, call.now),
      hasPassword: await hasPassword(tx, user.id),
    }
  })

/**
 * Sends the link to the new address; it replaces an earlier one.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED, STEP_UP_REQUIRED; VALIDATION_ERROR for the present address; CONFLICT where the
 * password was replaced meanwhile
 */
export async function requestChange(
  tools: AddressTools,
  call: Call,
  { email, password }: { email: string; password?: string | undefined },
): Promise<PendingChange> {
  const { user } = await ownAddress(tools, call)
  const confirmed = await confirmCaller(tools, call, user, password)
  if (canonical(email) === canonical(user.email))
    throw invalid('email', 'unchanged', 'This is already the address of your account.')
  return await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, user.id)
    await confirmed.assertUnchanged(tx)
    const owner = await ownerOtherThan(tx, user.id, canonical(email))
    const isCrowded = (await countLinksTo(tx, email, later(call.now, -HOUR))) >= EMAILS_PER_HOUR
    await revokeLinks(tx, 'change_email', user.id, call.now)
    const link = {
      purpose: 'change_email',
      userId: user.id,
      address: email,
      lifetime: CONFIRM_LIFETIME,
    } as const
    const token = await issueLink(tx, link, call.now)
    const locale = (await ownersLocale(tx, canonical(email))) ?? findLocale(user.locale) ?? call.locale
    const to = { to: email, locale }
    const letter =
      owner === null ? confirmEmail(tools.config, { ...to, token }) : addressOwnedEmail(tools.config, to)
    if (!isCrowded) await tools.mail.write(tx, letter, call.now, owner ?? user.id)
    const { id: userId, username } = user
    await audit(tx, call, { type: 'auth.email.change_requested', userId, username })
    return { address: email, requestedAt: call.now, expiresAt: later(call.now, CONFIRM_LIFETIME) }
  })
}

/** Withdraws the change that waits. @throws Problem NOT_FOUND where none does */
export async function cancelChange(tools: Pick<Tools, 'db'>, call: Call): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const { id: userId, username } = await getUser(tx, call.principal?.userId ?? '')
    await lockUserRow(tx, userId)
    const pending = await findPendingChange(tx, userId, call.now)
    if (!pending) throw problem('NOT_FOUND', { message: 'No change of your address waits for confirmation.' })
    await revokeLinks(tx, 'change_email', userId, call.now)
    await audit(tx, call, { type: 'auth.email.change_cancelled', userId, username })
  })
}

/** The address that a link confirms, without using the link up. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED */
export const previewChange = async (tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<string> =>
  linkOf(await verdictOf(tools, call, 'change_email', token)).address ?? ''

/** Whether a link of an address change may be used, without using it up. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED */
export const previewUndo = async (tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<void> => {
  linkOf(await verdictOf(tools, call, 'undo_email', token))
}

const verdictOf = (
  tools: Pick<Tools, 'db'>,
  call: Call,
  purpose: 'change_email' | 'undo_email',
  token: string,
): Promise<LinkVerdict> => tools.db.tx('system', (tx) => checkLink(tx, purpose, token, call.now))

function linkOf(verdict: LinkVerdict) {
  if ('refused' in verdict) throw linkProblem(verdict.refused)
  return verdict.link
}

/**
 * Makes the new address the account's, and tells the old one. Sessions continue: the user proved the password and both
 * the account and the mailbox.
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED, ACCOUNT_DISABLED, ACCOUNT_LOCKED; CONFLICT where another account has
 * taken the address
 */
export async function confirmChange(tools: AddressTools, call: Call, token: string): Promise<User> {
  return await tools.db.tx('system', async (tx) => {
    const preview = linkOf(await checkLink(tx, 'change_email', token, call.now))
    const email = preview.address ?? ''
    const userId = preview.userId ?? ''
    // the order of locks: the address before the user, and both before the link, which other changes revoke
    await lockAddress(tx, canonical(email))
    await lockUserRow(tx, userId)
    const user = await getUser(tx, userId)
    if (user.status === 'disabled') throw problem('ACCOUNT_DISABLED')
    if (isLocked(user, call.now)) throw accountLocked(user, call.now)
    await useLink(tx, 'change_email', token, call.now)
    const undo = await moveAddress(tools, tx, user, email, call.now)
    await endLostAuthority(tools, tx, userId, call.now)
    const { username } = user
    const details = { from: user.email, to: email }
    await audit(tx, call, { type: 'auth.email.changed', userId, username, details })
    const locale = findLocale(user.locale) ?? call.locale
    const letter = changedEmail(tools.config, { to: user.email, locale, token: undo })
    await tools.mail.write(tx, letter, call.now, userId)
    return await getUser(tx, userId)
  })
}

/** Whether the link was used and its address is the account's: the form was sent twice, or the link opened again. */
export const hasChanged = async (tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<boolean> => {
  const verdict = await verdictOf(tools, call, 'change_email', token)
  const link = 'usedLink' in verdict ? verdict.usedLink : null
  if (!link?.userId || !link.address) return false
  const { userId, address } = link
  const user = await tools.db.tx('system', (tx) => findUser(tx, userId))
  return user !== null && canonical(user.email) === canonical(address)
}

/**
 * Moves the account back to the address that the link was sent to. What may be another person's ends: every session with
 * its tokens, API keys, sign-ins under way, links, the change that waits, what is known of devices, second factors that were
 * set up since the change, and the password, which the change required.
 * @returns the user, the token of a link to choose a new password, which the e-mail to the restored address has as well, and
 * what was ended
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function undoChange(
  tools: AddressTools,
  call: Call,
  token: string,
): Promise<{ userId: string; reset: string; ended: Ended }> {
  return await tools.db.tx('system', async (tx) => {
    const { userId, emailId, createdAt } = linkOf(await checkLink(tx, 'undo_email', token, call.now))
    if (!userId || !emailId) throw problem('INVALID_TOKEN')
    await lockUserRow(tx, userId)
    await useLink(tx, 'undo_email', token, call.now)
    const before = await getUser(tx, userId)
    const restored = await restoreAddress(tx, before, emailId, call.now)
    if (!restored) throw problem('INVALID_TOKEN')
    const { email, username } = await getUser(tx, userId)
    // the link was issued with the change; nothing stays in an account that a stranger may have registered
    const since = restored.wasUnproven ? null : createdAt
    const device = await findCallersDevice(tx, call)
    const ended = await endPlanted(tools, tx, call, before, { since, reason: 'email_changed', device })
    await liftLockoutByMailbox(tools, tx, call, before)
    const reset = await resetLinks.issueInPlaceOfPassword(tools, tx, before, call.now)
    await endLostAuthority(tools, tx, userId, call.now)
    const details = { from: before.email, to: email, ...endedDetails(ended) }
    await audit(tx, call, { type: 'auth.email.change_undone', userId, username, details })
    const locale = findLocale(before.locale) ?? call.locale
    await tools.mail.write(
      tx,
      undoneEmail(tools.config, { to: email, locale, token: reset, ended }),
      call.now,
      userId,
    )
    const removed = undoneEmail(tools.config, { to: before.email, locale, token: null, ended })
    await tools.mail.write(tx, removed, call.now, userId)
    return { userId, reset, ended }
  })
}

/** Whether the link was used and its address is the account's. */
export const hasUndone = async (tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<boolean> => {
  const verdict = await verdictOf(tools, call, 'undo_email', token)
  const link = 'usedLink' in verdict ? verdict.usedLink : null
  if (!link?.userId) return false
  const { userId, emailId } = link
  const user = await tools.db.tx('system', (tx) => findUser(tx, userId))
  return user?.email_id === emailId
}
