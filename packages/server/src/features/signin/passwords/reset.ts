/**
 * Resetting a forgotten password by an e-mailed link. A request is answered alike for known and unknown addresses,
 * because a job decides after the answer whether an e-mail is sent. The link proves the mailbox, so a reset also
 * verifies the address; it ends every session, forgets every other known device, disconnects accounts at providers with which
 * the user was registered before the address was verified, and does not sign in.
 */
import { z } from 'zod'
import { type Call, findLocale, type Locale, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { Problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { emailLink } from '../../../base/return-to.ts'
import { audit } from '../../../core/audit/index.ts'
import { job, PayloadLocale, PayloadText, runs, type Work } from '../../../core/jobs/index.ts'
import { checkLink, issueLink, linkProblem, revokeLinks, useLink } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockAddress, mayWriteTo } from '../../identity/emails/index.ts'
import { findByIdentifier, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { findCallersDevice, forgetDevices } from '../devices/index.ts'
import { liftLockoutByMailbox } from '../guesses/index.ts'
import { endIdentitiesOfRegistration, proveMailbox } from '../planted/index.ts'
import { passwordResetEmail, resetEmail } from './mail.tsx'
import { confirmPassword, type PasswordTools } from './method.ts'
import {
  acceptPassword,
  auditPassword,
  findPassword,
  findRules,
  type PasswordRules,
  type RulesTools,
  removePassword,
  replacePassword,
  usedHashes,
} from './passwords.ts'

const RESET_LIFETIME = 3_600_000

/** Carries the id, address and device of the request, for the audit log. */
const forgotJob = job(
  'passwords.forgot',
  z.object({
    identifier: z.string(),
    locale: PayloadLocale,
    ip: PayloadText,
    user_agent: PayloadText,
    request_id: z.string().optional(),
    return_to: PayloadText,
  }),
)

/** Requests the e-mail. The answer reveals nothing about the identifier. */
export async function requestReset(
  tools: Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  identifier: string,
  returnTo: string | null = null,
): Promise<void> {
  const payload = {
    identifier,
    return_to: returnTo,
    locale: call.locale,
    ip: call.ip,
    user_agent: call.userAgent,
    request_id: call.id,
  }
  await tools.db.tx('system', (tx) => tools.jobs.enqueue(tx, forgotJob, payload, { now: call.now }))
}

/**
 * The user whose password a link resets, and what the new one has to meet, without using the link up.
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function previewReset(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  token: string,
): Promise<{ user: User; rules: PasswordRules }> {
  return await tools.db.tx('system', async (tx) => {
    const user = await userOfLink(tx, call, token)
    return { user, rules: await findRules(tools, tx, user, call.now) }
  })
}

async function userOfLink(tx: Tx, call: Call, token: string): Promise<User> {
  const verdict = await checkLink(tx, 'reset_password', token, call.now)
  if ('refused' in verdict) throw linkProblem(verdict.refused)
  return await getUser(tx, verdict.link.userId ?? '')
}

type ResetTools = Pick<
  Tools,
  'clock' | 'db' | 'config' | 'hashing' | 'breaches' | 'jobs' | 'keyring' | 'log' | 'mail'
>

interface ResetInput {
  token: string
  password: string
  password_confirm?: string | undefined
}

/**
 * Sets a new password by the e-mailed link. A refused password leaves the link usable. The same request a second time is
 * answered like the first.
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED, VALIDATION_ERROR, CONFLICT
 */
export async function resetPassword(tools: ResetTools, call: Call, input: ResetInput): Promise<void> {
  try {
    await resetOnce(tools, call, input)
  } catch (error) {
    const isUsed = error instanceof Problem && error.code === 'INVALID_TOKEN'
    if (!isUsed || !(await hasResetTo(tools, call, input))) throw error
  }
}

async function resetOnce(tools: ResetTools, call: Call, input: ResetInput): Promise<void> {
  const { user, rules } = await previewReset(tools, call, input.token)
  const used = await tools.db.tx('system', (tx) => usedHashes(tx, rules.profile, user.id))
  const to = await acceptPassword(tools, input.password, rules, used, 'password', input.password_confirm)
  await tools.db.tx('system', async (tx) => {
    await lockAddress(tx, canonical(user.email))
    // before the link, which every other replacement revokes
    await lockUserRow(tx, user.id)
    const link = await useLink(tx, 'reset_password', input.token, call.now)
    const now = await getUser(tx, link.userId ?? '')
    if (link.emailId !== null && link.emailId !== now.email_id) throw linkProblem('used')
    if (link.emailId !== null) await proveMailbox(tools, tx, call, now, {})
    await endIdentitiesOfRegistration(tools, tx, call, now)
    await replacePassword(tx, call, now, { from: await findPassword(tx, now.id), to, byMailbox: true })
    await liftLockoutByMailbox(tools, tx, call, now)
    await forgetDevices(tx, now.id, await findCallersDevice(tx, call))
    await auditPassword(tx, call, 'auth.password.reset', now)
    await tools.mail.write(
      tx,
      passwordResetEmail(tools.config, { to: now.email, locale: findLocale(now.locale) ?? call.locale }),
      call.now,
      now.id,
    )
  })
}

/**
 * Whether the link was used already and the user's password is the one that was sent: the form was sent twice. The check
 * counts as a guess.
 */
async function hasResetTo(
  tools: PasswordTools,
  call: Call,
  { token, password }: { token: string; password: string },
): Promise<boolean> {
  const user = await tools.db.tx('system', async (tx) => {
    const verdict = await checkLink(tx, 'reset_password', token, call.now)
    const userId = 'usedLink' in verdict ? verdict.usedLink.userId : null
    return userId === null ? null : await getUser(tx, userId)
  })
  if (!user) return false
  try {
    await confirmPassword(tools, call, user, password)
    return true
  } catch (error) {
    if (error instanceof Problem) return false
    throw error
  }
}

/** The job that decides about the e-mail after the answer was sent. */
export const resetJobs = (tools: Pick<Tools, 'db' | 'mail' | 'config' | 'keyring'>): Work[] => [
  runs(forgotJob, (payload, now) =>
    tools.db.tx('system', async (tx) => {
      const user = await findByIdentifier(tx, payload.identifier)
      if (!user || user.status === 'disabled') return
      if (!(await mayWriteTo(tx, user, 'reset_password', now))) return
      const { request_id, ip, user_agent, locale, return_to: returnTo } = payload
      const system = systemCall(now)
      const call = { ...system, id: request_id ?? system.id, ip, userAgent: user_agent }
      await sendResetEmail(tools, tx, call, user, { locale, returnTo })
    }),
  ),
]

/** Sends the e-mail, whose link replaces earlier ones. The caller checks whether it may be sent. */
async function sendResetEmail(
  tools: Pick<Tools, 'mail' | 'config' | 'keyring'>,
  tx: Tx,
  call: Call,
  user: User,
  { locale, returnTo }: { locale: Locale; returnTo?: string | null },
): Promise<void> {
  const token = await issueResetLink(tx, user, RESET_LIFETIME, call.now)
  const href = emailLink(tools, '/reset-password', { token, returnTo })
  const email = resetEmail(tools.config, { to: user.email, href, locale: findLocale(user.locale) ?? locale })
  await tools.mail.write(tx, email, call.now, user.id)
  const { id: userId, username } = user
  await audit(tx, call, { type: 'auth.password.reset_requested', userId, username })
}

/** Sets a password for the operator: ends every session and forgets every device. @throws Problem VALIDATION_ERROR */
export async function resetPasswordByOperator(
  tools: Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches'>,
  call: Call,
  user: User,
  password: string,
): Promise<void> {
  const rules = await tools.db.tx('system', (tx) => findRules(tools, tx, user, call.now))
  const to = await acceptPassword(tools, password, rules)
  await tools.db.tx('system', async (tx) => {
    await replacePassword(tx, call, user, { from: await findPassword(tx, user.id), to })
    await forgetDevices(tx, user.id, null)
    await auditPassword(tx, call, 'auth.password.reset', user)
  })
}

/** A link to choose a password that is sent to the user's address, which it proves. It replaces earlier ones. */
async function issueResetLink(
  tx: Tx,
  { id: userId, email_id: emailId }: Pick<User, 'id' | 'email_id'>,
  lifetime: number,
  now: Date,
): Promise<string> {
  await revokeLinks(tx, 'reset_password', userId, now)
  return await issueLink(tx, { purpose: 'reset_password', userId, emailId, lifetime }, now)
}

/**
 * A link to choose a password for who opened another link, and the present password ends: another person may know it, and
 * would sign in before the link is used. It proves no address: it is not sent.
 */
async function issueInPlaceOfPassword(tools: RulesTools, tx: Tx, user: User, now: Date): Promise<string> {
  await removePassword(tools, tx, user, now)
  await revokeLinks(tx, 'reset_password', user.id, now)
  return await issueLink(tx, { purpose: 'reset_password', userId: user.id, lifetime: RESET_LIFETIME }, now)
}

/** The links to choose a password that other modules send, and what they do to the present one. */
export const resetLinks = {
  issue: issueResetLink,
  issueInPlaceOfPassword,
  removePassword,
  send: sendResetEmail,
}
