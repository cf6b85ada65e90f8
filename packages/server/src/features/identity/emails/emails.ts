/**
 * E-mail verification: a link in an e-mail proves that an address belongs to a user. A registration owns nothing until
 * its link is used. Of several registrations with one address the first verified one owns it, and the same transaction
 * deletes the others with their passwords and sessions.
 * A job decides after the answer whether an e-mail is sent, and which, so that the timing of answers does not reveal
 * which addresses are known (user enumeration).
 */

import { z } from 'zod'
import { type Call, findLocale, type Locale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { emailLink } from '../../../base/return-to.ts'
import { audit } from '../../../core/audit/index.ts'
import { job, PayloadLocale, runs, type Work } from '../../../core/jobs/index.ts'
import {
  checkLink,
  issueLink,
  type LinkPurpose,
  linkProblem,
  revokeLinks,
  useLink,
} from '../../../core/links/index.ts'
import { revokeRequired } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findByIdentifier, findUser, getUser, lockUserRow, type User } from '../users/index.ts'
import { choiceEmail, verificationEmail } from './mail.tsx'
import { endPendingRivals } from './rivals.ts'
import {
  activateUser,
  claimEmail,
  hasRivals,
  linksSince,
  lockAddress,
  ownerOtherThan,
  registrationsBefore,
} from './sql.ts'

const VERIFICATION_LIFETIME = 24 * 3_600_000
/**
 * Rate limits of e-mails of one kind to one user, for all requesters together: the interval between two e-mails, and
 * the number in an hour. They prevent flooding a mailbox, and replacing again and again the link that its owner is
 * about to use.
 */
const EMAIL_INTERVAL = 60_000
const EMAILS_PER_HOUR = 5
const HOUR = 3_600_000
const CHOICE_LIFETIME = HOUR

const EmailContext = { locale: PayloadLocale, return_to: z.string().nullish() }
const verifyJob = job('emails.verify', z.object({ user_id: z.string(), ...EmailContext }))
const resendJob = job('emails.resend', z.object({ email: z.string(), ...EmailContext }))

/**
 * Whether the rate limits permit an e-mail to the user now. Locks the address and the user's row.
 * @param kind the purpose of its link, or when e-mails of a kind without a link were sent since a time, latest first
 */
export async function mayWriteTo(
  tx: Tx,
  user: User,
  kind: LinkPurpose | ((since: Date) => Promise<readonly Date[]>),
  now: Date,
): Promise<boolean> {
  // lock order: the address before the user, as when a link is used
  await lockAddress(tx, canonical(user.email))
  await lockUserRow(tx, user.id)
  const since = later(now, -HOUR)
  const sent = await (typeof kind === 'string' ? linksSince(tx, user.id, kind, since) : kind(since))
  const [last] = sent
  return sent.length < EMAILS_PER_HOUR && (last === undefined || later(last, EMAIL_INTERVAL) <= now)
}

/** Whether so many registrations of the address came in the last hour that no further e-mail is sent. */
export async function isCrowded(tx: Tx, user: User, now: Date): Promise<boolean> {
  const email = { id: user.email_id, addressKey: canonical(user.email) }
  return (await registrationsBefore(tx, email, later(now, -HOUR))) >= EMAILS_PER_HOUR
}

/**
 * Enqueues a verification e-mail to a user whose address is not verified; `mayWriteTo` limits the rate.
 * @param whom a user who has proven a credential, or an address, which may be of several registrations
 */
export async function requestVerification(
  tools: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Pick<Call, 'locale' | 'now'>,
  whom: Pick<User, 'id'> | { address: string },
  returnTo: string | null,
): Promise<void> {
  const context = { locale: call.locale, return_to: returnTo }
  const { now } = call
  if ('id' in whom) await tools.jobs.enqueue(tx, verifyJob, { user_id: whom.id, ...context }, { now })
  else await tools.jobs.enqueue(tx, resendJob, { email: whom.address, ...context }, { now })
}

/** Enqueues another verification e-mail by address. The answer does not reveal whether the address is known. */
export async function resendVerification(
  tools: Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  email: string,
  returnTo: string | null = null,
): Promise<void> {
  await tools.db.tx('system', (tx) => requestVerification(tools, tx, call, { address: email }, returnTo))
}

/** The user whose address a verification link verifies, without using the link. @throws INVALID_TOKEN, TOKEN_EXPIRED */
export async function previewVerification(
  tools: Pick<Tools, 'db'>,
  call: Call,
  token: string,
): Promise<User> {
  return await tools.db.tx('system', (tx) => userOfLink(tx, call, token))
}

async function userOfLink(tx: Tx, call: Call, token: string): Promise<User> {
  const verdict = await checkLink(tx, 'verify_email', token, call.now)
  if ('refused' in verdict) throw linkProblem(verdict.refused)
  return await getUser(tx, verdict.link.userId ?? '')
}

/** Whether the link was used and its address is verified: the form was sent twice, or the link opened again. */
export const hasVerified = (tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<boolean> =>
  tools.db.tx('system', async (tx) => {
    const verdict = await checkLink(tx, 'verify_email', token, call.now)
    const link = 'usedLink' in verdict ? verdict.usedLink : null
    const user = link?.userId ? await findUser(tx, link.userId) : null
    return user !== null && user.email_id === link?.emailId && user.email_verified_at !== null
  })

/**
 * Verifies the address of a user who has proven the mailbox, and ends what a stranger may have planted (signin/planted).
 * `keepsIdentities`: not the accounts at providers, which the user has seen
 */
export type ProveMailbox = (tx: Tx, call: Call, user: User, keepsIdentities: boolean) => Promise<void>

/** The accounts at providers that will sign in to the account, of a browser that has not proven to hold it. */
export type ForeseeAccounts = (
  call: Call,
  user: User,
) => Promise<readonly { connection: string; account: string }[]>

/** Uses up a verification link. @throws INVALID_TOKEN, TOKEN_EXPIRED, CONFLICT where another user owns the address */
export async function verifyEmail(
  tools: Pick<Tools, 'db'>,
  call: Call,
  token: string,
  prove: ProveMailbox,
  keepsIdentities: boolean,
): Promise<User> {
  return await tools.db.tx('system', async (tx) => {
    const { id, email } = await userOfLink(tx, call, token)
    await lockAddress(tx, canonical(email))
    // before the link, which a change of the address revokes
    await lockUserRow(tx, id)
    const link = await useLink(tx, 'verify_email', token, call.now)
    if (!link.userId || !link.emailId) throw problem('INVALID_TOKEN')
    const user = await getUser(tx, link.userId)
    await prove(tx, call, user, keepsIdentities)
    return await getUser(tx, user.id)
  })
}

/**
 * Marks the address as verified and owned by the user, activates a pending user and deletes rival registrations.
 * Also called when another link to the address was used (a password reset). Other connections of an organization may be
 * required of an address of its domain, once it is verified.
 * The caller holds `lockAddress` since before it used the link.
 */
export async function claimAddress(
  { clock, jobs }: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  user: User,
): Promise<void> {
  if (user.email_verified_at) return
  await answerTakenAddress(async () => {
    await claimEmail(tx, user.email_id, call.now)
    if (user.status === 'pending') await activateUser(tx, user, call.now)
  })
  await endPendingRivals(jobs, tx, user.id, canonical(user.email), call.now)
  await revokeRequired(tx, user.id, clock)
  await audit(tx, call, { type: 'auth.email.verified', userId: user.id, username: user.username })
}

/** Answers a unique violation with CONFLICT. */
async function answerTakenAddress(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw problem('CONFLICT', {
      message: 'This address already belongs to an account. Sign in, or reset the password.',
      cause: error,
    })
  }
}

/** Writes the verification e-mail, with a link that replaces earlier ones and carries the place to return to, encrypted. */
export async function sendVerification(
  tools: Pick<Tools, 'mail' | 'config' | 'keyring'>,
  tx: Tx,
  user: User,
  { locale, return_to: returnTo }: { locale: Locale; return_to?: string | null | undefined },
  now: Date,
): Promise<void> {
  await revokeLinks(tx, 'verify_email', user.id, now)
  const token = await issueLink(
    tx,
    { purpose: 'verify_email', userId: user.id, emailId: user.email_id, lifetime: VERIFICATION_LIFETIME },
    now,
  )
  const href = emailLink(tools, '/verify-email', { token, returnTo })
  const email = verificationEmail(tools.config, {
    to: user.email,
    href,
    locale: findLocale(user.locale) ?? locale,
  })
  await tools.mail.write(tx, email, now, user.id)
}

/** Jobs that decide about e-mails after the answer was sent. */
export function emailJobs(tools: Pick<Tools, 'db' | 'mail' | 'config' | 'keyring'>): Work[] {
  const send = (
    find: (tx: Tx) => Promise<User | null>,
    onward: { locale: Locale; return_to?: string | null | undefined },
    now: Date,
    by: 'person' | 'address',
  ) =>
    tools.db.tx('system', async (tx) => {
      const found = await find(tx)
      if (!found || !(await mayWriteTo(tx, found, 'verify_email', now))) return
      // read again: the locks may have waited for its verification
      const user = await findUser(tx, found.id)
      if (!user || user.email_verified_at || user.status === 'disabled') return
      // an address with an owner is not verified again; the registration's own job has sent an e-mail
      if ((await ownerOtherThan(tx, user.id, canonical(user.email))) !== null) return
      const isContested = by === 'address' && (await hasRivals(tx, user.id, canonical(user.email)))
      if (isContested) await sendChoice(tools, tx, user, onward, now)
      else await sendVerification(tools, tx, user, onward, now)
    })
  return [
    runs(verifyJob, ({ user_id, ...onward }, now) =>
      send((tx) => findUser(tx, user_id), onward, now, 'person'),
    ),
    runs(resendJob, ({ email, ...onward }, now) =>
      send((tx) => findByIdentifier(tx, email), onward, now, 'address'),
    ),
  ]
}

/**
 * Several registrations have the address, and a request by address does not name one of them: verifying any one could
 * activate an account with a stranger's password. So the e-mail lets the owner of the mailbox choose a password, which
 * verifies the address and deletes the rivals.
 */
async function sendChoice(
  tools: Pick<Tools, 'mail' | 'config' | 'keyring'>,
  tx: Tx,
  user: User,
  { locale, return_to: returnTo }: { locale: Locale; return_to?: string | null | undefined },
  now: Date,
): Promise<void> {
  await revokeLinks(tx, 'verify_email', user.id, now)
  await revokeLinks(tx, 'reset_password', user.id, now)
  const token = await issueLink(
    tx,
    { purpose: 'reset_password', userId: user.id, emailId: user.email_id, lifetime: CHOICE_LIFETIME },
    now,
  )
  const href = emailLink(tools, '/reset-password', { token, returnTo })
  const email = choiceEmail(tools.config, { to: user.email, href, locale: findLocale(user.locale) ?? locale })
  await tools.mail.write(tx, email, now, user.id)
}
