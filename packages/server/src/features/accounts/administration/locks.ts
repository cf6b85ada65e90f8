/**
 * Taking an account out of use and giving it back. Disabled: until somebody enables it. Locked: for a time, or until it
 * is unlocked. Either way nothing of it works from the commit on, on any node and at any guard: no sign-in, session,
 * token or key. What is ended stays ended; what a lock leaves (keys, and sessions where that is asked for) rests, and
 * goes on after it.
 */

import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { lockRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { mayWriteTo } from '../../identity/emails/index.ts'
import { disableUser, enableUser, lockUser, unlockUser } from '../../identity/lifecycle/index.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { findUser, getUser, type User } from '../../identity/users/index.ts'
import { forgetGuesses } from '../../signin/guesses/index.ts'
import { sendResetEmail } from '../../signin/passwords/index.ts'
import { localeOf } from './accounts.ts'
import { asAdministrator, assertMayActOn, assertMayTakeAway } from './target.ts'

type LockTools = Pick<Tools, 'db' | 'roles' | 'clock' | 'config' | 'keyring' | 'mail'>

export interface LockWish {
  until: Date | null
  reason?: string | undefined
  endSessions: boolean
}

/** A second lock replaces the first. @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT */
export const lockAccount = (tools: LockTools, call: Call, id: string, wish: LockWish): Promise<User> =>
  changing(tools, call, id, assertMayTakeAway, (tx, acting, user) => lockUser(tools, tx, acting, user, wish))

/** Lifts a lock, and forgets the failed sign-ins that were counted against the account, from wherever they came. */
export const unlockAccount = (tools: LockTools, call: Call, id: string): Promise<User> =>
  changing(tools, call, id, assertMayActOn, (tx, acting, user) => unlock(tools, tx, acting, user))

/** As unlockAccount, for whoever answers for it (the CLI). */
export async function unlock(
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
  changing(tools, call, id, assertMayTakeAway, (tx, acting, user) =>
    disableUser(tx, acting, user, reason === undefined ? {} : { reason }),
  )

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT where it is not disabled */
export const enableAccount = (tools: LockTools, call: Call, id: string): Promise<User> =>
  changing(tools, call, id, assertMayActOn, enableUser)

const changing = (
  tools: LockTools,
  call: Call,
  id: string,
  assertMay: typeof assertMayActOn,
  change: (tx: Tx, acting: Call, user: User) => Promise<void>,
): Promise<User> =>
  asAdministrator(tools, call, async (tx, acting) => {
    // before any user, as everybody does who takes an administrator away
    await lockRoles(tx)
    await change(tx, acting, await assertMay(tools, tx, call, id))
    return await getUser(tx, id)
  })

/** Ends somebody's sessions with their tokens: all, or one. @returns how many. @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS */
export const endSessionsOf = (
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  id: string,
  only?: string,
): Promise<number> =>
  asAdministrator(tools, call, async (tx, acting) => {
    const { username } = await assertMayActOn(tools, tx, call, id)
    const which = {
      userId: id,
      username,
      reason: 'revoked',
      ...(only === undefined ? {} : { only }),
    } as const
    const ended = await endSessions(tx, acting, which)
    if (only !== undefined && ended === 0) throw problem('NOT_FOUND')
    return ended
  })

/**
 * Sends somebody a link to choose another password. Nothing ends before they use it.
 * @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT, RATE_LIMIT_EXCEEDED where one went out just now
 */
export const sendReset = (tools: LockTools, call: Call, id: string): Promise<void> =>
  asAdministrator(tools, call, async (tx, acting) => {
    const found = await findUser(tx, id)
    // its address is held before the user, as everybody does who proves one
    const isTimely = found === null || (await mayWriteTo(tx, found, 'reset_password', call.now))
    const user = await assertMayActOn(tools, tx, call, id)
    if (user.status === 'disabled') throw problem('CONFLICT', { message: 'The account is disabled.' })
    if (!isTimely)
      throw problem('RATE_LIMIT_EXCEEDED', {
        message: 'An e-mail to this person went out a moment ago.',
        retryAfter: 60,
      })
    await sendResetEmail(tools, tx, acting, user, localeOf(user, call))
  })
