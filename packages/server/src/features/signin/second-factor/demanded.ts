/** Setting up what an organization demands, under a session that was started without it. */
import type { Demand } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { judgeEnrolled, recentProofs } from '../../../base/enrolled.ts'
import { problem } from '../../../base/errors.ts'
import { findProvable } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Attempt } from '../attempts/index.ts'
import { beginStepUp } from '../steps/index.ts'

/** How recent a proof must be for setting up a factor, in milliseconds. */
const RECENT = 10 * 60_000

/**
 * Begins the attempt in which the caller's session sets up what is demanded. It waits at `enrol`; without a recent proof of
 * what the account requires at `prove` before, so that neither a stolen session nor the password alone can set up a factor.
 */
export async function beginDemandedEnrolment(
  tools: Pick<Tools, 'config' | 'db' | 'keyring'>,
  call: Call,
  { dueAt, ...demand }: Demand,
): Promise<Attempt> {
  const { session, principal, now } = call
  if (!session || !principal) throw problem('AUTHENTICATION_REQUIRED')
  const { facts, proofs } = await tools.db.tx('system', (tx) =>
    findProvable(tools, tx, session, principal.userId, now),
  )
  const { acr, isMet } = judgeEnrolled(recentProofs(proofs, RECENT, now), facts)
  const level = { acr, maxAge: RECENT / 1000 }
  const stepUp = { ...level, demand: { ...demand, dueAt: dueAt?.toISOString() ?? null } }
  const isRecent = now.getTime() - session.authenticatedAt.getTime() <= RECENT
  return await beginStepUp(tools, call, stepUp, {
    step: isRecent && isMet ? 'enrol' : 'prove',
    isReused: true,
  })
}
