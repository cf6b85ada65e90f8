import { describe, expect, it } from 'vitest'
import {
  type Demand,
  type FactorKind,
  kindOf,
  NO_FACTS,
  type SecondMethod,
  type SignInFacts,
} from '../../../base/assurance.ts'
import type { Requirement, Step } from '../attempts/index.ts'
import { demandAtStep, methodsAtStep, nextStep, type StepFacts } from './next-step.ts'

const active = { id: 'usr_1', status: 'active', emailVerified: true, locked: false } as const
const of = (method: SecondMethod, subject = 'usr_1') => ({ subject, method, ...kindOf(method) })
const proof = of('password')
const now = new Date('2030-06-01T12:00:00Z')
type Base = Omit<StepFacts, 'requirements' | 'facts' | 'stepUp' | 'now'>
/** Facts without open requirements. */
const facts = (known: Base, ...requirements: Requirement[]): StepFacts => ({
  ...known,
  requirements,
  facts: NO_FACTS,
  stepUp: null,
  now,
})

const required = 'required' as const
const table: [string, StepFacts, Step][] = [
  ['no user is identified', facts({ user: null, proofs: [], emailVerification: required }), 'identify'],
  ['nothing is proven', facts({ user: active, proofs: [], emailVerification: required }), 'prove'],
  [
    'the proof is of another user',
    facts({ user: active, proofs: [of('password', 'usr_2')], emailVerification: required }),
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

const without: Omit<JudgedProof, 'user_verified'> = (({ user_verified: _, ...rest }) => rest)(of('passkey'))
type JudgedProof = StepFacts['proofs'][number]
const mailbox: JudgedProof = { ...of('email_code'), method: 'magic_link' }
const device: JudgedProof = {
  subject: 'usr_1',
  method: 'remembered_device',
  factor: 'possession',
  channel: 'device',
  phishing_resistant: false,
}
const demand = (mode: Demand['mode'], over: Partial<Demand> = {}): Demand => ({
  mode,
  accepts: ['totp', 'passkey', 'backup_code'],
  dueAt: null,
  organizationId: null,
  ...over,
})
const has = (factors: FactorKind[], ...demands: Demand[]): SignInFacts => ({
  factors,
  hasPassword: true,
  demands,
})
const later = new Date(now.getTime() + 1)

const seconds: [string, JudgedProof[], SignInFacts, Step, string[]][] = [
  ['no factor', [proof], has([]), 'done', []],
  ['TOTP is enrolled', [proof], has(['totp', 'backup_codes']), 'second_factor', ['totp', 'backup_code']],
  ['both are proven', [proof, of('totp')], has(['totp']), 'done', []],
  ['a backup code replaces the app', [proof, of('backup_code')], has(['totp', 'backup_codes']), 'done', []],
  ['backup codes alone ask for nothing', [proof], has(['backup_codes']), 'done', []],
  ['a passkey is enrolled', [proof], has(['passkey', 'totp']), 'second_factor', ['passkey', 'totp']],
  ['a user-verified passkey is everything', [of('passkey')], has(['passkey', 'totp']), 'done', []],
  ['a passkey without verification needs the password', [without], has(['passkey', 'totp']), 'second_factor', ['password']],
  ['a passkey without verification and TOTP are one factor', [without, of('totp')], has(['passkey', 'totp']), 'second_factor', ['password']],
  ['password and passkey without verification', [proof, without], has(['passkey']), 'done', []],
  ['the mailbox does not replace an enrolled factor', [mailbox], has(['totp']), 'second_factor', ['totp']],
  ['mailbox and TOTP suffice for oneself', [mailbox, of('totp')], has(['totp']), 'done', []],
  ['mailbox and TOTP do not meet a demand', [mailbox, of('totp')], has(['totp'], demand('require_any')), 'second_factor', ['password']],
  ['password and mailbox do not replace an enrolled factor', [proof, of('email_code')], has(['totp', 'email']), 'second_factor', ['totp']],
  ['a code by e-mail, where there is nothing else', [proof], has(['email']), 'second_factor', ['email_code']],
  ['the mailbox twice is no second factor', [mailbox], has(['email']), 'second_factor', ['password']],
  ['the mailbox twice is one proof too few', [mailbox, of('email_code')], has(['email']), 'second_factor', ['password']],
  ['mailbox and password suffice for a code by e-mail', [mailbox, proof], has(['email']), 'done', []],
  ['the mailbox, where there is nothing else', [mailbox], { ...has(['email']), hasPassword: false }, 'done', []],
  ['a remembered device', [proof, device], has(['totp']), 'done', []],
  ['a remembered device without the password', [mailbox, device], has(['totp']), 'second_factor', ['totp', 'password']],
  ['a remembered device does not meet a demand', [proof, device], has(['totp'], demand('require_any')), 'second_factor', ['totp']],
  ['a remembered device that the demand accepts', [proof, device], has(['totp'], demand('require_any', { accepts: ['totp', 'remembered_device'] })), 'done', []],
  ['a demand without a factor', [proof], has([], demand('require_any')), 'enrol', []],
  ['a demand before it is due', [proof], has([], demand('require_any', { dueAt: later })), 'done', []],
  ['a demand at the moment it is due', [proof], has([], demand('require_any', { dueAt: now })), 'enrol', []],
  ['a demand before it is due, with a factor', [proof], has(['totp'], demand('require_any', { dueAt: later })), 'second_factor', ['totp']],
  ['a code by e-mail meets no demand', [proof, of('email_code')], has(['email'], demand('require_any')), 'enrol', []],
  ['TOTP replaces a passkey where it is accepted', [proof, of('totp')], has(['passkey', 'totp'], demand('require_passkey')), 'done', []],
  ['TOTP does not replace a passkey where it is not accepted', [proof, of('totp')], has(['passkey', 'totp'], demand('require_passkey', { accepts: [] })), 'second_factor', ['passkey']],
  ['a passkey is demanded and TOTP alone is enrolled', [proof, of('totp')], has(['totp'], demand('require_passkey')), 'enrol', []],
  ['TOTP is demanded, a passkey is accepted', [proof], has(['passkey'], demand('require_totp')), 'second_factor', ['passkey']],
  ['TOTP is demanded, a passkey is not accepted', [proof, of('passkey')], has(['passkey'], demand('require_totp', { accepts: [] })), 'enrol', []],
  ['the strictest of several demands', [proof, of('totp')], has(['totp'], demand('require_any'), demand('require_passkey', { organizationId: 'org_1' })), 'enrol', []],
  ['a remembered device does not let a factor be set up', [proof, device], has(['totp'], demand('require_passkey', { accepts: ['passkey'] })), 'second_factor', ['totp']],
  ['a factor is set up beside the one that was proven', [proof, device, of('totp')], has(['totp'], demand('require_passkey', { accepts: ['passkey'] })), 'enrol', []],
  ['a remembered device completes a sign-in before a factor has to be set up', [proof, device], has(['totp'], demand('require_passkey', { accepts: ['passkey'], dueAt: later })), 'done', []],
  ['a refused factor does not let another one be set up', [proof, device], { ...has(['passkey'], demand('require_totp', { accepts: [] })), refused: ['passkey'] }, 'second_factor', []],
  ['after the mailbox TOTP and the password are offered beside the passkey', [mailbox], has(['passkey', 'totp', 'backup_codes'], demand('require_any')), 'second_factor', ['passkey', 'totp', 'backup_code', 'password']],
  ['after the mailbox and TOTP the password is left', [mailbox, of('totp')], has(['passkey', 'totp'], demand('require_any')), 'second_factor', ['passkey', 'password']],
  ['after the mailbox TOTP is not offered where it cannot replace the passkey', [mailbox], has(['passkey', 'totp'], demand('require_passkey', { accepts: [] })), 'second_factor', ['passkey']],
  ['the passkey proves what the account without a password can', [mailbox, of('totp')], { ...has(['totp'], demand('require_any')), hasPassword: false }, 'enrol', []],
] // biome-ignore format: a table

describe('a second factor', () => {
  it.each(seconds)('%s', (_name, proofs, known, step, methods) => {
    const state = { ...facts({ user: active, proofs, emailVerification: required }), facts: known }
    expect(nextStep(state)).toBe(step)
    if (step === 'second_factor') expect(methodsAtStep(state)).toEqual(methods)
    if (step === 'enrol') expect(demandAtStep(state)).not.toBeNull()
    if (step === 'done') expect(demandAtStep(state)).toBeNull()
  })

  it('precedes replacing an expired password', () => {
    const state = facts({ user: active, proofs: [proof], emailVerification: required }, 'change_password')
    expect(nextStep({ ...state, facts: has(['totp']) })).toBe('second_factor')
    expect(nextStep({ ...state, proofs: [proof, of('totp')], facts: has(['totp']) })).toBe('change_password')
  })
})

const stepUps: [string, JudgedProof[], StepFacts['stepUp'], SignInFacts, Step, string[]][] = [
  ['nothing is proven yet', [], {}, has(['totp']), 'prove', ['totp', 'password']],
  ['any method is enough', [proof], {}, has(['totp']), 'done', []],
  ['a level needs more than one', [proof], { acr: 'aal2' }, has(['totp']), 'second_factor', ['totp']],
  ['a level is reached', [proof, of('totp')], { acr: 'aal2' }, has(['totp']), 'done', []],
  ['a passkey reaches every level', [of('passkey')], { acr: 'aal2-phr' }, has(['passkey']), 'done', []],
  ['a level that the user cannot reach is not waited for', [proof], { acr: 'aal2' }, has([]), 'done', []],
  ['what the session has proven within max_age counts for a level', [proof], { acr: 'aal2', maxAge: 600, former: [{ ...of('totp'), at: new Date(now.getTime() - 600_000).toISOString() }] }, has(['totp']), 'done', []],
  ['what it has proven before that does not', [proof], { acr: 'aal2', maxAge: 600, former: [{ ...of('totp'), at: new Date(now.getTime() - 600_001).toISOString() }] }, has(['totp']), 'second_factor', ['totp']],
  ['what the session has proven does not count for a level', [proof], { acr: 'aal2', former: [{ ...of('totp'), at: '' }] }, has(['totp']), 'second_factor', ['totp']],
  ['what the session has proven counts for an organization', [of('totp')], { demand: { ...demand('require_any'), dueAt: null }, former: [{ ...proof, at: '' }] }, has(['totp']), 'done', []],
  ['a level is offered by what is left of a lost passkey, too', [], { acr: 'aal2' }, has(['passkey', 'backup_codes']), 'prove', ['passkey', 'backup_code', 'password']],
  ['a level is reached without the passkey', [proof, of('backup_code')], { acr: 'aal2' }, has(['passkey', 'backup_codes']), 'done', []],
  ['a level of one factor needs the code by e-mail that a sign-in needs', [proof], { acr: 'aal1' }, has(['email']), 'second_factor', ['email_code']],
  ['a level of one factor needs the app that a sign-in needs', [proof], { acr: 'aal1', maxAge: 600, former: [] }, has(['totp']), 'second_factor', ['totp']],
  ['an organization demands a factor, beside one that is not proven', [proof], { demand: { ...demand('require_passkey', { accepts: ['passkey'] }), dueAt: null } }, has(['totp']), 'second_factor', ['totp']],
  ['an organization demands a factor, beside one that was proven long ago', [proof], { acr: 'aal2', maxAge: 600, demand: { ...demand('require_passkey', { accepts: ['passkey'] }), dueAt: null }, former: [{ ...of('totp'), at: new Date(now.getTime() - 600_001).toISOString() }] }, has(['totp']), 'second_factor', ['totp']],
  ['an organization demands a factor, beside one that is proven', [proof, of('totp')], { demand: { ...demand('require_passkey', { accepts: ['passkey'] }), dueAt: null } }, has(['totp']), 'enrol', []],
  ['an organization demands a factor, beside one that is refused', [proof], { demand: { ...demand('require_totp', { accepts: [] }), dueAt: null } }, { ...has(['passkey']), refused: ['passkey'] }, 'second_factor', []],
  ['an organization demands a factor that is not enrolled', [proof], { demand: { ...demand('require_any'), dueAt: null } }, has([]), 'enrol', []],
] // biome-ignore format: a table

describe('a step-up', () => {
  it.each(stepUps)('%s', (_name, proofs, stepUp, known, step, methods) => {
    const state = { ...facts({ user: active, proofs, emailVerification: required }), stepUp, facts: known }
    expect(nextStep(state)).toBe(step)
    if (step === 'second_factor' || step === 'prove') expect(methodsAtStep(state)).toEqual(methods)
    if (step === 'enrol') expect(demandAtStep(state)).toMatchObject({ mode: stepUp?.demand?.mode })
  })
})
