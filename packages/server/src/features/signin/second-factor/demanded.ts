/** Setting up what an organization demands, under a session that was started without it. */
import type { Demand } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Attempt } from '../attempts/index.ts'
import { beginStepUp } from '../steps/index.ts'

/** How recent a proof must be for setting up a factor, in milliseconds. */
const RECENT = 10 * 60_000

/**
 * Begins the attempt in which the caller's session sets up what is demanded. It waits at `enrol`; without a recent proof at
 * `prove` before, so that a stolen session cannot set up a factor.
 */
export async function beginDemandedEnrolment(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { dueAt, ...demand }: Demand,
): Promise<Attempt> {
  const { session } = call
  if (!session) throw problem('AUTHENTICATION_REQUIRED')
  const stepUp = { demand: { ...demand, dueAt: dueAt?.toISOString() ?? null } }
  const isRecent = call.now.getTime() - session.authenticatedAt.getTime() <= RECENT
  return await beginStepUp(tools, call, stepUp, { step: isRecent ? 'enrol' : 'prove', isReused: true })
}
