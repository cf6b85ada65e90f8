/**
 * Removing second factors: by their user, by an administrator, by the operator. Without an authenticator or a passkey,
 * backup codes have nothing to replace, and are removed as well. A removal forgets which devices may skip the second
 * factor, and ends the user's other sessions that the removed kind of factor has proven, or a device instead of it; that of
 * the last one ends all others.
 * Invariant: a user keeps a way to sign in, and what a policy requires of them. A reset by others keeps neither: what it
 * removes is lost.
 */
import {
  type FactorKind,
  isDue,
  isEnrolled,
  isStrong,
  type ProofMethod,
  type SignInFacts,
} from '../../../base/assurance.ts'
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import {
  countWaysIn,
  deleteFactor,
  deleteUnconfirmed,
  type Factor,
  findSignInFacts,
  findWaysIn,
  listFactors,
} from '../../../core/factors/index.ts'
import type { Email } from '../../../core/mail/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { distrustDevices } from '../devices/index.ts'
import { factorsRemovedEmail, factorsResetEmail } from './mail.tsx'

type RemovalTools = Pick<Tools, 'config' | 'db' | 'mail'>

/** Which factors of the caller are removed. */
export interface Removal {
  /** null: all. */
  id: string | null
  /** Only factors of this kind. */
  kind?: FactorKind
  /** What the user is sent; default: that a second factor was removed. */
  email?: (user: User, removed: Factor) => Email
}

type WaysIn = Awaited<ReturnType<typeof findWaysIn>>

/** Whether it is required at a sign-in; backup codes replace another one. */
const isRequiring = ({ kind }: Pick<Factor, 'kind'>): boolean => kind !== 'backup_codes'

/**
 * Removes a factor of the caller, or all.
 * @returns whether backup codes were removed as well
 * @throws Problem NOT_FOUND; CONFLICT for the last way to sign in; INSUFFICIENT_PERMISSIONS where a policy requires it
 */
export async function removeFactors(
  tools: RemovalTools,
  call: Call,
  { id, kind, email }: Removal,
): Promise<boolean> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const { userId } = call.principal
  return await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const user = await getUser(tx, userId)
    const factors = await listFactors(tx, userId)
    const removed = removalOf(factors, id)
    const [wanted] = removed
    if (!wanted || (kind && wanted.kind !== kind)) throw notFound(kind === 'passkey' ? 'passkey' : 'factor')
    const left = factors.filter((factor) => !removed.includes(factor))
    const [facts, waysIn] = [
      await findSignInFacts(tools, tx, userId, call.now),
      await findWaysIn(tools.config, tx, userId),
    ]
    assertNotRequired(facts, waysIn, { factors, left }, call.now)
    assertWayIn(waysIn, removed)
    await deleteAll(tx, call, user, { removed, left }, {})
    const about = { userId, username: user.username, reason: 'revoked' } as const
    await endSessions(tx, call, {
      ...about,
      ...(call.session && { except: call.session.id }),
      ...(left.some(isRequiring) && { provenBy: provenWith(removed) }),
    })
    const locale = findLocale(user.locale) ?? call.locale
    const sent = email?.(user, wanted) ?? factorsRemovedEmail(tools.config, { to: user.email, locale })
    await tools.mail.write(tx, sent, call.now, user.id)
    return removed.some((one) => one.kind === 'backup_codes')
  })
}

/** What may have been proven with these factors, also by a device that was remembered with one. */
const provenWith = (removed: readonly Factor[]): ProofMethod[] => [
  'remembered_device',
  ...new Set(removed.map(({ kind }) => METHODS[kind])),
]
const METHODS: Readonly<Record<FactorKind, ProofMethod>> = {
  totp: 'totp',
  passkey: 'passkey',
  backup_codes: 'backup_code',
  email: 'email_code',
}

/** The factor, or all; with the last strong one the backup codes too, after it. */
function removalOf(factors: readonly Factor[], id: string | null): readonly Factor[] {
  if (id === null) return factors
  const wanted = factors.filter((factor) => factor.id === id)
  const isLastStrong =
    wanted.some(({ kind }) => isStrong(kind)) && !factors.some((one) => isStrong(one.kind) && one.id !== id)
  return isLastStrong ? [...wanted, ...factors.filter(({ kind }) => kind === 'backup_codes')] : wanted
}

/** A passkey that is refused meets no demand. */
function assertNotRequired(
  { demands }: SignInFacts,
  { passkeys }: WaysIn,
  { factors, left }: { factors: readonly Factor[]; left: readonly Factor[] },
  now: Date,
): void {
  const usable = (some: readonly Factor[]): FactorKind[] =>
    some.filter(({ id, kind }) => kind !== 'passkey' || passkeys.has(id)).map(({ kind }) => kind)
  const isRequired = demands.some(
    (demand) =>
      isDue(demand, now) && isEnrolled(demand, usable(factors)) && !isEnrolled(demand, usable(left)),
  )
  if (!isRequired) return
  throw problem('INSUFFICIENT_PERMISSIONS', {
    message: 'A policy requires this second factor. Set up another one first.',
    details: { reason: 'required_by_policy' },
  })
}

/** Only what removes a way in is refused: an account without any is not kept from removing other factors. */
function assertWayIn(waysIn: WaysIn, removed: readonly Factor[]): void {
  const left = countWaysIn(
    waysIn,
    removed.map(({ id }) => id),
  )
  if (left > 0 || countWaysIn(waysIn, []) === 0) return
  throw problem('CONFLICT', {
    message: 'This is the last way to sign in to your account. Add another one first.',
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
  const removed = await listFactors(tx, user.id)
  if (removed.length === 0) return 0
  await deleteAll(tx, call, user, { removed, left: [] }, { ...details, reset: true })
  await endSessions(tx, call, {
    userId: user.id,
    username: user.username,
    reason: 'revoked',
    withApps: true,
  })
  const locale = findLocale(user.locale) ?? call.locale
  await tools.mail.write(tx, factorsResetEmail(tools.config, { to: user.email, locale }), call.now, user.id)
  return removed.length
}

/**
 * Removes the factors of a user that were set up since a time, confirmed or not, or all of them, with the backup codes
 * where no authenticator and no passkey is left. The caller holds the user's row, and ends the sessions. @returns them
 */
export async function removeFactorsSince(
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'username'>,
  since: Date | null,
  details: Record<string, unknown>,
): Promise<readonly Factor[]> {
  await deleteUnconfirmed(tx, { userId: user.id })
  const factors = await listFactors(tx, user.id)
  const isRecent = ({ confirmedAt }: Factor) =>
    since === null || (confirmedAt !== null && confirmedAt >= since)
  const isLeft = factors.some((factor) => isStrong(factor.kind) && !isRecent(factor))
  const removed = factors.filter((factor) => isRecent(factor) || (!isLeft && factor.kind === 'backup_codes'))
  if (removed.length === 0) return []
  const left = factors.filter((factor) => !removed.includes(factor))
  await deleteAll(tx, call, user, { removed, left }, details)
  return removed
}

/** Each passkey is an event; what else is removed is another one, and that no second factor is left. */
async function deleteAll(
  tx: Tx,
  call: Call,
  { id: userId, username }: Pick<User, 'id' | 'username'>,
  { removed, left }: { removed: readonly Factor[]; left: readonly Factor[] },
  details: Record<string, unknown>,
): Promise<void> {
  for (const { id, kind, name } of removed) {
    await deleteFactor(tx, userId, id)
    if (kind !== 'passkey') continue
    const about = { factor_id: id, name: name ?? 'Passkey', ...details }
    await audit(tx, call, { type: 'auth.passkey.removed', userId, username, details: about })
  }
  await distrustDevices(tx, userId)
  if (left.some(isRequiring) && removed.every(({ kind }) => kind === 'passkey')) return
  await audit(tx, call, {
    type: 'auth.mfa.disabled',
    userId,
    username,
    details: {
      kinds: [...new Set(removed.map(({ kind }) => kind))],
      factor_ids: removed.map(({ id }) => id),
      ...details,
    },
  })
}
