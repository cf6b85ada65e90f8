/** Selects the email of a registration: in a job, after an answer that is the same in every case. */
import { z } from 'zod'
import { findLocale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { canonical } from '../../../base/identifiers.ts'
import { job, PayloadLocale, recurs, runs, type Work } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { isCrowded, ownerOtherThan, sendVerification } from '../../identity/emails/index.ts'
import { listIdentities } from '../../identity/identities/index.ts'
import { deletePendingUsers } from '../../identity/lifecycle/index.ts'
import { findNamed, findUser, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { hasPassword } from '../../signin/passwords/index.ts'
import { alreadyRegisteredEmail, usernameTakenEmail } from './mail.tsx'

/** Unverified registrations are deleted after this time. */
const PENDING_LIFETIME = 7 * 86_400_000

type EmailTools = Pick<Tools, 'db' | 'jobs' | 'mail' | 'config' | 'keyring'>

export const registrationEmailJob = job(
  'registration.letter',
  z.object({
    user_id: z.string(),
    locale: PayloadLocale,
    /** Where to continue after verification, already validated. */
    return_to: z.string().optional(),
  }),
)

export const registrationJobs = (tools: EmailTools): Work[] => [
  runs(registrationEmailJob, (payload, now) =>
    tools.db.tx('system', async (tx) => {
      await lockUserRow(tx, payload.user_id)
      const user = await findUser(tx, payload.user_id)
      if (user?.status !== 'pending' || (await isAbandoned(tx, user.id))) return
      if (!(await isCrowded(tx, user, now))) await writeEmail(tools, tx, user, payload, now)
    }),
  ),
  recurs('registration.purge', '1h', async (now) => {
    await deletePendingUsers(tools, later(now, -PENDING_LIFETIME), now)
  }),
]

/** Whether another registration has taken its identity, or an account: there is nothing to sign in with. */
const isAbandoned = async (tx: Tx, userId: string): Promise<boolean> =>
  !(await hasPassword(tx, userId)) && (await listIdentities(tx, userId)).length === 0

async function writeEmail(
  tools: EmailTools,
  tx: Tx,
  user: User,
  onward: z.output<typeof registrationEmailJob.payload>,
  now: Date,
): Promise<void> {
  const { locale } = onward
  const owner = await ownerOtherThan(tx, user.id, canonical(user.email))
  if (owner !== null) {
    const { email, locale: chosen } = await getUser(tx, owner)
    const to = { to: email, locale: findLocale(chosen) ?? locale }
    return await tools.mail.write(tx, alreadyRegisteredEmail(tools.config, to), now, owner)
  }
  if (user.username !== null) {
    const { owner: holder } = await findNamed(tx, user.username)
    if (holder) {
      return await tools.mail.write(
        tx,
        usernameTakenEmail(tools.config, { to: user.email, locale: findLocale(user.locale) ?? locale }),
        now,
        user.id,
      )
    }
  }
  await sendVerification(tools, tx, user, onward, now)
}
