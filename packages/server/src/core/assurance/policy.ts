/**
 * The demand that an organization's security policy makes on one member: the policy's mode under the member's override,
 * the second factors that satisfy it, and its due date. Pure, and below all features, because every check of a
 * credential and every sign-in judges it. Leaves the policy itself to organizations/policy.
 */
import { type RawBuilder, sql } from 'kysely'

export const POLICY_MODES = [
  'disabled',
  'optional',
  'require_totp',
  'require_passkey',
  'require_any',
] as const
export type PolicyMode = (typeof POLICY_MODES)[number]

export const MEMBER_MFA = ['inherit', 'required', 'exempt', 'force_totp', 'force_passkey'] as const
export type MemberMfa = (typeof MEMBER_MFA)[number]

export type DemandMode = 'none' | 'require_any' | 'require_totp' | 'require_passkey'

/** What an organization without a policy would grant, for members with an override. */
export const DEFAULT_GRACE_DAYS = 14
export const DEFAULT_METHODS: readonly string[] = ['totp', 'passkey', 'backup_code']

/** The demand on a member: the override takes precedence, but `required` never weakens the policy. */
export function demandMode(mode: PolicyMode, override: MemberMfa): DemandMode {
  if (override === 'exempt') return 'none'
  if (override === 'force_totp') return 'require_totp'
  if (override === 'force_passkey') return 'require_passkey'
  if (mode !== 'disabled' && mode !== 'optional') return mode
  return override === 'required' ? 'require_any' : 'none'
}

export const SECOND_FACTORS = ['totp', 'passkey'] as const
export type SecondFactorKind = (typeof SECOND_FACTORS)[number]

/**
 * The kinds of factor of which a member must have enrolled one. A passkey with user verification counts as both
 * factors, so it satisfies `require_totp` where the policy allows passkeys.
 */
export function satisfyingFactors(mode: DemandMode, allowed: readonly string[]): readonly SecondFactorKind[] {
  if (mode === 'none') return SECOND_FACTORS
  if (mode === 'require_passkey') return ['passkey']
  if (mode === 'require_totp') return allowed.includes('passkey') ? SECOND_FACTORS : ['totp']
  return SECOND_FACTORS.filter((kind) => allowed.includes(kind))
}

export const isSatisfied = (
  mode: DemandMode,
  allowed: readonly string[],
  enrolled: readonly string[],
): boolean => mode === 'none' || satisfyingFactors(mode, allowed).some((kind) => enrolled.includes(kind))

export interface EffectiveDemand {
  mode: DemandMode
  allowed: readonly string[]
}

/** Whether a member who satisfies `before` may fail to satisfy `after`; then the days of grace begin again. */
export function isTightened(before: EffectiveDemand, after: EffectiveDemand): boolean {
  if (after.mode === 'none') return false
  if (before.mode === 'none') return true
  const accepted = satisfyingFactors(after.mode, after.allowed)
  return satisfyingFactors(before.mode, before.allowed).some((kind) => !accepted.includes(kind))
}

/** Where the days of grace count from: the demand's beginning, or that of the membership or of the override. */
export const beganAt = (...times: readonly (Date | null)[]): Date | null =>
  times.reduce((latest, at) => (at !== null && (latest === null || at > latest) ? at : latest), null)

/** A day of grace has 24 hours in every time zone. */
export const DAY = 86_400_000

/** The columns of a member's demand. */
export interface PolicyRow {
  policy_mode: PolicyMode | null
  policy_allowed: string[] | null
  /** Seconds. */
  policy_absolute: number | null
  /** Null without a membership. */
  policy_due: Date | null
  member_mfa: MemberMfa | null
}

/** Selects PolicyRow of the membership `m` and the policy `p`, which `policyJoin` joins. */
export const POLICY: RawBuilder<unknown> = sql`p.mode as policy_mode, p.allowed_methods as policy_allowed,
  p.session_absolute_seconds as policy_absolute, m.mfa as member_mfa,
  greatest(p.since, m.joined_at, m.mfa_since)
    + coalesce(p.grace_days, ${sql.lit(DEFAULT_GRACE_DAYS)}) * interval '24 hours' as policy_due`

export const POLICY_JOIN: RawBuilder<unknown> = sql`
  left join security_policies p on p.organization_id = m.organization_id`
