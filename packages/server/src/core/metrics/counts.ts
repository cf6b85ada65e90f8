/** What the server counts about sign-ins, tokens and e-mails, for its metrics: each counter once, with what its labels say. */
import type { Metrics } from '../../base/metrics/index.ts'

const about = <L extends string>(help: string, ...labels: readonly L[]) => ({ help, labels })
const OUTCOMES = { outcome: ['done', 'waiting', 'refused'] }

export const createCounts = (metrics: Pick<Metrics, 'counter'>) => ({
  registrations: metrics.counter('registrations_total', {
    ...about('Accounts that users registered, also those whose address is never verified.', 'by'),
    values: { by: ['password', 'provider'] },
  }),
  lockouts: metrics.counter(
    'lockouts_total',
    about('Lock-outs after failed sign-ins, also of identifiers without an account, once their job ran.'),
  ),
  codes: metrics.counter(
    'codes_issued_total',
    about(
      'Authorization codes that apps were given; what became of them is in `latchkey_tokens_issued_total`.',
    ),
  ),
  jobs: metrics.counter('jobs_total', {
    ...about('Attempts at jobs by kind: `done`, `retried` later, or `failed` for good.', 'kind', 'outcome'),
    values: { outcome: ['done', 'retried', 'failed'] },
  }),
  signIns: metrics.counter('sign_ins_total', {
    ...about(
      'Sign-ins that were begun, by method; `done`, or `waiting` for the step in `reason`, or `refused` with its error code.',
      'method',
      'outcome',
      'reason',
    ),
    values: OUTCOMES,
  }),
  furtherProofs: metrics.counter('second_factor_total', {
    ...about(
      'Proofs that a sign-in or a step-up waited for, by method; outcomes and reasons as of sign-ins.',
      'method',
      'outcome',
      'reason',
    ),
    values: OUTCOMES,
  }),
  appTokens: metrics.counter(
    'tokens_issued_total',
    about(
      'Answers of the token endpoint by `grant_type`, with `issued` or the error of OAuth.',
      'grant',
      'outcome',
    ),
  ),
  refreshes: metrics.counter('refresh_total', {
    ...about(
      'Uses of refresh tokens: `rotated`, `grace` (the same successor again), `reuse` (the family ended), `invalid`.',
      'outcome',
    ),
    values: { outcome: ['rotated', 'grace', 'reuse', 'invalid'] },
  }),
  letters: metrics.counter('letters_total', {
    ...about('Tries to deliver e-mails: `sent`, `postponed`, or `failed` for good.', 'outcome'),
    values: { outcome: ['sent', 'postponed', 'failed'] },
  }),
})

export type Counts = ReturnType<typeof createCounts>
