/** What follows a sign-in later: letters to the person, and forgetting what is long past. */
import { sql } from 'kysely'
import { z } from 'zod'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { job, PayloadLocale, PayloadText } from '../../../core/jobs/index.ts'
import { purgeLinks } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { deviceName } from '../../identity/sessions/index.ts'
import { findUser } from '../../identity/users/index.ts'
import { purgeAttempts } from '../door/attempts.ts'
import { purgeDevices } from './devices.ts'
import { purgeFailures } from './failures.ts'
import { lockedLetter, newDeviceLetter, type SignInNotice } from './mail.tsx'

const DAY = 86_400_000
/** An account may be locked from any number of addresses; its owner hears of it this often. */
const LOCKED_PAUSE = 3_600_000

/** Who is written to, and about which request. */
const AboutSignIn = z.object({
  /** null: nobody's account; a locked identifier without one has a job as well, so that both take the same time. */
  user_id: PayloadText,
  at: z.iso.datetime().transform((text) => new Date(text)),
  ip: PayloadText,
  user_agent: PayloadText,
  locale: PayloadLocale,
})
export const newDeviceJob = job('signin.new_device', AboutSignIn)
export const lockedJob = job('signin.locked', AboutSignIn)

export function signinJobs(tools: Pick<Tools, 'db' | 'jobs' | 'mail' | 'config'>): void {
  const { db, jobs, mail, config } = tools
  const tell =
    (letter: typeof newDeviceLetter, isDue: typeof mayTellLocked | null) =>
    (payload: z.output<typeof AboutSignIn>, now: Date) =>
      db.tx('system', async (tx) => {
        const about = await noticeOf(tx, payload)
        if (!about || (isDue && !(await isDue(tx, about.userId, now)))) return
        await mail.write(tx, letter(config, about), now, about.userId)
      })
  jobs.on(newDeviceJob, tell(newDeviceLetter, null))
  jobs.on(lockedJob, tell(lockedLetter, mayTellLocked))
  jobs.every('signin.purge', '1h', (now) =>
    db.tx('system', async (tx) => {
      await purgeAttempts(tx, later(now, -DAY))
      await purgeFailures(tx, later(now, -Math.max(DAY, 2 * config.lockoutDuration)))
      await purgeDevices(tx, now)
      await purgeLinks(tx, later(now, -7 * DAY))
    }),
  )
}

/**
 * Takes the turn to write, in one statement: of several who ask at once, on any node, one gets it. Kept among the
 * counters, which are forgotten after a day.
 */
async function mayTellLocked(tx: Tx, userId: string, now: Date): Promise<boolean> {
  const { rows } = await sql`
    insert into failures as f (key, count, first_at, last_at, locked_until)
    values (${`letter ${userId}`}, 0, ${now}, ${now}, null)
    on conflict (key) do update set last_at = excluded.last_at where f.last_at <= ${later(now, -LOCKED_PAUSE)}
    returning key`.execute(tx)
  return rows.length > 0
}

async function noticeOf(tx: Tx, payload: z.output<typeof AboutSignIn>): Promise<SignInNotice | null> {
  if (payload.user_id === null) return null
  const user = await findUser(tx, payload.user_id)
  if (!user || user.status === 'pending') return null
  const agent = payload.user_agent === null ? null : deviceName(payload.user_agent)
  return {
    userId: user.id,
    to: user.email,
    locale: user.locale === 'de' || user.locale === 'en' ? user.locale : payload.locale,
    at: payload.at,
    ip: payload.ip,
    device: agent ? [agent.browser, agent.system].filter(Boolean).join(', ') || null : null,
  }
}
