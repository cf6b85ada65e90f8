/**
 * Locking and disabling accounts. A disabled account is refused until it is enabled, a locked account until the lock
 * ends or is lifted. In both states every sign-in, session, token and API key is refused from the commit on, on every
 * node and guard. Ended sessions stay ended; API keys, and sessions that a lock does not end, are usable again after
 * it.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { statusOf } from '../../../core/locks.ts'
import { lockRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { mayWriteTo } from '../../identity/emails/index.ts'
import { disableUser, enableUser, lockUser, unlockUser } from '../../identity/lifecycle/index.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { findUser, getUser, type User } from '../../identity/users/index.ts'
import { forgetGuesses } from '../../signin/guesses/index.ts'
import { resetFactors } from '../../signin/mfa/index.ts'
import { resetLinks } from '../../signin/passwords/index.ts'
import { asAdministrator, assertMayActOnUser, assertMayWithdraw, localeOf } from './target.ts'
import type { SettableStatus } from './view.ts'

type LockTools = Pick<Tools, 'db' | 'roles' | 'clock' | 'config' | 'keyring' | 'mail'>

export interface AccountLock {
  until: Date | null
  reason?: string | undefined
  endSessions: boolean
}

/** A second lock replaces the first. @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT */
export const lockAccount = (tools: LockTools, call: Call, id: string, options: AccountLock): Promise<User> =>
  changeTarget(tools, call, id, assertMayWithdraw, (tx, acting, user) =>
    lockUser(tools, tx, acting, user, options),
  )

/** Lifts a lock and clears the failed sign-ins of the account, from all addresses. */
export const unlockAccount = (tools: LockTools, call: Call, id: string): Promise<User> =>
  changeTarget(tools, call, id, assertMayActOnUser, (tx, acting, user) => liftLock(tools, tx, acting, user))

/** As unlockAccount, without a check of permissions (for the CLI). */
export async function liftLock(
  tools: Pick<Tools, 'config' | 'keyring'>,
  tx: Tx,
  call: Call,
  user: User,
  details: Record<string, unknown> = {},
): Promise<void> {
  await unlockUser(tx, call, user, details)
  await forgetGuesses(tools, tx, user)
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT where it is not active */
export const disableAccount = (tools: LockTools, call: Call, id: string, reason?: string): Promise<User> =>
  changeTarget(tools, call, id, assertMayWithdraw, (tx, acting, user) =>
    disableUser(tools, tx, acting, user, reason === undefined ? {} : { reason }),
  )

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT where it is not disabled */
export const enableAccount = (tools: LockTools, call: Call, id: string): Promise<User> =>
  changeTarget(tools, call, id, assertMayActOnUser, enableUser)

/**
 * Sets the status as the actions above do, in a transaction that holds the lock on roles; nothing where it is that
 * already. The caller has checked the target: `assertMayWithdraw` unless it becomes active.
 * @throws Problem CONFLICT for a registration that is not verified, and for locking a disabled account
 */
export async function setStatus(
  tools: LockTools,
  tx: Tx,
  acting: Call,
  user: User,
  status: SettableStatus,
): Promise<void> {
  if (statusOf(user, acting.now) === status) return
  if (user.status === 'pending')
    throw problem('CONFLICT', {
      message: 'The address of this account is not verified yet. Verify it with `is_verified`.',
      details: { reason: 'not_verified' },
    })
  if (status === 'disabled') return await disableUser(tools, tx, acting, user)
  if (status === 'locked') {
    if (user.status === 'disabled')
      throw problem('CONFLICT', { message: 'The account is disabled. Enable it before you lock it.' })
    return await lockUser(tools, tx, acting, user, { until: null, endSessions: true })
  }
  if (user.status === 'disabled') await enableUser(tx, acting, user)
  if (user.locked_at !== null) await liftLock(tools, tx, acting, user)
}

const changeTarget = (
  tools: LockTools,
  call: Call,
  id: string,
  assertMay: typeof assertMayActOnUser,
  change: (tx: Tx, acting: Call, user: User) => Promise<void>,
): Promise<User> =>
  asAdministrator(tools, call, async (tx, acting) => {
    // the order of locks: roles before users, as in every change that can end an administrator
    await lockRoles(tx)
    await change(tx, acting, await assertMay(tools, tx, call, id))
    return await getUser(tx, id)
  })

/**
 * Removes all second factors of a user who has lost them, and ends their sessions. @returns how many factors there were
 * @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT on the own account
 */
export const resetMfa = (
  tools: Pick<Tools, 'db' | 'roles' | 'config' | 'mail'>,
  call: Call,
  id: string,
): Promise<number> =>
  asAdministrator(tools, call, async (tx, acting) =>
    resetFactors(tools, tx, acting, await assertMayWithdraw(tools, tx, call, id)),
  )

/**
 * Ends a user's sessions with their tokens: all, or one.
 * @returns how many.
 * @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS
 */
export const endSessionsOf = (
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  id: string,
  only?: string,
): Promise<number> =>
  asAdministrator(tools, call, async (tx, acting) => {
    const { username } = await assertMayActOnUser(tools, tx, call, id)
    const which = {
      userId: id,
      username,
      reason: 'revoked',
      ...(only === undefined ? { withApps: true as const } : { only }),
    } as const
    const ended = await endSessions(tx, acting, which)
    if (only !== undefined && ended === 0) throw notFound('session')
    return ended
  })

/**
 * Sends a user a link to choose a new password. Sessions and the password stay valid until it is used.
 * @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT, RATE_LIMIT_EXCEEDED within a minute of the last one
 */
export const sendReset = (tools: LockTools, call: Call, id: string): Promise<void> =>
  asAdministrator(tools, call, async (tx, acting) => {
    const found = await findUser(tx, id)
    // the order of locks: addresses before the user, as in verification
    const isTimely = found === null || (await mayWriteTo(tx, found, 'reset_password', call.now))
    const user = await assertMayActOnUser(tools, tx, call, id)
    if (user.status === 'disabled')
      throw problem('CONFLICT', { message: 'The account is disabled. Enable it first.' })
    if (!isTimely)
      throw problem('RATE_LIMIT_EXCEEDED', {
        message: 'An e-mail was sent to this user less than a minute ago.',
        retryAfter: 60,
      })
    await resetLinks.send(tools, tx, acting, user, { locale: localeOf(user, call) })
  })
