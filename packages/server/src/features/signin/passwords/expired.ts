/**
 * Replacing a password that has expired or no longer meets the rules: the step `change_password` of a sign-in. The
 * attempt proves the old password, so only the new one is sent; the sign-in is then complete.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser, type User } from '../../identity/users/index.ts'
import { continueAttempt, type Outcome } from '../door/index.ts'
import { getAttempt } from '../steps/index.ts'
import { passwordChangedEmail } from './mail.tsx'
import {
  acceptPassword,
  auditPassword,
  findPassword,
  findRules,
  isExpired,
  type PasswordRules,
  replacePassword,
  type StoredPassword,
  usedHashes,
} from './passwords.ts'

/**
 * The user whose sign-in waits for a new password, what it has to meet, whether the old one has expired, and where the
 * browser is going.
 * @throws Problem NOT_FOUND, CONFLICT, ACCOUNT_DISABLED, ACCOUNT_LOCKED
 */
export async function previewExpired(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  token: string,
): Promise<{ user: User; rules: PasswordRules; isExpired: boolean; returnTo: string | null }> {
  const { userId, after } = await getAttempt(tools, call, token, ['change_password'], { toShow: true })
  return await tools.db.tx('system', async (tx) => {
    const user = await getUser(tx, userId)
    const [rules, stored] = [await findRules(tools, tx, user, call.now), await findPassword(tx, userId)]
    const hasExpired = stored !== null && isExpired(rules.profile, stored.changedAt, call.now)
    return { user, rules, isExpired: hasExpired, returnTo: after.returnTo }
  })
}

/**
 * Replaces the expired password and completes the sign-in. A refused password leaves the attempt as it is.
 * @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR
 */
export async function replaceExpired(
  tools: Pick<Tools, 'db' | 'config' | 'counts' | 'hashing' | 'breaches' | 'mail' | 'jobs' | 'keyring'>,
  call: Call,
  token: string,
  input: { password: string; password_confirm?: string | undefined },
): Promise<Outcome> {
  const attempt = await getAttempt(tools, call, token, ['change_password'])
  const { rules, from, used } = await tools.db.tx('system', async (tx) => {
    const rules = await findRules(tools, tx, await getUser(tx, attempt.userId), call.now)
    return {
      rules,
      from: await findPassword(tx, attempt.userId),
      used: await usedHashes(tx, rules.profile, attempt.userId),
    }
  })
  // the attempt proves the password that was typed, not one that replaced it since
  if (from === null || !attempt.proofs.some((proof) => proves(proof, from)))
    throw problem('CONFLICT', { message: 'The password was changed meanwhile. Sign in with the new one.' })
  const to = await acceptPassword(tools, input.password, rules, used, 'password', input.password_confirm)
  return await continueAttempt(tools, call, attempt, {
    name: 'change_password',
    async fulfil(tx, user) {
      await replacePassword(tx, call, user, { from, to })
      await auditPassword(tx, call, 'auth.password.changed', user)
      const email = passwordChangedEmail(tools.config, {
        to: user.email,
        locale: findLocale(user.locale) ?? call.locale,
      })
      await tools.mail.write(tx, email, call.now, user.id)
    },
  })
}

const proves = ({ method, at }: { method: string; at: string }, { changedAt }: StoredPassword): boolean =>
  method === 'password' && new Date(at) >= changedAt
