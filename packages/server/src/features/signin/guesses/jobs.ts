/** Jobs of guesses and devices: e-mails to the account's owner, and purging what is old. */
import { sql } from 'kysely'
import { z } from 'zod'
import { type Call, findLocale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { Instant } from '../../../base/fields.ts'
import { deviceName } from '../../../base/http/request/device.ts'
import { job, PayloadLocale, PayloadText, recurs, runs, type Work } from '../../../core/jobs/index.ts'
import { issueLink, type LinkPurpose, revokeLinks } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { purgeDevices } from '../devices/index.ts'
import { purgeFailures } from './failures.ts'
import { lockedEmail, newDeviceEmail, type SignInNotice, secondFactorEmail } from './mail.tsx'

const DAY = 86_400_000
/** An account may be locked out from any number of addresses; its owner gets at most one e-mail in this time. */
const LOCKED_EMAIL_PAUSE = 3_600_000

/** The recipient, and the request that the e-mail is about. */
const AboutSignIn = z.object({
  /** null for an identifier without an account: it has a job as well, so that both take the same time. */
  user_id: PayloadText,
  at: Instant,
  ip: PayloadText,
  user_agent: PayloadText,
  locale: PayloadLocale,
})
const newDeviceJob = job('signin.new_device', AboutSignIn)
export const lockedJob = job('signin.locked', AboutSignIn)
export const secondFactorJob = job('signin.second_factor_guessed', AboutSignIn)

export function guessJobs(tools: Pick<Tools, 'db' | 'mail' | 'config' | 'counts'>): Work[] {
  const { db, mail, config, counts } = tools
  const lockedOut = counts.lockouts({})
  const send =
    (email: typeof newDeviceEmail, kind: string | null, link: NoticeLink | null) =>
    (payload: z.output<typeof AboutSignIn>, now: Date) =>
      db.tx('system', async (tx) => {
        const about = await noticeOf(tx, payload)
        if (!about || (kind !== null && !(await takeTurn(tx, `${kind} ${about.userId}`, now)))) return
        const token = link && (await issueNoticeLink(tx, about, link, payload.at, now))
        await mail.write(tx, email(config, { ...about, token }), now, about.userId)
      })
  const sendLocked = send(lockedEmail, 'email', { purpose: 'unlock', lifetime: DAY })
  return [
    runs(newDeviceJob, send(newDeviceEmail, null, { purpose: 'not_me', lifetime: 7 * DAY })),
    runs(lockedJob, async (payload, now) => {
      await sendLocked(payload, now)
      lockedOut.add()
    }),
    runs(secondFactorJob, send(secondFactorEmail, 'second factor', null)),
    recurs('guesses.purge', '1h', (now) =>
      db.tx('system', async (tx) => {
        await purgeFailures(tx, later(now, -Math.max(DAY, 2 * config.lockoutDuration)), now)
        await purgeDevices(tx, now)
      }),
    ),
  ]
}

/** Enqueues the e-mail about a sign-in from a new device, with the transaction of the sign-in. */
export async function reportNewDevice(
  tools: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id'>,
): Promise<void> {
  const payload = {
    user_id: user.id,
    at: call.now.toISOString(),
    ip: call.ip,
    user_agent: call.userAgent,
    locale: call.locale,
  }
  await tools.jobs.enqueue(tx, newDeviceJob, payload, { now: call.now })
}

/**
 * Takes the turn to send, in one statement, so that of several jobs on any nodes exactly one sends. Stored among the
 * counters, which are purged after a day.
 */
async function takeTurn(tx: Tx, key: string, now: Date): Promise<boolean> {
  const { rows } = await sql`
    insert into failures as f (key, count, first_at, last_at, locked_until)
    values (${key}, 0, ${now}, ${now}, null)
    on conflict (key) do update set last_at = excluded.last_at where f.last_at <= ${later(now, -LOCKED_EMAIL_PAUSE)}
    returning key`.execute(tx)
  return rows.length > 0
}

interface NoticeLink {
  purpose: Extract<LinkPurpose, 'not_me' | 'unlock'>
  lifetime: number
}

/**
 * Each sign-in has a link that disowns it, whose time is that of the sign-in; a new link to unlock replaces the earlier
 * one. A link is of the address that it is sent to.
 */
async function issueNoticeLink(
  tx: Tx,
  { userId, emailId }: NoticeRecipient,
  { purpose, lifetime }: NoticeLink,
  signedInAt: Date,
  now: Date,
): Promise<string> {
  if (purpose === 'unlock') await revokeLinks(tx, purpose, userId, now)
  return await issueLink(tx, { purpose, userId, emailId, lifetime }, purpose === 'not_me' ? signedInAt : now)
}

type NoticeRecipient = Omit<SignInNotice, 'token'> & { emailId: string }

async function noticeOf(tx: Tx, payload: z.output<typeof AboutSignIn>): Promise<NoticeRecipient | null> {
  if (payload.user_id === null) return null
  // a change of the address revokes links to the former one, which must not be issued meanwhile
  await lockUserRow(tx, payload.user_id)
  const user = await findUser(tx, payload.user_id)
  if (!user || user.status === 'pending') return null
  const agent = payload.user_agent === null ? null : deviceName(payload.user_agent)
  return {
    userId: user.id,
    emailId: user.email_id,
    to: user.email,
    locale: findLocale(user.locale) ?? payload.locale,
    at: payload.at,
    ip: payload.ip,
    device: agent ? [agent.browser, agent.system].filter(Boolean).join(', ') || null : null,
  }
}
