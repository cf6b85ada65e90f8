/** Counts what became of sign-ins and further proofs, for the metrics of the server. */
import type { ProofMethod } from '../../../base/assurance.ts'
import { Problem } from '../../../base/errors.ts'
import type { Counts } from '../../../core/metrics/counts.ts'
import type { Outcome } from './advance.ts'

type Counter = Counts['signIns']

/** @param outcome as the door returns it */
export function countOutcome(counter: Counter, method: ProofMethod, outcome: Outcome): void {
  const count = (is: string, reason = ''): void => counter({ method, outcome: is, reason }).add()
  if ('done' in outcome) count('done')
  else if ('next' in outcome) count('waiting', outcome.next)
  else count('refused', outcome.refused.code)
}

/** Counts a proof when it is decided, also where it is refused by an exception. */
export async function counted(
  counter: Counter,
  method: ProofMethod,
  proving: Promise<Outcome>,
): Promise<Outcome> {
  try {
    const outcome = await proving
    countOutcome(counter, method, outcome)
    return outcome
  } catch (error) {
    counter({ method, outcome: 'refused', reason: error instanceof Problem ? error.code : 'fault' }).add()
    throw error
  }
}
