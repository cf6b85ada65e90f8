/** What the server counts about sign-ins, tokens and e-mails, for its metrics: each counter once, with what its labels say. */
import type { Metrics } from '../../base/metrics/index.ts'

const about = <L extends string>(help: string, ...labels: readonly L[]) => ({ help, labels })

export const createCounts = (metrics: Pick<Metrics, 'counter'>) => ({
  signIns: metrics.counter(
    'sign_ins_total',
    about(
      'Sign-ins that were begun, by method; `done`, or `waiting` for the step in `reason`, or `refused` with its error code.',
      'method',
      'outcome',
      'reason',
    ),
  ),
  furtherProofs: metrics.counter(
    'second_factor_total',
    about(
      'Proofs that a sign-in or a step-up waited for, by method; outcomes and reasons as of sign-ins.',
      'method',
      'outcome',
      'reason',
    ),
  ),
  appTokens: metrics.counter(
    'tokens_issued_total',
    about(
      'Answers of the token endpoint by `grant_type`, with `issued` or the error of OAuth.',
      'grant',
      'outcome',
    ),
  ),
  refreshes: metrics.counter(
    'refresh_total',
    about(
      'Uses of refresh tokens: `rotated`, `grace` (the same successor again), `reuse` (the family ended), `invalid`.',
      'outcome',
    ),
  ),
  letters: metrics.counter(
    'letters_total',
    about('Tries to deliver e-mails: `sent`, `postponed`, or `failed` for good.', 'outcome'),
  ),
})

export type Counts = ReturnType<typeof createCounts>
