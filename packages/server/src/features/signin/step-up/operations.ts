/** The operations of a step-up. */
import { operation } from '../../../base/http/row/operation.ts'
import { secondFactorOperations } from '../second-factor/index.ts'

const ERRORS = [
  'AUTHENTICATION_FAILED',
  'ACCOUNT_LOCKED',
  'ACCOUNT_DISABLED',
  'MFA_REQUIRED',
  'MFA_ENROLMENT_REQUIRED',
  'NOT_FOUND',
  'CONFLICT',
  'UNAVAILABLE',
] as const

const BEGINNING = { by: 'user', max: 120, per: '10m' } as const
const begin = operation({
  name: 'auth.step_up',
  summary: 'Begin a step-up of your session',
  needs: 'session',
  anyProof: 'it asks for the proof that is missing',
  quiet: 'begins an attempt; what it proves is recorded',
  limit: BEGINNING,
  errors: ['NOT_FOUND'],
})

export const stepUpOperations = {
  begin,
  form: operation({
    name: 'pages.step_up',
    summary: 'Show the form of a step-up',
    needs: 'session',
    anyProof: 'it asks for the proof that is missing',
    quiet: 'begins an attempt; what it proves is recorded',
    limit: { ...BEGINNING, sharedWith: begin },
  }),
  prove: operation({
    name: 'auth.step_up.prove',
    summary: 'Continue a step-up by a proof',
    needs: 'session',
    anyProof: 'it takes the proof that is missing',
    audit: ['auth.step_up.success', 'auth.login.failure', 'auth.login.locked'],
    limit: { by: 'ip', max: 60, per: '10m', exact: true, sharedWith: secondFactorOperations.verify },
    errors: ERRORS,
  }),
  enrolForm: operation({
    name: 'pages.step_up.enrol',
    summary: 'Show the form that sets up a second factor in a step-up',
    needs: 'session',
    anyProof: 'it judges what a factor may be set up with',
    quiet: 'reads only',
    limit: { by: 'user', max: 120, per: '10m' },
  }),
  enrol: operation({
    name: 'auth.step_up.enrol',
    summary: 'Set up a second factor in a step-up',
    needs: 'session',
    anyProof: 'it judges what a factor may be set up with',
    audit: ['auth.step_up.success', 'auth.mfa.enabled'],
    limit: { by: 'ip', max: 60, per: '10m', exact: true, sharedWith: secondFactorOperations.enrol },
    errors: ERRORS,
  }),
  resume: operation({
    name: 'pages.step_up.continue',
    summary: 'Continue what a step-up was required for',
    needs: 'session',
    anyProof: 'it leads to what is judged itself',
    quiet: 'changes nothing but that the kept form is shown once',
    limit: { by: 'user', max: 120, per: '10m' },
  }),
}
