/**
 * Changing your own password: requires the present one, ends the other sessions and renews this session's token. An account
 * without a password chooses its first one so.
 */
import { kindOf } from '../../../base/assurance.ts'
import { type Call, findLocale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { Problem, problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { raiseSession, type StartedSession } from '../../identity/sessions/index.ts'
import { getUser, lockUserRow } from '../../identity/users/index.ts'
import { passwordChangedEmail } from './mail.tsx'
import { confirmCaller, confirmPassword } from './method.ts'
import {
  acceptPassword,
  auditPassword,
  findPassword,
  findRules,
  replacePassword,
  usedHashes,
} from './passwords.ts'

export interface PasswordChange {
  /** Absent, where the account has none. */
  current_password?: string | undefined
  new_password: string
  new_password_confirm?: string | undefined
}

/** Within this time of a change the form may be sent a second time. */
const TWICE = 60_000

/**
 * Whether the password was changed to this one a moment ago: the form was sent twice, and the first time has replaced the
 * password that it confirms. The check counts as a guess.
 */
export async function hasJustChangedTo(
  tools: Pick<Tools, 'db' | 'config' | 'hashing' | 'jobs' | 'keyring' | 'log'>,
  call: Call,
  password: string,
): Promise<boolean> {
  const userId = call.principal?.userId ?? ''
  const { user, stored } = await tools.db.tx('system', async (tx) => ({
    user: await getUser(tx, userId),
    stored: await findPassword(tx, userId),
  }))
  if (!stored || later(stored.changedAt, TWICE) < call.now) return false
  return await confirmPassword(tools, call, user, password).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Problem) return false
      throw error
    },
  )
}

/** @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED, VALIDATION_ERROR, CONFLICT, STEP_UP_REQUIRED */
export async function changePassword(
  tools: Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches' | 'mail' | 'jobs' | 'keyring' | 'log'>,
  call: Call,
  input: PasswordChange,
): Promise<StartedSession> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  const user = await tools.db.tx('system', (tx) => getUser(tx, principal.userId))
  const confirmed = await confirmCaller(tools, call, user, input.current_password, 'current_password')
  const { rules, used } = await tools.db.tx('system', async (tx) => {
    const rules = await findRules(tools, tx, user, call.now)
    return { rules, used: await usedHashes(tx, rules.profile, user.id) }
  })
  const to = await acceptPassword(
    tools,
    input.new_password,
    rules,
    used,
    'new_password',
    input.new_password_confirm,
  )
  return await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, user.id)
    await confirmed.assertUnchanged(tx)
    await replacePassword(tx, call, user, { from: confirmed.stored, to, keepSession: session.id })
    const proof = { ...kindOf('password'), method: 'password', at: call.now.toISOString() } as const
    // a first password is chosen, which proves nothing
    const proofs = confirmed.stored ? [proof] : []
    const renewed = await raiseSession(tx, call, { id: session.id, userId: user.id, proofs })
    await auditPassword(tx, call, 'auth.password.changed', user)
    await tools.mail.write(
      tx,
      passwordChangedEmail(tools.config, { to: user.email, locale: findLocale(user.locale) ?? call.locale }),
      call.now,
      user.id,
    )
    return renewed
  })
}
