/**
 * Codes by e-mail as a second factor: enabling it, and continuing an attempt by it. It is one for users without TOTP and
 * passkey; it never raises the level of a session (base/assurance.ts).
 */
import { isStrong } from '../../../base/assurance.ts'
import { type Call, findLocale } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { type Factor, insertFactor, listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { assertMayEnrol, type ContinuingMethod, mayEnrol } from '../second-factor/index.ts'
import { proveByCode } from './code-method.ts'
import { factorEmail } from './mail.tsx'
import { findCodeAddress } from './sql.ts'
import { mailCodesText as t } from './texts.ts'
import { ProveByCode, SendAnotherCode } from './views.tsx'

/**
 * Makes codes by e-mail the caller's second factor. The mailbox is verified, so that it needs no confirmation.
 * @throws Problem VALIDATION_ERROR where the server does not offer it; EMAIL_NOT_VERIFIED; CONFLICT where it is enabled
 * already, or where TOTP or a passkey is (`stronger_factor`)
 */
export async function enableEmailFactor(
  tools: Pick<Tools, 'config' | 'db' | 'mail'>,
  call: Call,
): Promise<Factor> {
  const { userId } = callerScope(call)
  assertMayEnrol(tools.config, 'email_code')
  return await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const user = await getUser(tx, userId)
    if (user.email_verified_at === null)
      throw problem('EMAIL_NOT_VERIFIED', {
        message: 'Verify your e-mail address first.',
        details: { reason: 'address_not_verified' },
      })
    const factors = await listFactors(tx, userId)
    if (hasStronger(factors))
      throw problem('CONFLICT', {
        message: 'Your account has a stronger second factor. A code by e-mail is for accounts without one.',
        details: { reason: 'stronger_factor' },
      })
    if (factors.some(({ kind }) => kind === 'email'))
      throw problem('CONFLICT', { message: 'Codes by e-mail are enabled already.' })
    const factor = await insertFactor(tx, { userId, kind: 'email', name: null, confirmed: true }, call.now)
    const { id: factor_id, kind } = factor
    const { username } = user
    await audit(tx, call, { type: 'auth.mfa.enabled', userId, username, details: { kind, factor_id } })
    await tools.mail.write(
      tx,
      factorEmail(tools.config, { to: user.email, locale: findLocale(user.locale) ?? call.locale }),
      call.now,
      userId,
    )
    return factor
  })
}

const hasStronger = (factors: readonly Factor[]): boolean => factors.some(({ kind }) => isStrong(kind))

/** The caller's codes by e-mail, as the security page shows them. */
export interface EmailFactor {
  user: User
  /** null: they are not enabled. */
  factor: Factor | null
  /** Whether the user has a factor that they are not accepted beside. */
  isStronger: boolean
  /** Whether the user may enable them; where the address is verified. */
  isOffered: boolean
}

export async function findEmailFactor(
  { config, db }: Pick<Tools, 'config' | 'db'>,
  call: Call,
): Promise<EmailFactor> {
  const { userId } = callerScope(call)
  return await db.tx('system', async (tx) => {
    const [user, factors] = [await getUser(tx, userId), await listFactors(tx, userId)]
    const isStronger = hasStronger(factors)
    const factor = factors.find(({ kind }) => kind === 'email') ?? null
    return { user, factor, isStronger, isOffered: mayEnrol(config, 'email_code') && !isStronger }
  })
}

/** The code by e-mail as a method that continues an attempt: as the second factor, and in a step-up. */
export const continuingEmailCode = (tools: Tools): ContinuingMethod => ({
  name: 'email_code',
  prove: (call, token, { code = '', ...chosen }) => proveByCode(tools, call, token, code, chosen),
  label: (locale) => t(locale, 'prove.label'),
  panel: async ({ locale }, { attempt }) => {
    const path = '/sign-in/code/send'
    const unsent = {
      lead: t(locale, 'prove.lead'),
      action: path,
      button: t(locale, 'prove.send'),
      body: null,
    }
    const sent = {
      lead: t(locale, 'prove.sent'),
      body: <ProveByCode />,
      below: <SendAnotherCode path={path} attempt={attempt.id} />,
    }
    const isSent = (await findCodeAddress(tools.db.hot, attempt.id)) !== null
    const fields = { code: t(locale, 'code.field') }
    return { field: 'code', wrong: t(locale, 'code.wrong'), fields, ...(isSent ? sent : unsent) }
  },
})
