/**
 * The rules of addresses: proving one by a letter. A registration owns nothing until its letter's link is
 * used; of several registrations with one address the first to be proven gets it and the others, with every
 * password and session planted in them, go in the same transaction.
 * Whether a letter is sent, and which, is decided by a job after the answer, so that answers to known and
 * unknown addresses cannot be told apart by time.
 */

import { z } from 'zod'
import type { Call, Locale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { audit } from '../../../core/audit/index.ts'
import { job, PayloadLocale } from '../../../core/jobs/index.ts'
import {
  checkLink,
  issueLink,
  type LinkPurpose,
  linkProblem,
  revokeLinks,
  useLink,
} from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findByIdentifier, findUser, getUser, type User } from '../users/index.ts'
import { choiceLetter, verificationLetter } from './mail.tsx'
import {
  activateUser,
  claimEmail,
  deletePendingRivals,
  hasRivals,
  linksSince,
  lockAddress,
  ownerOtherThan,
  registrationsBefore,
} from './sql.ts'

export const VERIFICATION_LIFETIME = 24 * 3_600_000
/**
 * A second letter of the same kind to the same person waits this long, and no more than so many go out in an hour,
 * whoever asks: nobody is flooded, and nobody who asks again and again can keep replacing the link that its owner
 * is about to use.
 */
const LETTER_PAUSE = 60_000
export const LETTERS_AN_HOUR = 5
const HOUR = 3_600_000
const CHOICE_LIFETIME = HOUR

const verifyJob = job('emails.verify', z.object({ user_id: z.string(), locale: PayloadLocale }))
const resendJob = job('emails.resend', z.object({ email: z.string(), locale: PayloadLocale }))

/** Whether a letter with a link may be written to the user now. Holds the address, and the user, until it is. */
export async function mayWriteTo(tx: Tx, user: User, purpose: LinkPurpose, now: Date): Promise<boolean> {
  // before the user, as everybody does who uses a link to the address
  await lockAddress(tx, canonical(user.email))
  const written = await linksSince(tx, user.id, purpose, later(now, -HOUR))
  const [last] = written
  return written.length < LETTERS_AN_HOUR && (last === undefined || later(last, LETTER_PAUSE) <= now)
}

/** Whether so many registered the address in the last hour that one more letter would only be a nuisance. */
export async function isCrowded(tx: Tx, user: User, now: Date): Promise<boolean> {
  const email = { id: user.email_id, addressKey: canonical(user.email) }
  return (await registrationsBefore(tx, email, later(now, -HOUR))) >= LETTERS_AN_HOUR
}

/** Asks for a letter to a user whose address is not verified; sent as seldom as `mayWriteTo` says. */
export async function requestVerification(
  tools: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id'>,
): Promise<void> {
  await tools.jobs.enqueue(tx, verifyJob, { user_id: user.id, locale: call.locale }, { now: call.now })
}

/** Asks for the letter again by address. The caller learns nothing about whether the address is known. */
export async function resendVerification(
  tools: Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  email: string,
): Promise<void> {
  await tools.db.tx('system', (tx) =>
    tools.jobs.enqueue(tx, resendJob, { email, locale: call.locale }, { now: call.now }),
  )
}

/** What a verification link is about, without using it. @throws INVALID_TOKEN, TOKEN_EXPIRED */
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

/** Uses a verification link up. @throws INVALID_TOKEN, TOKEN_EXPIRED, CONFLICT where the address was proven by another */
export async function verifyEmail(tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<User> {
  return await tools.db.tx('system', async (tx) => {
    const { email } = await userOfLink(tx, call, token)
    await lockAddress(tx, canonical(email))
    const link = await useLink(tx, 'verify_email', token, call.now)
    if (!link.userId || !link.emailId) throw problem('INVALID_TOKEN')
    const user = await getUser(tx, link.userId)
    await claimAddress(tx, call, user)
    return await getUser(tx, user.id)
  })
}

/**
 * The address is proven: it becomes this user's, a pending user becomes active, and rival registrations go.
 * Also called when a letter to the address was answered for another reason (a reset password).
 * The caller holds `lockAddress` since before it used the letter's link.
 */
export async function claimAddress(tx: Tx, call: Call, user: User): Promise<void> {
  if (user.email_verified_at) return
  await claimingOnce(async () => {
    await claimEmail(tx, user.email_id, call.now)
    if (user.status === 'pending') await activateUser(tx, user, call.now)
  })
  await deletePendingRivals(tx, user.id, canonical(user.email))
  await audit(tx, call, { type: 'auth.email.verified', userId: user.id, username: user.username })
}

async function claimingOnce(work: () => Promise<void>): Promise<void> {
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

/** Writes the letter of a user's verification, with a link that replaces earlier ones and says where to go on. */
export async function sendVerification(
  tools: Pick<Tools, 'mail' | 'config' | 'keyring'>,
  tx: Tx,
  user: User,
  wish: { locale: Locale; returnTo?: string | undefined },
  now: Date,
): Promise<void> {
  await revokeLinks(tx, 'verify_email', user.id, now)
  const token = await issueLink(
    tx,
    { purpose: 'verify_email', userId: user.id, emailId: user.email_id, lifetime: VERIFICATION_LIFETIME },
    now,
  )
  const { locale, returnTo } = wish
  const goOn = returnTo === undefined ? null : tools.keyring.encrypt('return_to', returnTo)
  await tools.mail.write(
    tx,
    verificationLetter(tools.config, { to: user.email, token, locale, goOn }),
    now,
    user.id,
  )
}

/** Where a letter's link goes on; nowhere in particular where that is not as we wrote it. */
export function placeToGoOn(tools: Pick<Tools, 'keyring'>, sealed: string | undefined): string | undefined {
  try {
    return sealed === undefined ? undefined : tools.keyring.decrypt('return_to', sealed)
  } catch {
    return undefined
  }
}

/** Registers the jobs that decide about letters after the answer went out. */
export function emailJobs(tools: Pick<Tools, 'db' | 'jobs' | 'mail' | 'config' | 'keyring'>): void {
  const send = (
    find: (tx: Tx) => Promise<User | null>,
    locale: Locale,
    now: Date,
    by: 'person' | 'address',
  ) =>
    tools.db.tx('system', async (tx) => {
      const found = await find(tx)
      if (!found || !(await mayWriteTo(tx, found, 'verify_email', now))) return
      // looked up again: what was waited for may have been its verification
      const user = await findUser(tx, found.id)
      if (!user || user.email_verified_at || user.status === 'disabled') return
      // an address with an owner is not proven anew; whoever registered it once more has been told by letter
      if ((await ownerOtherThan(tx, user.id, canonical(user.email))) !== null) return
      const isContested = by === 'address' && (await hasRivals(tx, user.id, canonical(user.email)))
      if (isContested) await sendChoice(tools, tx, user, locale, now)
      else await sendVerification(tools, tx, user, { locale }, now)
    })
  tools.jobs.on(verifyJob, ({ user_id, locale }, now) =>
    send((tx) => findUser(tx, user_id), locale, now, 'person'),
  )
  tools.jobs.on(resendJob, ({ email, locale }, now) =>
    send((tx) => findByIdentifier(tx, email), locale, now, 'address'),
  )
}

/**
 * Several registered the address, and whoever asks by address does not say which of them they are: verifying
 * any one would let a stranger's password in. The letter lets the mailbox's owner choose a password instead, which
 * verifies the address and ends the rivals.
 */
async function sendChoice(
  tools: Pick<Tools, 'mail' | 'config'>,
  tx: Tx,
  user: User,
  locale: Locale,
  now: Date,
): Promise<void> {
  await revokeLinks(tx, 'verify_email', user.id, now)
  await revokeLinks(tx, 'reset_password', user.id, now)
  const token = await issueLink(
    tx,
    { purpose: 'reset_password', userId: user.id, lifetime: CHOICE_LIFETIME },
    now,
  )
  await tools.mail.write(tx, choiceLetter(tools.config, { to: user.email, token, locale }), now, user.id)
}
