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
  acrOf,
  type Demand,
  type DemandMode,
  enrollableFor,
  type FactorKind,
  factsIn,
  findMissing,
  isEnrolled,
  isSignIn,
  type Judged,
  proofsIn,
  type SignInFacts,
  type StoredProof,
} from '../base/assurance.ts'
import type { Call, CallSession, Principal } from '../base/call.ts'
import type { Db, Tx } from '../base/db/types.ts'
import type { Problem } from '../base/errors.ts'
import { audit } from './audit/index.ts'
import { assignedConnection } from './leading-connections.ts'
import { LEADS_TO_CONNECTION, SPEAKS_FOR_DOMAIN } from './spoken-domains.ts'

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
  /** The role of the membership. */
  policy_role: string | null
  /** The active connections of which the member has to sign in by one; null or empty: they need not. */
  policy_connections: string[] | null
  /** The inactive connection that the domain of the member's address is assigned to; null for none, and where they need not sign in by one. */
  policy_waits_for: string | null
}

/**
 * The connections by which members of an organization can be required to sign in: the active ones that speak for a domain that it
 * has proven. Without one, nothing is required, so that the members are not locked out.
 * @param without a domain, which does not count
 */
export const connectionsOf = (
  organizationId: RawBuilder<unknown>,
  { without }: { without?: RawBuilder<unknown> } = {},
): RawBuilder<unknown> =>
  sql`array(select c.id from connections c where ${isRequirable(organizationId, without)} order by c.id)`

const isRequirable = (organizationId: RawBuilder<unknown>, without?: RawBuilder<unknown>) => sql`(
  c.organization_id = ${organizationId} and c.status = 'active' and exists (
    select from organization_domains d where ${SPEAKS_FOR_DOMAIN}${without ? sql` and d.id <> ${without}` : sql``}))`

/** Whether the domain `d` of an organization is assigned to the connection `w`, which is inactive. */
const waits = (organizationId: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
  d.organization_id = ${organizationId} and d.verified_at is not null
  and w.id = ${assignedConnection('d')} and w.status <> 'active')`

/** The inactive connection that the domain of the verified address of the membership `m` is assigned to; null for none. */
export const MEMBER_WAITS_FOR: RawBuilder<unknown> = sql`(
  select w.id from emails e join organization_domains d on d.domain = split_part(e.address_key, '@', 2)
  join connections w on ${waits(sql`m.organization_id`)}
  where e.user_id = m.user_id and e.is_primary and e.verified_at is not null limit 1)`

/**
 * Those of them by which the user of the membership `m` has to sign in: of those that set-up links have made, the one to which the
 * domain of the member's verified address leads, because its reader could sign in as any other. Where that leaves none, all of them, so
 * that no member is locked out, unless the domain waits for another one: then none, and `isLapsed` says what counts instead.
 */
export const MEMBER_CONNECTIONS: RawBuilder<unknown> = sql`array(
    select k.id from (
      select l.id, l.speaks, bool_or(l.speaks) over () as some_speak from (
        select c.id, c.origin <> 'setup_link' or exists (
            select from emails e join organization_domains d on d.domain = split_part(e.address_key, '@', 2)
            where e.user_id = m.user_id and e.is_primary and e.verified_at is not null and ${LEADS_TO_CONNECTION}) as speaks
        from connections c where ${isRequirable(sql`m.organization_id`)}) l) k
    where k.speaks or not (k.some_speak or ${MEMBER_WAITS_FOR} is not null) order by k.id)`

/** A connection of those by which members can be required to sign in. */
export interface RequirableConnection {
  id: string
  /** Whether administrators have made it, so that it speaks for every domain. */
  speaks_for_all: boolean
  /** The domains that lead to it. */
  leads: string[]
}

/** They, and what else decides for whom they count. */
export interface Requirable {
  connections: readonly RequirableConnection[]
  /** The domains that are assigned to a connection that is inactive. */
  waiting: readonly string[]
}

/** Selects it as JSON. */
export const requirableConnections = (organizationId: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  jsonb_build_object('connections', (
    select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'speaks_for_all', c.origin <> 'setup_link', 'leads', array(
      select d.domain from organization_domains d where ${LEADS_TO_CONNECTION})) order by c.id), '[]')
    from connections c where ${isRequirable(organizationId)}),
  'waiting', array(
    select d.domain from organization_domains d join connections w on ${waits(organizationId)}))`

/** MEMBER_CONNECTIONS of a member whose verified address is of a domain; null: of none. */
export function countingFor({ connections, waiting }: Requirable, domain: string | null): string[] {
  const speaking = connections.filter(
    ({ speaks_for_all, leads }) => speaks_for_all || (domain !== null && leads.includes(domain)),
  )
  const isWaiting = domain !== null && waiting.includes(domain)
  return (speaking.length > 0 || isWaiting ? speaking : connections).map(({ id }) => id)
}

/** The columns without the connections, which most policies do not need: `createPolicyCompletion` reads them where one does. */
export type DemandRow = Omit<PolicyRow, 'policy_connections' | 'policy_waits_for'> & {
  policy_sign_in: 'any' | 'sso_required' | null
}

const DEMAND = sql`m.organization_id as policy_organization, sp.mode as policy_mode,
  sp.allowed_methods as policy_accepts, sp.session_absolute_seconds as policy_absolute, m.mfa as member_mfa,
  greatest(sp.since, m.joined_at, m.mfa_since)
    + coalesce(sp.grace_days, ${sql.lit(DEFAULT_GRACE_DAYS)}) * interval '24 hours' as policy_due,
  case when m.mfa <> 'inherit' or sp.mode not in ('disabled', 'optional') then array(
    select distinct f.kind from factors f where f.user_id = m.user_id and f.confirmed_at is not null) end as policy_factors,
  m.role as policy_role`

/** Selects DemandRow, where one credential is checked: the statement is shorter for all that need no connections. */
export const POLICY_DEMAND: RawBuilder<unknown> = sql`${DEMAND}, sp.sign_in as policy_sign_in`

/** Selects PolicyRow of the membership `m` and the policy `sp` that POLICY_JOIN joins. */
export const POLICY: RawBuilder<unknown> = sql`${DEMAND},
  case when sp.sign_in = 'sso_required' then ${MEMBER_CONNECTIONS} end as policy_connections,
  case when sp.sign_in = 'sso_required' then ${MEMBER_WAITS_FOR} end as policy_waits_for`

/** Completes rows of POLICY_DEMAND by a second statement, where members have to sign in by a connection. */
export function createPolicyCompletion(
  db: Db,
): <R extends DemandRow & { user_id: string }>(row: R) => Promise<R & PolicyRow> {
  const statement = sql<Pick<PolicyRow, 'policy_connections' | 'policy_waits_for'>>`
    select ${MEMBER_CONNECTIONS} as policy_connections, ${MEMBER_WAITS_FOR} as policy_waits_for
    from (select ${''}::text as organization_id, ${''}::text as user_id) m`.compile(db.hot)
  return async (row) => {
    const { policy_sign_in, policy_organization, user_id } = row
    const none = { policy_connections: null, policy_waits_for: null }
    if (policy_sign_in !== 'sso_required') return { ...row, ...none }
    const [found] = await db.run(statement, [policy_organization, user_id])
    return { ...row, ...(found ?? none) }
  }
}

export const POLICY_JOIN: RawBuilder<unknown> = sql`
  left join security_policies sp on sp.organization_id = m.organization_id`

/** The demand of an organization on its member; null for none. */
export function demandOf(
  row: Pick<
    PolicyRow,
    'policy_organization' | 'policy_mode' | 'policy_accepts' | 'policy_due' | 'member_mfa'
  >,
): Demand | null {
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

/**
 * Why a credential does not act in an organization: for lack of a factor that is set up, of a further proof (`demand`), of a
 * proof within the time that the policy permits, of one that counts there at all (`sign_in`), or of one by a `connection`.
 */
export interface Unmet {
  missing: 'factor' | 'proof' | 'recent_proof' | 'sign_in' | 'connection'
  demand: Demand | null
  /** By which connections members have to sign in; null where any sign-in is enough. */
  sso: SsoDemand | null
  /** Whether those of the organization do not count: see `isLapsed`. */
  lapsed: boolean
  /** The instant from which it does not. */
  since: number
}

const ALWAYS = Number.NEGATIVE_INFINITY

/** The first thing that a credential lacks, now or later; null if it never lacks any. @param session null for an API key */
function findLack(row: PolicyRow, session: ProvenSession | null): Unmet | null {
  const lapsed = isLapsed(row)
  const proofs = session ? countingIn(row, session.proofs) : []
  const unproven = session && findUnprovenSignIn(row, session.proofs, proofs)
  if (unproven) return unproven
  const demand = demandOf(row)
  const missing = demand && findMissing(demand, proofs, row.policy_factors ?? [])
  const sso = ssoOf(row)
  if (missing === 'factor') return { missing, demand, sso, lapsed, since: demand?.dueAt?.getTime() ?? ALWAYS }
  return missing === 'proof' && session ? { missing, demand, sso, lapsed, since: ALWAYS } : null
}

/** Of a session: that it has no proof of a sign-in that counts in the organization. Sessions of earlier versions have none. */
function findUnprovenSignIn(
  row: PolicyRow,
  all: readonly StoredProof[],
  counting: readonly StoredProof[],
): Unmet | null {
  if (row.policy_organization === null) return null
  const sso = ssoOf(row)
  if ((sso === null && all.length === 0) || !lacksSignIn(counting, sso)) return null
  const missing = sso ? 'connection' : 'sign_in'
  return { missing, demand: null, sso, lapsed: isLapsed(row), since: ALWAYS }
}

/** By which connections members have to sign in, and whether the member is an owner, who may replace them. */
export interface SsoDemand {
  connections: readonly string[]
  owner: boolean
}

export const ssoOf = ({ policy_connections, policy_role }: PolicyRow): SsoDemand | null =>
  policy_connections !== null && policy_connections.length > 0
    ? { connections: policy_connections, owner: policy_role === 'owner' }
    : null

/**
 * Whether the requirement lapses for one member, because the connection that the domain of their address is assigned to is inactive, and
 * administrators have no active one. Any sign-in is enough, as without the requirement, except by another connection of the
 * organization: those that are active are set-up links', whose readers could sign in as the member.
 */
const isLapsed = ({ policy_connections, policy_waits_for }: PolicyRow): boolean =>
  policy_connections?.length === 0 && policy_waits_for !== null

/** What the inactive connection has proven counts until it ends: its settings may be unreadable for a while. */
const countingIn = (row: PolicyRow, proofs: readonly StoredProof[]): StoredProof[] =>
  proofsIn(proofs, row.policy_organization).filter(
    ({ organization, connection }) =>
      organization === undefined || !isLapsed(row) || connection === row.policy_waits_for,
  )

/** Whether one is by one of the connections, or would be: a proof that a method would give names none. */
const isByConnection = (proofs: readonly Judged[], connections: readonly string[]): boolean =>
  proofs.some(
    ({ method, connection }) =>
      method === 'federation' && (connection === undefined || connections.includes(connection)),
  )

/** Whether what counts in an organization lacks a proof by which one signs in there. @param sso null where any is enough */
export function lacksSignIn(counting: readonly Judged[], sso: SsoDemand | null): boolean {
  if (sso === null) return !isSignIn(counting)
  return !isByConnection(counting, sso.connections) && !(sso.owner && breaksGlass(counting))
}

/**
 * The facts as they count for an organization. A connection that members have to sign in by can be used by all. Where the requirement
 * has lapsed for the member, what counts is what counts for the account: of the organization's connections, that of the domain alone.
 */
export const factsTowards = (
  facts: SignInFacts,
  organizationId: string,
  { sso, lapsed = false }: { sso?: SsoDemand | null; lapsed?: boolean },
): SignInFacts =>
  lapsed
    ? facts
    : factsIn(
        {
          ...facts,
          identities: [
            ...(facts.identities ?? []),
            ...(sso?.connections ?? []).map((connection) => ({ connection, organization: organizationId })),
          ],
        },
        organizationId,
      )

/**
 * The proofs that may replace the connection that is required: none by an identity provider, and of factors only those that had
 * been enrolled for a day. Otherwise a password alone would suffice: its holder would enrol a factor and prove it.
 */
export const replacing = <P extends Judged>(proofs: readonly P[]): P[] =>
  proofs.filter(
    ({ method, channel, established }) =>
      method !== 'federation' &&
      (established || (channel !== 'app' && channel !== 'codes' && channel !== 'key')),
  )

/** Whether proofs replace the connection, for an owner when it fails (break-glass): a password or a passkey, and a second factor. */
function breaksGlass(proofs: readonly Judged[]): boolean {
  const local = replacing(proofs)
  return local.some(({ method }) => method === 'password' || method === 'passkey') && acrOf(local) !== 'aal1'
}

/** Whether a session acts in an organization although it has no proof by the connection that is required: as its owner. */
export const isBypassing = (row: PolicyRow, { proofs }: Pick<ProvenSession, 'proofs'>): boolean => {
  const sso = ssoOf(row)
  return sso !== null && !isByConnection(proofs, sso.connections)
}

function findAge(row: PolicyRow, session: ProvenSession | null): Unmet | null {
  if (session === null || row.policy_absolute === null) return null
  const since = session.authenticatedAt.getTime() + row.policy_absolute * 1000
  return { missing: 'recent_proof', demand: null, sso: ssoOf(row), lapsed: isLapsed(row), since }
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
