/** Security policies as values: demands, tightening, due dates, states, reminders. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AcceptableMethod,
  type DemandMode,
  enrollableFor,
  type FactorKind,
  isEnrolled,
} from '../../../base/assurance.ts'
import {
  demandMode,
  isTightened,
  MEMBER_MFA,
  type MemberMfa,
  POLICY_MODES,
  type PolicyMode,
} from '../../../core/policies.ts'
import {
  ANNOUNCED,
  type COMPLIANCE_STATES,
  complianceOf,
  DEFAULT_POLICY,
  type MemberFacts,
  reminderDue,
  sinceAfter,
  worstOf,
} from './policy.ts'

const day = (n: number, hour = 12) => new Date(Date.UTC(2030, 5, n, hour))

// biome-ignore format: a table
const DEMANDS: readonly [PolicyMode, Record<MemberMfa, DemandMode>][] = [
  ['disabled', { inherit: 'none', required: 'require_any', exempt: 'none', force_totp: 'require_totp', force_passkey: 'require_passkey' }],
  ['optional', { inherit: 'none', required: 'require_any', exempt: 'none', force_totp: 'require_totp', force_passkey: 'require_passkey' }],
  ['require_any', { inherit: 'require_any', required: 'require_any', exempt: 'none', force_totp: 'require_totp', force_passkey: 'require_passkey' }],
  ['require_totp', { inherit: 'require_totp', required: 'require_totp', exempt: 'none', force_totp: 'require_totp', force_passkey: 'require_passkey' }],
  ['require_passkey', { inherit: 'require_passkey', required: 'require_passkey', exempt: 'none', force_totp: 'require_totp', force_passkey: 'require_passkey' }],
]

describe('the demand on a member', () => {
  it('has a row for every mode', () =>
    expect(DEMANDS.map(([mode]) => mode).sort()).toEqual([...POLICY_MODES].sort()))

  it.each(DEMANDS)('under %s is the override’s, or the policy’s', (mode, expected) => {
    expect(Object.fromEntries(MEMBER_MFA.map((one) => [one, demandMode(mode, one)]))).toEqual(expected)
  })
})

describe('the factors that satisfy a demand', () => {
  const both: AcceptableMethod[] = ['totp', 'passkey', 'backup_code']
  it.each<[DemandMode, AcceptableMethod[], string[]]>([
    ['require_any', both, ['totp', 'passkey']],
    ['require_any', ['totp'], ['totp']],
    ['require_any', ['passkey', 'backup_code'], ['passkey']],
    ['require_totp', both, ['totp', 'passkey']],
    ['require_totp', ['totp', 'backup_code'], ['totp']],
    ['require_passkey', both, ['passkey']],
    ['require_passkey', ['passkey'], ['passkey']],
  ])('%s with %j: %j', (mode, allowed, kinds) =>
    expect(enrollableFor({ mode, accepts: allowed }).sort()).toEqual(kinds.sort()),
  )

  it('never include backup codes or e-mail', () => {
    for (const mode of ['require_any', 'require_totp', 'require_passkey'] as const)
      expect(isEnrolled({ mode, accepts: both }, ['backup_codes', 'email'])).toBe(false)
  })
})

describe('a change', () => {
  const policy = (mode: PolicyMode, ...allowedMethods: AcceptableMethod[]) => ({
    ...DEFAULT_POLICY,
    mode,
    ...(allowedMethods.length > 0 ? { allowedMethods } : {}),
  })
  it.each<[string, ReturnType<typeof policy>, ReturnType<typeof policy>, 'now' | 'before' | 'none']>([
    ['that begins a demand', policy('disabled'), policy('require_any'), 'now'],
    ['from optional to a demand', policy('optional'), policy('require_passkey'), 'now'],
    ['to a stricter mode', policy('require_any'), policy('require_passkey'), 'now'],
    ['to TOTP, which passkeys satisfy', policy('require_passkey'), policy('require_totp'), 'before'],
    ['to TOTP alone', policy('require_passkey'), policy('require_totp', 'totp'), 'now'],
    ['to a weaker mode', policy('require_passkey'), policy('require_any'), 'before'],
    ['of nothing', policy('require_any'), policy('require_any'), 'before'],
    ['that no longer allows passkeys', policy('require_any'), policy('require_any', 'totp'), 'now'],
    [
      'that no longer allows backup codes',
      policy('require_any'),
      policy('require_any', 'totp', 'passkey'),
      'before',
    ],
    ['that ends the demand', policy('require_any'), policy('optional'), 'none'],
  ])('%s', (_, before, after, expected) => {
    const since = sinceAfter(
      { ...before, since: before.mode.startsWith('require') ? day(1) : null },
      after,
      day(9),
    )
    expect(since).toEqual({ now: day(9), before: day(1), none: null }[expected])
  })

  it('begins the days of grace again exactly where a member who satisfied it no longer does', () => {
    const mode = fc.constantFrom<DemandMode>('none', 'require_any', 'require_totp', 'require_passkey')
    const allowed = fc
      .subarray<AcceptableMethod>(['totp', 'passkey', 'backup_code'])
      .filter((all) => all.some((one) => one !== 'backup_code'))
    fc.assert(
      fc.property(mode, allowed, mode, allowed, (mode1, allowed1, mode2, allowed2) => {
        const before = { mode: mode1, accepts: allowed1 }
        const after = { mode: mode2, accepts: allowed2 }
        const people: FactorKind[][] = [[], ['totp'], ['passkey'], ['totp', 'passkey']]
        const loses = people.some((has) => isEnrolled(before, has) && !isEnrolled(after, has))
        expect(isTightened(before, after)).toBe(loses)
      }),
    )
  })
})

describe('a member', () => {
  const facts: MemberFacts = {
    policy: { mode: 'require_any', allowedMethods: ['totp', 'passkey'], graceDays: 7, since: day(1) },
    override: 'inherit',
    joinedAt: new Date(0),
    overriddenAt: null,
    factors: [],
    lastSignIn: day(2),
    stoppedAt: null,
  }
  it.each<[string, Partial<MemberFacts>, Date, string, Date | null]>([
    ['without a demand', { policy: { ...facts.policy, mode: 'disabled', since: null } }, day(3), 'not_applicable', null],
    ['of an optional policy', { policy: { ...facts.policy, mode: 'optional', since: null } }, day(3), 'not_applicable', null],
    ['who is exempt', { override: 'exempt' }, day(30), 'not_applicable', null],
    ['with a factor', { factors: ['totp'] }, day(30), 'compliant', day(8)],
    ['with a factor of the wrong kind', { override: 'force_passkey', factors: ['totp'] }, day(3), 'in_grace', day(8)],
    ['with backup codes alone', { factors: ['backup_codes'] }, day(30), 'past_due', day(8)],
    ['who has not signed in since', { lastSignIn: day(1, 11) }, day(3), 'pending', day(8)],
    ['who has never signed in', { lastSignIn: null }, day(3), 'pending', day(8)],
    ['one second before the due date', {}, new Date(day(8).getTime() - 1), 'in_grace', day(8)],
    ['at the due date', {}, day(8), 'past_due', day(8)],
    ['past the due date without any sign-in', { lastSignIn: null }, day(8), 'past_due', day(8)],
    ['who was stopped', { stoppedAt: day(9) }, day(10), 'suspended', day(8)],
    ['who was stopped under an earlier demand', { stoppedAt: day(1, 11) }, day(10), 'past_due', day(8)],
    ['who joined later', { joinedAt: day(5) }, day(9), 'pending', day(12)],
    ['with a later override', { override: 'required', overriddenAt: day(6), lastSignIn: day(6) }, day(9), 'in_grace', day(13)],
    ['without grace', { policy: { ...facts.policy, graceDays: 0 } }, day(1), 'past_due', day(1)],
  ])('%s', (_, change, now, state, dueAt) =>
    expect(complianceOf({ ...facts, ...change }, now)).toMatchObject({ state, dueAt }),
  ) // biome-ignore format: a table

  it('moves only from pending or in grace to past due as time passes', () => {
    const dates = fc.date({ min: day(1), max: day(28), noInvalidDate: true })
    fc.assert(
      fc.property(fc.constantFrom(...MEMBER_MFA), dates, dates, (override, first, second) => {
        const [from, to] = first < second ? [first, second] : [second, first]
        const before = complianceOf({ ...facts, override }, from).state
        const after = complianceOf({ ...facts, override }, to).state
        if (before !== after) expect([before, after]).toEqual(['in_grace', 'past_due'])
      }),
    )
  })
})

describe('an account', () => {
  it('has the worst state of its memberships, and the earliest date of that state', () => {
    const of = (state: (typeof COMPLIANCE_STATES)[number], n: number) => ({
      mode: 'require_any' as const,
      state,
      dueAt: day(n),
    })
    expect(worstOf([])).toEqual({ state: 'not_applicable', dueAt: null })
    expect(worstOf([of('compliant', 1), of('in_grace', 9), of('in_grace', 4), of('pending', 2)])).toEqual({
      state: 'in_grace',
      dueAt: day(4),
    })
    expect(worstOf([of('suspended', 3), of('past_due', 1)])).toEqual({ state: 'suspended', dueAt: day(3) })
  })
})

describe('reminders', () => {
  it.each<[string, Date, number]>([
    ['the announcement', day(1), ANNOUNCED],
    ['still the announcement', new Date(day(3).getTime() - 1), ANNOUNCED],
    ['seven days before', day(3), 7],
    ['seven days before, sent late', day(8), 7],
    ['one day before', day(9), 1],
    ['on the day', day(10), 0],
    ['weeks later', day(28), 0],
  ])('%s', (_, now, mark) => expect(reminderDue([1, 7], day(10), now)).toBe(mark))
})
