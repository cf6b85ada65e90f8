import { describe, expect, it } from 'vitest'
import { nextStep, type Step, type StepFacts } from './next-step.ts'

const active = { id: 'usr_1', status: 'active', emailVerified: true, locked: false } as const
const proof = { subject: 'usr_1', must_change: false }

const table: [string, StepFacts, Step][] = [
  ['nobody is named yet', { user: null, proofs: [], emailVerification: 'required' }, 'identify'],
  ['nothing is proven yet', { user: active, proofs: [], emailVerification: 'required' }, 'prove'],
  [
    'what is proven is about somebody else',
    { user: active, proofs: [{ ...proof, subject: 'usr_2' }], emailVerification: 'required' },
    'prove',
  ],
  ['all is proven', { user: active, proofs: [proof], emailVerification: 'required' }, 'done'],
  [
    'the account is disabled',
    { user: { ...active, status: 'disabled' }, proofs: [proof], emailVerification: 'required' },
    'refuse_disabled',
  ],
  [
    'an administrator has locked the account',
    { user: { ...active, locked: true }, proofs: [proof], emailVerification: 'required' },
    'refuse_locked',
  ],
  [
    'a locked account is refused before anything else is asked of it',
    {
      user: { ...active, status: 'pending', emailVerified: false, locked: true },
      proofs: [{ ...proof, must_change: true }],
      emailVerification: 'required',
    },
    'refuse_locked',
  ],
  [
    'nothing is proven, so nothing is told of the lock',
    { user: { ...active, locked: true }, proofs: [], emailVerification: 'required' },
    'prove',
  ],
  [
    'a disabled account is refused before anything else is asked of it',
    {
      user: { ...active, status: 'disabled', emailVerified: false },
      proofs: [{ ...proof, must_change: true }],
      emailVerification: 'required',
    },
    'refuse_disabled',
  ],
  [
    'the registration was never verified, even where verification was switched off since',
    {
      user: { ...active, status: 'pending', emailVerified: false },
      proofs: [proof],
      emailVerification: 'off',
    },
    'verify_email',
  ],
  [
    'the address is not verified',
    { user: { ...active, emailVerified: false }, proofs: [proof], emailVerification: 'required' },
    'verify_email',
  ],
  [
    'verification is off',
    { user: { ...active, emailVerified: false }, proofs: [proof], emailVerification: 'off' },
    'done',
  ],
  [
    'the password has expired',
    { user: active, proofs: [{ ...proof, must_change: true }], emailVerification: 'required' },
    'change_password',
  ],
  [
    'the address comes before the expired password',
    {
      user: { ...active, emailVerified: false },
      proofs: [{ ...proof, must_change: true }],
      emailVerification: 'required',
    },
    'verify_email',
  ],
]

describe('the next step of a sign-in', () => {
  it.each(table)('when %s', (_when, facts, step) => {
    expect(nextStep(facts)).toBe(step)
  })
})
