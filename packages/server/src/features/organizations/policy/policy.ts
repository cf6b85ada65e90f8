/**
 * Security policies as values: when a change tightens one, and which of the six states of compliance a member is in.
 * Pure; members-sql.ts has the same states in SQL, and compliance-sql.test.ts compares the two.
 */
import {
  type AcceptableMethod,
  type DemandMode,
  type FactorKind,
  isEnrolled,
} from '../../../base/assurance.ts'
import { later } from '../../../base/clock.ts'
import type { PasswordProfileName } from '../../../config/password-profiles.ts'
import {
  DAY,
  DEFAULT_GRACE_DAYS,
  DEFAULT_METHODS,
  demandMode,
  isTightened,
  type MemberMfa,
  type PolicyMode,
} from '../../../core/policies.ts'

export const COMPLIANCE_STATES = [
  'not_applicable',
  'pending',
  'in_grace',
  'compliant',
  'past_due',
  'suspended',
] as const
export type ComplianceState = (typeof COMPLIANCE_STATES)[number]

export const SIGN_IN_RULES = ['any', 'sso_required'] as const

/** What a policy's owner chooses. */
export interface PolicyFields {
  mode: PolicyMode
  graceDays: number
  /** Days before the due date on which members get a reminder, the earliest first. */
  notifyDaysBefore: readonly number[]
  allowedMethods: readonly AcceptableMethod[]
  /** Seconds; null for no limit beyond the server's. */
  sessionAbsolute: number | null
  passwordProfile: PasswordProfileName | null
  signIn: (typeof SIGN_IN_RULES)[number]
}

export const DEFAULT_POLICY: PolicyFields = {
  mode: 'disabled',
  graceDays: DEFAULT_GRACE_DAYS,
  notifyDaysBefore: [7, 1],
  allowedMethods: DEFAULT_METHODS,
  sessionAbsolute: null,
  passwordProfile: null,
  signIn: 'any',
}

const demandOf = ({ mode, allowedMethods }: Pick<PolicyFields, 'mode' | 'allowedMethods'>) => ({
  mode: demandMode(mode, 'inherit'),
  accepts: allowedMethods,
})

/**
 * When the policy's demand began. A change that tightens it begins the days of grace again; any other change leaves
 * them, so that saving twice lengthens no grace.
 */
export function sinceAfter(
  before: PolicyFields & { since: Date | null },
  after: PolicyFields,
  now: Date,
): Date | null {
  if (demandOf(after).mode === 'none') return null
  return isTightened(demandOf(before), demandOf(after)) ? now : (before.since ?? now)
}

/** What the state of one member depends on. */
export interface MemberFacts {
  policy: Pick<PolicyFields, 'mode' | 'allowedMethods' | 'graceDays'> & { since: Date | null }
  override: MemberMfa
  joinedAt: Date
  /** When the override last tightened the demand on the member. */
  overriddenAt: Date | null
  /** Kinds of confirmed factors. */
  factors: readonly FactorKind[]
  lastSignIn: Date | null
  /** When the member was first stopped after the due date. */
  stoppedAt: Date | null
}

/** Where the days of grace count from: the demand's beginning, or that of the membership or of the override. */
const latest = (first: Date, ...others: readonly (Date | null)[]): Date =>
  others.reduce<Date>((last, at) => (at !== null && at > last ? at : last), first)

export interface Compliance {
  mode: DemandMode
  state: ComplianceState
  /** By when a factor has to be enrolled; null without a demand. */
  dueAt: Date | null
}

export function complianceOf(facts: MemberFacts, now: Date): Compliance {
  const { policy, override, factors, lastSignIn, stoppedAt } = facts
  const mode = demandMode(policy.mode, override)
  if (mode === 'none') return { mode, state: 'not_applicable', dueAt: null }
  const began = latest(facts.joinedAt, policy.since, facts.overriddenAt)
  const dueAt = later(began, policy.graceDays * DAY)
  if (isEnrolled({ mode, accepts: policy.allowedMethods }, factors))
    return { mode, state: 'compliant', dueAt }
  if (now < dueAt) {
    const hasSignedIn = lastSignIn !== null && lastSignIn >= began
    return { mode, state: hasSignedIn ? 'in_grace' : 'pending', dueAt }
  }
  const wasStopped = stoppedAt !== null && stoppedAt >= began
  return { mode, state: wasStopped ? 'suspended' : 'past_due', dueAt }
}

/** From the best to the worst: the state of an account is the worst of its memberships'. */
const SEVERITY: readonly ComplianceState[] = [
  'not_applicable',
  'compliant',
  'pending',
  'in_grace',
  'past_due',
  'suspended',
]

/** The state of the account: the worst state, and the earliest date by which something has to be done. */
export function worstOf(all: readonly Pick<Compliance, 'state' | 'dueAt'>[]): {
  state: ComplianceState
  dueAt: Date | null
} {
  const worst = Math.max(0, ...all.map(({ state }) => SEVERITY.indexOf(state)))
  const state = SEVERITY[worst] ?? 'not_applicable'
  const due = all.flatMap((one) => (one.state === state && one.dueAt ? [one.dueAt.getTime()] : []))
  return { state, dueAt: due.length === 0 ? null : new Date(Math.min(...due)) }
}

/** The mark of the announcement, which is before every reminder. */
export const ANNOUNCED = 1000

/**
 * Which e-mail a member with an unmet demand should have by now, as days before the due date: the announcement
 * (`ANNOUNCED`), a reminder, or 0 from the due date on.
 */
export function reminderDue(days: readonly number[], dueAt: Date, now: Date): number {
  if (now >= dueAt) return 0
  const passed = days.filter((one) => one > 0 && later(dueAt, -one * DAY) <= now)
  return Math.min(ANNOUNCED, ...passed)
}
