import { describe, expect, it } from 'vitest'
import { nextStep, type Requirement, type Step, type StepFacts } from './next-step.ts'

const active = { id: 'usr_1', status: 'active', emailVerified: true, locked: false } as const
const proof = { subject: 'usr_1' }
/** Facts without open requirements. */
const facts = (known: Omit<StepFacts, 'requirements'>, ...requirements: Requirement[]): StepFacts => ({
  ...known,
  requirements,
})

const required = 'required' as const
const table: [string, StepFacts, Step][] = [
  ['no user is identified', facts({ user: null, proofs: [], emailVerification: required }), 'identify'],
  ['nothing is proven', facts({ user: active, proofs: [], emailVerification: required }), 'prove'],
  [
    'the proof is of another user',
    facts({ user: active, proofs: [{ subject: 'usr_2' }], emailVerification: required }),
    'prove',
  ],
  [
    'nothing is proven, though a requirement is open',
    facts({ user: active, proofs: [], emailVerification: required }, 'change_password'),
    'prove',
  ],
  ['everything is proven', facts({ user: active, proofs: [proof], emailVerification: required }), 'done'],
  [
    'the account is disabled',
    facts({ user: { ...active, status: 'disabled' }, proofs: [proof], emailVerification: required }),
    'refuse_disabled',
  ],
  [
    'the account is locked by an administrator',
    facts({ user: { ...active, locked: true }, proofs: [proof], emailVerification: required }),
    'refuse_locked',
  ],
  [
    'the account is locked, which precedes every other condition',
    facts(
      {
        user: { ...active, status: 'pending', emailVerified: false, locked: true },
        proofs: [proof],
        emailVerification: required,
      },
      'change_password',
    ),
    'refuse_locked',
  ],
  [
    'the account is locked and nothing is proven: the lock is not revealed',
    facts({ user: { ...active, locked: true }, proofs: [], emailVerification: required }),
    'prove',
  ],
  [
    'the account is disabled, which precedes every other condition but the lock',
    facts(
      {
        user: { ...active, status: 'disabled', emailVerified: false },
        proofs: [proof],
        emailVerification: required,
      },
      'change_password',
    ),
    'refuse_disabled',
  ],
  [
    'the registration was not verified, even where verification has been switched off since',
    facts({
      user: { ...active, status: 'pending', emailVerified: false },
      proofs: [proof],
      emailVerification: 'off',
    }),
    'verify_email',
  ],
  [
    'the address is not verified',
    facts({ user: { ...active, emailVerified: false }, proofs: [proof], emailVerification: required }),
    'verify_email',
  ],
  [
    'verification is off',
    facts({ user: { ...active, emailVerified: false }, proofs: [proof], emailVerification: 'off' }),
    'done',
  ],
  [
    'the password has expired',
    facts({ user: active, proofs: [proof], emailVerification: required }, 'change_password'),
    'change_password',
  ],
  [
    'the address is not verified and the password has expired',
    facts(
      { user: { ...active, emailVerified: false }, proofs: [proof], emailVerification: required },
      'change_password',
    ),
    'verify_email',
  ],
]

describe('the next step of a sign-in', () => {
  it.each(table)('when %s', (_when, known, step) => {
    expect(nextStep(known)).toBe(step)
  })
})
