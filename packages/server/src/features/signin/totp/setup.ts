/**
 * Setting up an authenticator app: in a session, which has then proven it as well, and in a sign-in that waits at the step
 * `enrol`, which it continues.
 */
import { type FactorKind, kindOf } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { listFactors, recordEnrolment } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { StartedSession } from '../../identity/sessions/index.ts'
import type { User } from '../../identity/users/index.ts'
import { countBackupCodes, issueWhereNone, type OfferedSet } from '../backup-codes/index.ts'
import { enrolInAttempt, enrolInSession, type Outcome } from '../door/index.ts'
import { getAttempt } from '../steps/index.ts'
import {
  beginAuthenticator,
  type Confirmation,
  confirmAuthenticator,
  type NewAuthenticator,
  type SetupWish,
} from './authenticators.ts'

type BeginTools = Pick<Tools, 'config' | 'db' | 'hashing' | 'keyring'>
type ConfirmTools = Pick<Tools, 'config' | 'counts' | 'db' | 'hashing' | 'jobs' | 'keyring' | 'mail'>

/** @throws Problem CONFLICT, UNAVAILABLE */
export async function beginInSession(
  tools: BeginTools,
  call: Call,
  wish: SetupWish,
): Promise<NewAuthenticator> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  return await beginAuthenticator(tools, call, call.principal.userId, wish)
}

/** @throws Problem NOT_FOUND, CONFLICT where the attempt waits for something else, ACCOUNT_DISABLED, ACCOUNT_LOCKED */
export async function beginInAttempt(
  tools: BeginTools,
  call: Call,
  token: string,
  wish: SetupWish,
): Promise<NewAuthenticator> {
  const { userId } = await getAttempt(tools, call, token, ['enrol'], { toShow: true })
  return await beginAuthenticator(tools, call, userId, wish)
}

/** What an authenticator was confirmed with. */
export interface Confirmed {
  session: StartedSession
  /** The kinds of the user's factors. */
  kinds: readonly FactorKind[]
  backupCodes: number
}

/**
 * Confirms an authenticator in a session, which then has its proof and a new token.
 * @param set backup codes that the user gets where there are none
 * @throws Problem VALIDATION_ERROR for a wrong code, CONFLICT
 */
export async function confirmInSession(
  tools: ConfirmTools,
  call: Call,
  confirmation: Confirmation,
  set: OfferedSet | null,
): Promise<Confirmed> {
  const session = await enrolInSession(tools, call, {
    method: 'totp',
    proof: kindOf('totp'),
    enrol: (tx, user) => confirm(tools, tx, call, user, confirmation, set),
  })
  const userId = call.principal?.userId ?? ''
  return await tools.db.tx('system', async (tx) => ({
    session,
    kinds: [...new Set((await listFactors(tx, userId)).map(({ kind }) => kind))],
    backupCodes: await countBackupCodes(tx, userId),
  }))
}

/** As confirmInSession, in a sign-in that waits for it. @throws Problem NOT_FOUND as well */
export const confirmInAttempt = (
  tools: ConfirmTools,
  call: Call,
  token: string,
  confirmation: Confirmation,
  set: OfferedSet | null,
): Promise<Outcome> =>
  enrolInAttempt(tools, call, token, {
    method: 'totp',
    proof: kindOf('totp'),
    enrol: (tx, user) => confirm(tools, tx, call, user, confirmation, set),
  })

async function confirm(
  tools: ConfirmTools,
  tx: Tx,
  call: Call,
  user: User,
  confirmation: Confirmation,
  set: OfferedSet | null,
): Promise<void> {
  await recordEnrolment(tools, tx, call, user, 'totp')
  await confirmAuthenticator(tools, tx, call, user, confirmation)
  if (set) await issueWhereNone(tx, call, user, set)
}
