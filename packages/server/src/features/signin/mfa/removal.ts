/**
 * Removing second factors: by their user, by an administrator, by the operator. Without an authenticator or a passkey,
 * backup codes have nothing to replace, and are removed as well. A removal forgets which devices may skip the second
 * factor.
 * Invariant: a user keeps a way to sign in, and what a policy requires of them.
 */
import { isEnrolled, type SignInFacts } from '../../../base/assurance.ts'
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { deleteFactor, type Factor, findSignInFacts, listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { distrustDevices } from '../devices/index.ts'
import { factorsRemovedEmail, factorsResetEmail } from './mail.tsx'

type RemovalTools = Pick<Tools, 'config' | 'db' | 'mail' | 'roles'>

const isStrong = ({ kind }: Pick<Factor, 'kind'>): boolean => kind === 'totp' || kind === 'passkey'

/**
 * Removes a factor of the caller, or all.
 * @throws Problem NOT_FOUND; CONFLICT for the last way to sign in; INSUFFICIENT_PERMISSIONS where a policy requires it
 */
export async function removeFactors(tools: RemovalTools, call: Call, factorId: string | null): Promise<void> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const { userId } = call.principal
  await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const user = await getUser(tx, userId)
    const [factors, facts] = await Promise.all([listFactors(tx, userId), findSignInFacts(tools, tx, userId)])
    const removed = removalOf(factors, factorId)
    if (removed.length === 0) throw notFound('factor')
    assertMayRemove(facts, factors, removed)
    await deleteAll(tx, call, user, removed, {})
    const locale = findLocale(user.locale) ?? call.locale
    await tools.mail.write(
      tx,
      factorsRemovedEmail(tools.config, { to: user.email, locale }),
      call.now,
      user.id,
    )
  })
}

/** The factor, or all; with the last strong one the backup codes too. */
function removalOf(factors: readonly Factor[], factorId: string | null): readonly Factor[] {
  if (factorId === null) return factors
  const wanted = factors.filter(({ id }) => id === factorId)
  const isLastStrong = wanted.some(isStrong) && !factors.some((one) => isStrong(one) && one.id !== factorId)
  return isLastStrong ? factors.filter((one) => one.id === factorId || one.kind === 'backup_codes') : wanted
}

function assertMayRemove(facts: SignInFacts, factors: readonly Factor[], removed: readonly Factor[]): void {
  const kinds = factors.filter((factor) => !removed.includes(factor)).map(({ kind }) => kind)
  const isRequired = facts.demands.some(
    (demand) => isEnrolled(demand, facts.factors) && !isEnrolled(demand, kinds),
  )
  if (isRequired)
    throw problem('INSUFFICIENT_PERMISSIONS', {
      message: 'A policy requires this second factor. Set up another one first.',
      details: { reason: 'required_by_policy' },
    })
  const isWayIn = removed.some(({ kind }) => kind === 'passkey')
  if (isWayIn && !facts.hasPassword && !kinds.includes('passkey'))
    throw problem('CONFLICT', {
      message: 'This is the last way to sign in to your account. Choose a password first.',
      details: { reason: 'last_way_in' },
    })
}

/**
 * Removes every factor of a user who has lost them, and ends all sessions. The caller has checked the target and holds its
 * row. @returns how many factors there were
 */
export async function resetFactors(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
  details: Record<string, unknown> = {},
): Promise<number> {
  const factors = await listFactors(tx, user.id)
  if (factors.length === 0) return 0
  await deleteAll(tx, call, user, factors, { ...details, reset: true })
  await endSessions(tx, call, { userId: user.id, username: user.username, reason: 'revoked' })
  const locale = findLocale(user.locale) ?? call.locale
  await tools.mail.write(tx, factorsResetEmail(tools.config, { to: user.email, locale }), call.now, user.id)
  return factors.length
}

async function deleteAll(
  tx: Tx,
  call: Call,
  user: User,
  factors: readonly Factor[],
  details: Record<string, unknown>,
): Promise<void> {
  for (const { id } of factors) await deleteFactor(tx, user.id, id)
  await distrustDevices(tx, user.id)
  await audit(tx, call, {
    type: 'auth.mfa.disabled',
    userId: user.id,
    username: user.username,
    details: {
      kinds: [...new Set(factors.map(({ kind }) => kind))],
      factor_ids: factors.map(({ id }) => id),
      ...details,
    },
  })
}
