/**
 * Replacing an expired password: the step `change_password` of a sign-in. The attempt proves the old password, so only
 * the new one is sent; the sign-in is then complete.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser, type User } from '../../identity/users/index.ts'
import { continueAttempt, getAttempt, type Outcome } from '../door/index.ts'
import { passwordChangedEmail } from './mail.tsx'
import {
  acceptPassword,
  auditPassword,
  contextOf,
  findPassword,
  isExpired,
  replacePassword,
  usedHashes,
} from './passwords.ts'

/**
 * The user whose sign-in waits for a new password, and where the browser is going.
 * @throws Problem NOT_FOUND, CONFLICT, ACCOUNT_DISABLED, ACCOUNT_LOCKED
 */
export async function previewExpired(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  token: string,
): Promise<{ user: User; returnTo: string | null }> {
  const { userId, after } = await getAttempt(tools, call, token, 'change_password', { toShow: true })
  return { user: await tools.db.tx('system', (tx) => getUser(tx, userId)), returnTo: after.returnTo }
}

/**
 * Replaces the expired password and completes the sign-in. A refused password leaves the attempt as it is.
 * @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR
 */
export async function replaceExpired(
  tools: Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches' | 'mail' | 'jobs'>,
  call: Call,
  token: string,
  input: { password: string; password_confirm?: string | undefined },
): Promise<Outcome> {
  const attempt = await getAttempt(tools, call, token, 'change_password')
  const { context, from, used } = await tools.db.tx('system', async (tx) => ({
    context: contextOf(await getUser(tx, attempt.userId)),
    from: await findPassword(tx, attempt.userId),
    used: await usedHashes(tx, tools.config, attempt.userId),
  }))
  // the attempt proves the password that had expired, not one that replaced it since
  if (from === null || !isExpired(tools.config, from.changedAt, call.now))
    throw problem('CONFLICT', { message: 'The password was changed meanwhile. Sign in with the new one.' })
  const hash = await acceptPassword(tools, input.password, context, used, 'password', input.password_confirm)
  return await continueAttempt(tools, call, attempt, {
    name: 'change_password',
    async fulfil(tx, user) {
      await replacePassword(tools, tx, call, user, { from, hash })
      await auditPassword(tx, call, 'auth.password.changed', user)
      const email = passwordChangedEmail(tools.config, {
        to: user.email,
        locale: findLocale(user.locale) ?? call.locale,
      })
      await tools.mail.write(tx, email, call.now, user.id)
    },
  })
}
