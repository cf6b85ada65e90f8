/**
 * Recovering a forgotten password through a letter. Asking answers alike for known and unknown addresses,
 * because a job decides afterwards whether a letter is written. The link proves the mailbox, so a reset also
 * verifies the address; it ends every session, forgets every other known device, and does not sign in.
 */
import { z } from 'zod'
import { type Call, type Locale, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import { job, PayloadLocale, PayloadText } from '../../../core/jobs/index.ts'
import { checkLink, issueLink, linkProblem, revokeLinks, useLink } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { claimAddress, lockAddress, mayWriteTo } from '../../identity/emails/index.ts'
import { canonical, findByIdentifier, getUser, type User } from '../../identity/users/index.ts'
import { findCallersDevice, forgetDevices, liftLockout } from '../door/index.ts'
import { resetDoneLetter, resetLetter } from './mail.tsx'
import {
  acceptPassword,
  assertRepeated,
  auditPassword,
  replacePassword,
  storedPassword,
  usedHashes,
} from './passwords.ts'

export const RESET_LIFETIME = 3_600_000

/** Speaks for the request that asked: its id, address and device go into the audit log. */
const forgotJob = job(
  'passwords.forgot',
  z.object({
    identifier: z.string(),
    locale: PayloadLocale,
    ip: PayloadText,
    user_agent: PayloadText,
    request_id: z.string().optional(),
  }),
)

/** Asks for the letter. The caller learns nothing. */
export async function requestReset(
  tools: Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  identifier: string,
): Promise<void> {
  const payload = {
    identifier,
    locale: call.locale,
    ip: call.ip,
    user_agent: call.userAgent,
    request_id: call.id,
  }
  await tools.db.tx('system', (tx) => tools.jobs.enqueue(tx, forgotJob, payload, { now: call.now }))
}

/** Whose password a link would reset, without using it. @throws INVALID_TOKEN, TOKEN_EXPIRED */
export async function previewReset(tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<User> {
  return await tools.db.tx('system', (tx) => userOfLink(tx, call, token))
}

async function userOfLink(tx: Tx, call: Call, token: string): Promise<User> {
  const verdict = await checkLink(tx, 'reset_password', token, call.now)
  if ('refused' in verdict) throw linkProblem(verdict.refused)
  return await getUser(tx, verdict.link.userId ?? '')
}

/**
 * Sets a new password by a letter's link. A password that is not acceptable leaves the link usable.
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED, VALIDATION_ERROR, CONFLICT
 */
export async function resetPassword(
  tools: Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches' | 'keyring' | 'mail'>,
  call: Call,
  input: { token: string; password: string; password_confirm?: string | undefined },
): Promise<void> {
  assertRepeated(input.password, input.password_confirm, 'password_confirm')
  const { user, used } = await tools.db.tx('system', async (tx) => {
    const user = await userOfLink(tx, call, input.token)
    return { user, used: await usedHashes(tx, tools.config, user.id) }
  })
  const hash = await acceptPassword(tools, input.password, contextOf(user), used)
  await tools.db.tx('system', async (tx) => {
    await lockAddress(tx, canonical(user.email))
    const link = await useLink(tx, 'reset_password', input.token, call.now)
    const now = await getUser(tx, link.userId ?? '')
    await claimAddress(tx, call, now)
    await replacePassword(tools, tx, call, now, { from: await storedPassword(tx, now.id), hash })
    await liftLockout(tools, tx, call, now)
    await forgetDevices(tx, now.id, await findCallersDevice(tx, call))
    await auditPassword(tx, call, 'auth.password.reset', now)
    await tools.mail.write(
      tx,
      resetDoneLetter(tools.config, { to: now.email, locale: call.locale }),
      call.now,
      now.id,
    )
  })
}

export const contextOf = (user: User) => ({
  email: user.email,
  username: user.username,
  fullName: user.full_name,
})

/** Registers the job that decides about the letter after the answer went out. */
export function resetJobs(tools: Pick<Tools, 'db' | 'jobs' | 'mail' | 'config'>): void {
  tools.jobs.on(forgotJob, (payload, now) =>
    tools.db.tx('system', async (tx) => {
      const user = await findByIdentifier(tx, payload.identifier)
      if (!user || user.status === 'disabled') return
      if (!(await mayWriteTo(tx, user, 'reset_password', now))) return
      const { request_id, ip, user_agent, locale } = payload
      const system = systemCall(now)
      const call = { ...system, id: request_id ?? system.id, ip, userAgent: user_agent }
      await writeResetLetter(tools, tx, call, user, locale)
    }),
  )
}

/** Writes the letter with a link that replaces earlier ones. Whether it may be written is the caller's to ask. */
export async function writeResetLetter(
  tools: Pick<Tools, 'mail' | 'config'>,
  tx: Tx,
  call: Call,
  user: User,
  locale: Locale,
): Promise<void> {
  const token = await issueResetLink(tx, user, RESET_LIFETIME, call.now)
  const letter = resetLetter(tools.config, { to: user.email, token, locale })
  await tools.mail.write(tx, letter, call.now, user.id)
  const { id: userId, username } = user
  await audit(tx, call, { type: 'auth.password.reset_requested', userId, username })
}

/** A link to choose a password; it replaces earlier ones. */
export async function issueResetLink(
  tx: Tx,
  user: Pick<User, 'id'>,
  lifetime: number,
  now: Date,
): Promise<string> {
  await revokeLinks(tx, 'reset_password', user.id, now)
  return await issueLink(tx, { purpose: 'reset_password', userId: user.id, lifetime }, now)
}
