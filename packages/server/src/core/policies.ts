/**
 * What an organization's security policy demands of one member, and until when a credential acts in the organization:
 * judged at every check of a credential, every sign-in and every request about an organization, so it is below all
 * features. Leaves the policy itself to organizations/policy, and what proofs are worth to base/assurance.
 *
 * Invariant: whether a credential acts in its organization is stored with its row as an instant (`actsUntil`), and compared
 * with the time at each use: the end of the days of grace needs no write.
 */
import { type RawBuilder, sql } from 'kysely'
import {
  type AcceptableMethod,
  type Demand,
  type DemandMode,
  enrollableFor,
  type FactorKind,
  isEnrolled,
  isMet,
  type SignInFacts,
  type StoredProof,
} from '../base/assurance.ts'
import type { Call, CallSession, Principal } from '../base/call.ts'
import type { Tx } from '../base/db/types.ts'
import type { Problem } from '../base/errors.ts'
import { audit } from './audit/index.ts'

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

/** What counts for the override of a member where the organization has no policy. */
export const DEFAULT_GRACE_DAYS = 14
export const DEFAULT_METHODS: readonly AcceptableMethod[] = ['totp', 'passkey', 'backup_code']

/** A day of grace has 24 hours in every time zone. */
export const DAY = 86_400_000

/** The demand on a member: the override takes precedence, but `required` never weakens the policy. */
export function demandMode(mode: PolicyMode, override: MemberMfa): DemandMode {
  if (override === 'exempt') return 'none'
  if (override === 'force_totp') return 'require_totp'
  if (override === 'force_passkey') return 'require_passkey'
  if (mode !== 'disabled' && mode !== 'optional') return mode
  return override === 'required' ? 'require_any' : 'none'
}

type Required = Pick<Demand, 'mode' | 'accepts'>

/** Whether a member who satisfies `before` may fail to satisfy `after`; then the days of grace begin again. */
export function isTightened(before: Required, after: Required): boolean {
  if (after.mode === 'none') return false
  if (before.mode === 'none') return true
  const accepted = enrollableFor(after)
  return enrollableFor(before).some((kind) => !accepted.includes(kind))
}

/** The columns of a member's demand. */
export interface PolicyRow {
  policy_organization: string | null
  policy_mode: PolicyMode | null
  policy_accepts: AcceptableMethod[] | null
  /** Seconds. */
  policy_absolute: number | null
  /** Null without a membership. */
  policy_due: Date | null
  member_mfa: MemberMfa | null
  /** The kinds of the user's confirmed factors; null where nothing is demanded. */
  policy_factors: FactorKind[] | null
}

/** Selects PolicyRow of the membership `m` and the policy `sp` that POLICY_JOIN joins. */
export const POLICY: RawBuilder<unknown> = sql`m.organization_id as policy_organization, sp.mode as policy_mode,
  sp.allowed_methods as policy_accepts, sp.session_absolute_seconds as policy_absolute, m.mfa as member_mfa,
  greatest(sp.since, m.joined_at, m.mfa_since)
    + coalesce(sp.grace_days, ${sql.lit(DEFAULT_GRACE_DAYS)}) * interval '24 hours' as policy_due,
  case when m.mfa <> 'inherit' or sp.mode not in ('disabled', 'optional') then array(
    select distinct f.kind from factors f where f.user_id = m.user_id and f.confirmed_at is not null) end as policy_factors`

export const POLICY_JOIN: RawBuilder<unknown> = sql`
  left join security_policies sp on sp.organization_id = m.organization_id`

/** The demand of an organization on its member; null for none. */
export function demandOf(row: Omit<PolicyRow, 'policy_absolute' | 'policy_factors'>): Demand | null {
  const mode = demandMode(row.policy_mode ?? 'disabled', row.member_mfa ?? 'inherit')
  if (mode === 'none') return null
  return {
    mode,
    accepts: row.policy_accepts ?? DEFAULT_METHODS,
    dueAt: row.policy_due,
    organizationId: row.policy_organization,
  }
}

/** What a session has proven, and when last. */
export interface ProvenSession {
  proofs: readonly StoredProof[]
  authenticatedAt: Date
}

/** Why a credential does not act in an organization. `demand`: null where the session is older than the policy permits. */
export interface Unmet {
  missing: 'factor' | 'proof' | 'recent_proof'
  demand: Demand | null
  /** The instant from which it does not. */
  since: number
}

/** The first thing that a credential lacks, now or later; null if it never lacks any. @param session null for an API key */
function findLack(row: PolicyRow, session: ProvenSession | null): Unmet | null {
  const demand = demandOf(row)
  if (demand && !isEnrolled(demand, row.policy_factors ?? []))
    return { missing: 'factor', demand, since: demand.dueAt?.getTime() ?? Number.NEGATIVE_INFINITY }
  if (demand && session && !isMet(demand, session.proofs))
    return { missing: 'proof', demand, since: Number.NEGATIVE_INFINITY }
  return null
}

function findAge(row: PolicyRow, session: ProvenSession | null): Unmet | null {
  if (session === null || row.policy_absolute === null) return null
  const since = session.authenticatedAt.getTime() + row.policy_absolute * 1000
  return { missing: 'recent_proof', demand: null, since }
}

/**
 * The instant from which a credential does not act in the organization, in milliseconds; Infinity: always does. A session
 * by its proofs; an API key (null) as long as its maker has a factor, or days of grace.
 */
export const actsUntil = (row: PolicyRow, session: ProvenSession | null): number =>
  Math.min(
    findLack(row, session)?.since ?? Number.POSITIVE_INFINITY,
    findAge(row, session)?.since ?? Number.POSITIVE_INFINITY,
  )

/** What a credential lacks at an instant to act in the organization; null for nothing. */
export function findUnmet(row: PolicyRow, session: ProvenSession | null, now: Date): Unmet | null {
  const lacks = [findLack(row, session), findAge(row, session)]
  return lacks.find((one) => one !== null && one.since <= now.getTime()) ?? null
}

/** How a user who has signed in meets the demands on them. */
export interface SignInCompliance {
  state: 'compliant' | 'in_grace' | 'past_due'
  /** By when a factor has to be set up; null where one is. */
  dueAt: Date | null
}

/** The worst of all demands; null where nothing is demanded. */
export function signInCompliance(
  { demands, factors }: Pick<SignInFacts, 'demands' | 'factors'>,
  now: Date,
): SignInCompliance | null {
  if (demands.length === 0) return null
  const open = demands.filter((demand) => !isEnrolled(demand, factors))
  if (open.length === 0) return { state: 'compliant', dueAt: null }
  const due = Math.min(...open.map(({ dueAt }) => dueAt?.getTime() ?? now.getTime()))
  return { state: due <= now.getTime() ? 'past_due' : 'in_grace', dueAt: new Date(due) }
}

/**
 * Records that a member was stopped for lack of a factor: once for each demand, so that their state is `suspended`. System
 * scope.
 */
export async function recordStopped(
  tx: Tx,
  call: Call,
  member: { organizationId: string; userId: string; username: string | null },
): Promise<void> {
  const { organizationId, userId, username } = member
  const { rows } = await sql`
    update memberships m set mfa_stopped_at = ${call.now}
    where m.organization_id = ${organizationId} and m.user_id = ${userId} and (
      m.mfa_stopped_at is null or m.mfa_stopped_at < greatest(m.joined_at, m.mfa_since, (
        select sp.since from security_policies sp where sp.organization_id = m.organization_id)))
    returning 1`.execute(tx)
  if (rows.length === 0) return
  await audit(tx, call, { type: 'organization.member.mfa_stopped', userId, username, organizationId })
}

/**
 * Makes the refusal of a member whose credential does not meet the policy: what is missing, and by which methods or in which
 * attempt it is mended.
 */
export type RefuseUnmet = (
  call: Call & { principal: Principal },
  row: PolicyRow & { id: string },
  unmet: Unmet,
) => Promise<Problem>

/** The session of a call as a policy judges it. Of an access token the proofs are read from the session's row. */
export const provenBy = (
  session: Pick<CallSession, 'proofs' | 'authenticatedAt' | 'via'>,
  stored: StoredProof[] | null,
): ProvenSession => ({
  proofs: session.via === 'token' ? (stored ?? []) : session.proofs,
  authenticatedAt: session.authenticatedAt,
})
