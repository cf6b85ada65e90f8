/**
 * The rules of addresses: proving one by a letter. A registration owns nothing until its letter's link is
 * used; of several registrations with one address the first to be proven gets it and the others, with every
 * password and session planted in them, go in the same transaction.
 * Whether a letter is sent, and which, is decided by a job after the answer, so that answers to known and
 * unknown addresses cannot be told apart by time.
 */
import { audit } from '../../base/audit/index.ts'
import type { Call, Locale } from '../../base/call.ts'
import { later } from '../../base/clock.ts'
import { isUniqueViolation } from '../../base/db/faults.ts'
import type { Tx } from '../../base/db/types.ts'
import { problem } from '../../base/errors.ts'
import { checkLink, issueLink, linkProblem, revokeLinks, useLink } from '../../base/links/index.ts'
import type { Tools } from '../../base/tools.ts'
import { canonical, findByIdentifier, findUser, getUser, type User } from '../users/index.ts'
import { verificationLetter } from './mail.tsx'
import {
  activateUser,
  claimEmail,
  deletePendingRivals,
  latestLinkAt,
  lockAddress,
  ownerOtherThan,
} from './sql.ts'

export const VERIFICATION_LIFETIME = 24 * 3_600_000
/** A second letter of the same kind to the same person waits this long, so that nobody is flooded. */
export const LETTER_PAUSE = 60_000

/** Asks for a letter to a user whose address is not verified; one a minute at most is sent. */
export async function requestVerification(
  tools: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id'>,
): Promise<void> {
  await tools.jobs.enqueue(tx, 'emails.verify', { user_id: user.id, locale: call.locale }, { now: call.now })
}

/** Asks for the letter again by address. The caller learns nothing about whether the address is known. */
export async function resendVerification(
  tools: Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  email: string,
): Promise<void> {
  await tools.db.tx('system', (tx) =>
    tools.jobs.enqueue(tx, 'emails.resend', { email, locale: call.locale }, { now: call.now }),
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

/** Writes the letter of a user's verification, with a link that replaces earlier ones. */
export async function sendVerification(
  tools: Pick<Tools, 'mail' | 'config'>,
  tx: Tx,
  user: User,
  wish: { locale: Locale; returnTo?: string | undefined },
  now: Date,
): Promise<void> {
  await revokeLinks(tx, 'verify_email', user.id)
  const token = await issueLink(
    tx,
    { purpose: 'verify_email', userId: user.id, emailId: user.email_id, lifetime: VERIFICATION_LIFETIME },
    now,
  )
  await tools.mail.write(
    tx,
    verificationLetter(tools.config, { to: user.email, token, ...wish }),
    now,
    user.id,
  )
}

/** Registers the jobs that decide about letters after the answer went out. */
export function emailJobs(tools: Pick<Tools, 'db' | 'jobs' | 'mail' | 'config'>): void {
  const send = (find: (tx: Tx) => Promise<User | null>, locale: Locale, now: Date) =>
    tools.db.tx('system', async (tx) => {
      const user = await find(tx)
      if (!user || user.email_verified_at || user.status === 'disabled') return
      // an address with an owner is not proven anew; whoever registered it once more has been told by letter
      if ((await ownerOtherThan(tx, user.id, canonical(user.email))) !== null) return
      const last = await latestLinkAt(tx, user.id, 'verify_email')
      if (last && later(last, LETTER_PAUSE) > now) return
      await sendVerification(tools, tx, user, { locale }, now)
    })
  tools.jobs.on('emails.verify', (payload, now) =>
    send((tx) => findUser(tx, String(payload.user_id)), localeOf(payload), now),
  )
  tools.jobs.on('emails.resend', (payload, now) =>
    send((tx) => findByIdentifier(tx, String(payload.email)), localeOf(payload), now),
  )
}

/** Where a registration wanted to go on, judged before it was written down. */
export const returnToOf = (payload: Record<string, unknown>): string | undefined =>
  typeof payload.return_to === 'string' ? payload.return_to : undefined

export const localeOf = (payload: Record<string, unknown>): Locale => (payload.locale === 'de' ? 'de' : 'en')
