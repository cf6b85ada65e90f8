/** Which letter a registration brings: decided by a job, after an answer that was the same for everybody. */
import { z } from 'zod'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { canonical } from '../../../base/identifiers.ts'
import { job, PayloadLocale } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { isCrowded, ownerOtherThan, sendVerification } from '../../identity/emails/index.ts'
import { deletePendingUsers } from '../../identity/lifecycle/index.ts'
import { findNamed, findUser, getUser, type User } from '../../identity/users/index.ts'
import { alreadyRegisteredLetter, usernameTakenLetter } from './mail.tsx'

/** A registration that nobody verified is forgotten after this. */
const PENDING_LIFETIME = 7 * 86_400_000

type LetterTools = Pick<Tools, 'db' | 'jobs' | 'mail' | 'config' | 'keyring'>

export const registrationLetterJob = job(
  'registration.letter',
  z.object({
    user_id: z.string(),
    locale: PayloadLocale,
    /** Where the registration wanted to go on, judged before it was written down. */
    return_to: z.string().optional(),
  }),
)

export function registrationJobs(tools: LetterTools): void {
  tools.jobs.on(registrationLetterJob, (payload, now) =>
    tools.db.tx('system', async (tx) => {
      const user = await findUser(tx, payload.user_id)
      if (user?.status === 'pending' && !(await isCrowded(tx, user, now)))
        await writeLetter(tools, tx, user, payload, now)
    }),
  )
  tools.jobs.every('registration.purge', '1h', async (now) => {
    await tools.db.tx('system', (tx) => deletePendingUsers(tx, later(now, -PENDING_LIFETIME)))
  })
}

async function writeLetter(
  tools: LetterTools,
  tx: Tx,
  user: User,
  { locale, return_to: returnTo }: z.output<typeof registrationLetterJob.payload>,
  now: Date,
): Promise<void> {
  const owner = await ownerOtherThan(tx, user.id, canonical(user.email))
  if (owner !== null) {
    const { email } = await getUser(tx, owner)
    return await tools.mail.write(
      tx,
      alreadyRegisteredLetter(tools.config, { to: email, locale }),
      now,
      owner,
    )
  }
  if (user.username !== null) {
    const { owner: holder } = await findNamed(tx, user.username)
    if (holder) {
      return await tools.mail.write(
        tx,
        usernameTakenLetter(tools.config, { to: user.email, locale }),
        now,
        user.id,
      )
    }
  }
  await sendVerification(tools, tx, user, { locale, returnTo }, now)
}
