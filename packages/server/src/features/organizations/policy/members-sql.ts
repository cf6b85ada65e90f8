/**
 * The SQL of compliance: the demand on each member and its state, under the stored policy or a candidate. The
 * expressions are those of base/assurance.ts, core/policies.ts and policy.ts (compliance-sql.test.ts compares them).
 */
import { type RawBuilder, sql } from 'kysely'
import type { DemandMode } from '../../../base/assurance.ts'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import {
  connectionsOf,
  DEFAULT_GRACE_DAYS,
  DEFAULT_METHODS,
  MEMBER_CONNECTIONS,
  MEMBER_WAITS_FOR,
  type MemberMfa,
} from '../../../core/policies.ts'
import { ANNOUNCED, type ComplianceState, DEFAULT_POLICY, type PolicyFields } from './policy.ts'

/** What a candidate changes of the policy. */
export interface Candidate {
  mode: string
  allowedMethods: readonly string[]
  graceDays: number
  since: Date | null
  sessionAbsolute: number | null
  signIn: PolicyFields['signIn']
}

export interface ComplianceRow {
  user_id: string
  username: string | null
  full_name: string | null
  email: string
  mfa: MemberMfa
  factors: string[]
  state: ComplianceState
  due_at: Date | null
}

/** One row: the policy in force, also where the organization has none. */
const storedPolicy = (organizationId: string): RawBuilder<unknown> => sql`
  select coalesce(p.mode, 'disabled') as mode, coalesce(p.allowed_methods, ${[...DEFAULT_METHODS]}::text[]) as allowed,
    coalesce(p.grace_days, ${sql.lit(DEFAULT_GRACE_DAYS)}) as grace, p.since, p.session_absolute_seconds as absolute,
    coalesce(p.notify_days_before, ${[...DEFAULT_POLICY.notifyDaysBefore]}::int[]) as days,
    case when p.sign_in = 'sso_required' then ${connectionsOf(sql`p.organization_id`)} end as sso
  from (select) as always left join security_policies p on p.organization_id = ${organizationId}`

const candidatePolicy = (of: Candidate, organizationId: string): RawBuilder<unknown> => sql`
  select ${of.mode}::text as mode, ${[...of.allowedMethods]}::text[] as allowed, ${of.graceDays}::int as grace,
    ${of.since}::timestamptz as since, ${of.sessionAbsolute}::int as absolute,
    ${of.signIn === 'sso_required' ? connectionsOf(sql`${organizationId}`) : sql`null::text[]`} as sso`

/** Members `m` of an organization under the `policy`: the demand `d`, the factors `f`, and `c.satisfied`. */
const demands = (members: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  policy cross join ${members} m
  join users u on u.id = m.user_id
  cross join lateral (
    select case
        when m.mfa = 'exempt' then 'none'
        when m.mfa = 'force_totp' then 'require_totp'
        when m.mfa = 'force_passkey' then 'require_passkey'
        when policy.mode not in ('disabled', 'optional') then policy.mode
        when m.mfa = 'required' then 'require_any'
        else 'none' end as mode,
      greatest(policy.since, m.joined_at, m.mfa_since) as began,
      greatest(policy.since, m.joined_at, m.mfa_since) + policy.grace * interval '24 hours' as due) d
  cross join lateral (
    select coalesce(array_agg(distinct a.kind order by a.kind) filter (where a.kind in ('passkey', 'totp')), '{}') as kinds
    from factors a where a.user_id = m.user_id and a.confirmed_at is not null) f
  cross join lateral (
    select case d.mode
      when 'none' then true
      when 'require_passkey' then 'passkey' = any(f.kinds)
      when 'require_totp' then 'totp' = any(f.kinds) or ('passkey' = any(f.kinds) and 'passkey' = any(policy.allowed))
      else ('totp' = any(f.kinds) and 'totp' = any(policy.allowed))
        or ('passkey' = any(f.kinds) and 'passkey' = any(policy.allowed)) end as satisfied) c`

const stateAt = (now: Date): RawBuilder<string> => sql<string>`case
  when d.mode = 'none' then 'not_applicable'
  when c.satisfied then 'compliant'
  when ${now} < d.due then case when u.last_login_at >= d.began then 'in_grace' else 'pending' end
  when m.mfa_stopped_at >= d.began then 'suspended'
  else 'past_due' end`

/** Whether the requirement lapses for the member `m`: `isLapsed` of core/policies.ts. */
const LAPSES = sql`(policy.sso is not null and cardinality(${MEMBER_CONNECTIONS}) = 0 and ${MEMBER_WAITS_FOR} is not null)`

/**
 * What the session `s` of the member `m` has proven in the organization, `g`: proofsIn, isSignIn, acrOf, replacing and breaksGlass of
 * base/assurance.ts and core/policies.ts.
 */
const PROVEN = sql`
  cross join lateral (
    select coalesce(jsonb_agg(p), '[]') as proofs,
      coalesce(bool_or(p->>'method' not in ('totp', 'backup_code', 'remembered_device')), false) as signs_in,
      coalesce(bool_or(counts and (p->'user_verified' = 'true' or p->'mfa' = 'true')), false)
        or count(distinct p->>'factor') filter (where counts) > 1 as is_two_factor,
      coalesce(bool_or(p->>'method' in ('password', 'passkey')) filter (where replaces), false)
        and (coalesce(bool_or(p->'user_verified' = 'true') filter (where replaces), false)
          or count(distinct p->>'factor') filter (where counts and replaces) > 1) as breaks_glass
    from jsonb_array_elements(s.proofs) p
    cross join lateral (
      select coalesce(p->>'channel', '') not in ('mailbox', 'device') as counts,
        p->>'method' <> 'federation' and (coalesce(p->>'channel', '') not in ('app', 'codes', 'key')
          or coalesce(p->'established' = 'true', false)) as replaces) k
    where p->>'organization' is null or (p->>'organization' = m.organization_id
      and (not ${LAPSES} or p->>'connection' = ${MEMBER_WAITS_FOR}))) g`

/** Whether the proofs `g` are those of a sign-in by which one acts in the organization: lacksSignIn of core/policies.ts. */
const SIGNS_IN = sql`case
  when cardinality(policy.sso) > 0 and not ${LAPSES} then exists (
      select from jsonb_array_elements(g.proofs) p
      where p->>'method' = 'federation' and p->>'connection' = any(policy.sso)
        and p->>'connection' = any(${MEMBER_CONNECTIONS}))
    or (m.role = 'owner' and g.breaks_glass)
  else g.signs_in or s.proofs = '[]' end`

/** Whether the proofs `g` meet the demand `d`: `isMet` of base/assurance.ts. */
const MEETS = sql`g.proofs @> '[{"user_verified": true}]'
  or ('remembered_device' = any(policy.allowed) and g.proofs @> '[{"method": "remembered_device"}]'
    and g.proofs @> '[{"factor": "knowledge"}]')
  or (g.is_two_factor and exists (
    select from jsonb_array_elements(g.proofs) p
    where p->>'method' = any(policy.allowed)
      or p->>'method' = case d.mode when 'require_totp' then 'totp' when 'require_passkey' then 'passkey' end))`

/** Whether the provider has checked what is demanded: `isVouched` of base/assurance.ts. */
const vouchedIn = (
  proofs: RawBuilder<unknown>,
): RawBuilder<unknown> => sql`d.mode = 'require_any' and exists (
  select from ${proofs} where p->'mfa' = 'true' and p->>'organization' = m.organization_id)`
const VOUCHED = vouchedIn(sql`jsonb_array_elements(g.proofs) p`)

/** Whether it had in the last session of the member there, also one that has ended, and is trusted with it now. */
const LAST_VOUCHED = sql`exists (
  select from (
    select proofs from sessions
    where user_id = m.user_id and organization_id = m.organization_id
    order by authenticated_at desc limit 1) s
  ${PROVEN}
  where ${vouchedIn(sql`jsonb_array_elements(g.proofs) p
    join connections c on c.id = p->>'connection' and c.status = 'active' and c.settings->'trusts_mfa' = 'true'`)})`

const COLUMNS = sql`m.user_id, u.username, u.full_name, m.mfa, f.kinds as factors,
  case when d.mode <> 'none' then d.due end as due_at`

/**
 * Members of one organization by id, of which a bounded number is examined.
 * @returns those in one of the states, and the last member examined; null where no further member follows
 */
export async function selectCompliance(
  tx: Tx,
  organizationId: string,
  {
    states,
    after,
    examined,
    now,
  }: { states: readonly string[] | null; after: string | null; examined: number; now: Date },
): Promise<{ rows: ComplianceRow[]; last: string | null }> {
  const { rows } = await sql<ComplianceRow & { is_wanted: boolean }>`
    with policy as (${storedPolicy(organizationId)})
    select ${COLUMNS}, e.address as email, ${stateAt(now)} as state
    from ${demands(sql`(
      select * from memberships
      where organization_id = ${organizationId} ${after === null ? sql`` : sql`and user_id > ${after}`}
      order by user_id limit ${limitOf(examined)})`)}
    join emails e on e.user_id = u.id and e.is_primary
    order by m.user_id`.execute(tx)
  const last = rows.length < examined ? null : (rows.at(-1)?.user_id ?? null)
  return { rows: states === null ? rows : rows.filter(({ state }) => states.includes(state)), last }
}

export interface OwnDemandRow {
  id: string
  name: string
  mode: DemandMode
  allowed: string[]
  state: ComplianceState
  due_at: Date | null
}

/** The demands of a user's organizations, by id. */
export async function selectOwnDemands(tx: Tx, userId: string, now: Date): Promise<OwnDemandRow[]> {
  const { rows } = await sql<OwnDemandRow>`
    select o.id, o.name, member.*
    from memberships own join organizations o on o.id = own.organization_id and o.deleted_at is null
    cross join lateral (
      with policy as (
        select coalesce(p.mode, 'disabled') as mode,
          coalesce(p.allowed_methods, ${[...DEFAULT_METHODS]}::text[]) as allowed,
          coalesce(p.grace_days, ${sql.lit(DEFAULT_GRACE_DAYS)}) as grace, p.since
        from (select) as always left join security_policies p on p.organization_id = own.organization_id)
      select d.mode, policy.allowed, ${stateAt(now)} as state, case when d.mode <> 'none' then d.due end as due_at
      from ${demands(sql`(select own.*)`)}) member
    where own.user_id = ${userId} order by o.id limit 500`.execute(tx)
  return rows
}

export interface EffectRow {
  members: number
  exempt: number
  compliant: number
  must_enrol: number
  loses_session: number
  due_at: Date | null
  states: Partial<Record<ComplianceState, number>>
}

/** What a policy means for the active members: counts, and the earliest date by which one has to enrol a factor. */
export async function selectEffect(
  tx: Tx,
  organizationId: string,
  candidate: Candidate | null,
  now: Date,
): Promise<EffectRow> {
  const policy =
    candidate === null ? storedPolicy(organizationId) : candidatePolicy(candidate, organizationId)
  const { rows } = await sql<EffectRow>`
    with policy as (${policy}), judged as (
      select ${stateAt(now)} as state, m.mfa, c.satisfied, d.due, exists (
          select from sessions s
          ${PROVEN}
          where s.user_id = m.user_id and s.organization_id = m.organization_id and s.ended_at is null
            and s.expires_at > ${now} and (
              s.authenticated_at + policy.absolute * interval '1 second' <= ${now} or not (${SIGNS_IN})
              or (d.mode <> 'none' and not (${VOUCHED})
                and case when c.satisfied then not (${MEETS}) else d.due <= ${now} end))) as loses
      from ${demands(sql`memberships`)}
      where m.organization_id = ${organizationId} and u.status = 'active'
    ), counted as (select state, count(*)::int as count from judged group by state)
    select count(*)::int as members, count(*) filter (where mfa = 'exempt')::int as exempt,
      count(*) filter (where state = 'compliant')::int as compliant,
      count(*) filter (where not satisfied)::int as must_enrol,
      count(*) filter (where loses)::int as loses_session,
      min(due) filter (where not satisfied) as due_at,
      coalesce((select jsonb_object_agg(state, count) from counted), '{}') as states
    from judged`.execute(tx)
  return rows[0] as EffectRow
}

/** Organizations that demand something of at least one member, by id. */
export async function selectDemanding(tx: Tx, after: string | null, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from (
      select organization_id as id from security_policies where mode not in ('disabled', 'optional')
      union
      select organization_id from memberships where mfa <> 'inherit') demanding
    where ${after === null ? sql`true` : sql`id > ${after}`} order by id limit ${limitOf(limit)}`.execute(tx)
  return rows.map(({ id }) => id)
}

export interface ReminderRow {
  organization: string
  user_id: string
  username: string | null
  locale: string | null
  email: string
  mode: string
  due: Date
  mark: number
}

/**
 * Claims the e-mails that are due in an organization, at most `limit`; none for whom the provider of their last sign-in there has
 * checked what is demanded. Of two nodes one gets each: the rows are locked,
 * and a mark is stored once.
 */
export async function claimReminders(
  tx: Tx,
  organizationId: string,
  limit: number,
  now: Date,
): Promise<ReminderRow[]> {
  const { rows } = await sql<ReminderRow>`
    with policy as (${storedPolicy(organizationId)}), wanted as (
      select m.organization_id, m.user_id, u.username, u.locale, d.mode, d.due, k.mark
      from ${demands(sql`memberships`)}
      cross join lateral (
        select case when d.due <= ${now} then 0 else coalesce((
          select min(day) from unnest(policy.days) day where day > 0 and d.due - day * interval '24 hours' <= ${now}),
          ${sql.lit(ANNOUNCED)}) end as mark) k
      where m.organization_id = ${organizationId} and u.status = 'active' and not c.satisfied and not (${LAST_VOUCHED})
        and (m.mfa_reminded_due is distinct from d.due or m.mfa_reminded > k.mark)
      order by m.user_id limit ${limitOf(limit)} for no key update of m skip locked
    ), claimed as (
      update memberships m set mfa_reminded = wanted.mark, mfa_reminded_due = wanted.due
      from wanted
      where m.organization_id = wanted.organization_id and m.user_id = wanted.user_id
      returning wanted.*
    )
    select o.name as organization, c.user_id, c.username, c.locale, e.address as email, c.mode, c.due, c.mark
    from claimed c join organizations o on o.id = c.organization_id and o.deleted_at is null
    join emails e on e.user_id = c.user_id and e.is_primary
    order by c.user_id`.execute(tx)
  return rows
}
