/** Attempts as `nextStep` judges them: with their user, and as answers. */
import { NO_FACTS, type SignInFacts } from '../../../base/assurance.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { Config } from '../../../config.ts'
import { accountLocked, isLocked } from '../../../core/locks.ts'
import type { User } from '../../identity/users/index.ts'
import type { Attempt, Step } from '../attempts/index.ts'
import { isWaiting, nextStep, type Refusal } from './next-step.ts'

export const attemptEnded = (): Problem =>
  problem('CONFLICT', { message: 'This sign-in was already completed or has expired. Sign in again.' })

/** The next step of an attempt of the user. */
export const stepOf = (
  { emailVerification }: Pick<Config, 'emailVerification'>,
  now: Date,
  judged: { user: User; facts: SignInFacts } & Pick<Attempt, 'proofs' | 'requirements' | 'stepUp'>,
): Step => nextStep({ ...knownOf(judged, now), emailVerification })

/** What `nextStep` and what an attempt offers are computed from. */
export const knownOf = (
  {
    user,
    facts,
    proofs,
    requirements,
    stepUp,
  }: { user: User; facts: SignInFacts } & Pick<Attempt, 'proofs' | 'requirements' | 'stepUp'>,
  now: Date,
) => ({
  proofs,
  requirements,
  facts,
  stepUp: stepUp?.demand ?? null,
  now,
  user: {
    id: user.id,
    status: user.status,
    emailVerified: user.email_verified_at !== null,
    locked: isLocked(user, now),
  },
})

/** What the refusal is answered with. */
export const refusalOf = (user: User, now: Date, step: Refusal): Problem =>
  step === 'refuse_disabled' ? problem('ACCOUNT_DISABLED') : accountLocked(user, now)

/** What continuing the attempt would be refused with: that of an account that may not sign in. */
export function findRefusal(
  config: Pick<Config, 'emailVerification'>,
  now: Date,
  attempt: Pick<Attempt, 'proofs' | 'requirements' | 'stepUp'>,
  user: User,
): Problem | null {
  const step = stepOf(config, now, { ...attempt, user, facts: NO_FACTS })
  return step === 'done' || isWaiting(step) ? null : refusalOf(user, now, step)
}
