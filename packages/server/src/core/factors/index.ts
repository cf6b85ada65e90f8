/**
 * Second factors: which ones a user has enrolled, and what a sign-in must prove. Owns the table `factors`. Leaves the
 * secrets of each kind to its sign-in method, and the decision about a sign-in to `nextStep` (signin/steps).
 *
 * Invariant: a factor is in the table while it can be used: a set of backup codes without an unused code is deleted.
 */
import { sql } from 'kysely'
import {
  type AcceptableMethod,
  type Demand,
  ESTABLISHED_AFTER,
  type FactorKind,
  isEnrolled,
  type KnownConnection,
  NO_FACTS,
  type SignInFacts,
  type StoredProof,
} from '../../base/assurance.ts'
import type { Call, CallSession } from '../../base/call.ts'
import { later } from '../../base/clock.ts'
import { compiledOnce } from '../../base/db/compiled.ts'
import type { Statements, Tx } from '../../base/db/types.ts'
import type { Provable } from '../../base/http/request/access.ts'
import { newId } from '../../base/ids.ts'
import { refusedKinds } from '../../base/refused-factors.ts'
import { findRelyingParty, offeredKinds, type RelyingPartyConfig } from '../../base/relying-party.ts'
import type { Config } from '../../config.ts'
import { audit } from '../audit/index.ts'
import { authoritiesOf } from '../authorities.ts'
import { demandOf, type MemberMfa, POLICY, POLICY_JOIN, type PolicyMode } from '../policies.ts'
import type { FactorsTable } from './tables.ts'

export { countWaysIn, findWaysIn } from './ways-in.ts'

export interface Factor {
  id: string
  userId: string
  kind: FactorKind
  name: string | null
  createdAt: Date
  confirmedAt: Date | null
  lastUsedAt: Date | null
}

export type FactTools = { config: RelyingPartyConfig & Pick<Config, 'mfa' | 'mfaGrace' | 'emailSignIn'> }

interface FactsRow {
  mfa_required: boolean
  /** By a role that the user holds. */
  role_requires: boolean
  created_at: Date
  has_password: boolean
  has_mailbox: boolean
  /** The active connections that know them, with their organizations; null for the server's. */
  identities: KnownConnection[]
  authorities: string[]
  factors: FactorKind[]
  established: FactorKind[]
  /** Whether they have passkeys of which none is accepted. */
  refused_passkeys: boolean
  /** When they chose their password by a link from an e-mail. */
  reset_at: Date | null
  /** The memberships whose organization, or whose override, demands something. */
  policies: MemberPolicy[]
}

/** As JSON, in which a time is a number. */
interface MemberPolicy {
  organization: string
  mode: PolicyMode | null
  accepts: AcceptableMethod[] | null
  override: MemberMfa
  /** Milliseconds. */
  due: number
}

const selectFacts = compiledOnce(
  (
    _,
    { userId, rpId, establishedBy }: { userId: string; rpId: string | null; establishedBy: Date },
  ) => sql<FactsRow>`
    select u.mfa_required, u.created_at,
      exists (select from roles r where r.name = any(u.roles) and r.requires_mfa) as role_requires,
      exists (select from passwords p where p.user_id = u.id) as has_password,
      exists (select from emails e where e.user_id = u.id and e.is_primary and e.verified_at is not null) as has_mailbox,
      coalesce((
        select jsonb_agg(distinct jsonb_build_object('connection', c.id, 'organization', c.organization_id))
        from identities i join connections c on c.id = i.connection_id
        left join organizations o on o.id = c.organization_id
        where i.user_id = u.id and c.status = 'active' and o.deleted_at is null), '[]') as identities,
      array(${authoritiesOf('u.id')}) as authorities,
      array(select distinct f.kind from factors f where f.user_id = u.id and f.confirmed_at is not null) as factors,
      array(
        select distinct f.kind from factors f
        where f.user_id = u.id and f.confirmed_at <= ${establishedBy}) as established,
      coalesce((
        select bool_and(c.flagged_at is not null or c.rp_id is distinct from ${rpId}) from passkey_credentials c
        where c.user_id = u.id), false) as refused_passkeys,
      (select p.reset_at from passwords p where p.user_id = u.id) as reset_at,
      coalesce((
        select jsonb_agg(jsonb_build_object('organization', p.policy_organization, 'mode', p.policy_mode,
          'accepts', p.policy_accepts, 'override', p.member_mfa, 'due', extract(epoch from p.policy_due) * 1000))
        from (
          select ${POLICY} from memberships m join organizations o on o.id = m.organization_id and o.deleted_at is null
          ${POLICY_JOIN}
          where m.user_id = u.id and (m.mfa <> 'inherit' or sp.mode not in ('disabled', 'optional'))) p), '[]') as policies
    from users u where u.id = ${userId}`,
)

/**
 * What the user can prove and what is demanded of them, by one prepared statement. For an id without a user: nothing.
 * @param db the transaction that holds the user's row, where a session follows
 */
export async function findSignInFacts(
  { config }: FactTools,
  db: Statements,
  userId: string,
  now: Date,
): Promise<SignInFacts> {
  const rpId = findRelyingParty(config)?.id ?? null
  const establishedBy = later(now, -ESTABLISHED_AFTER)
  const [row] = (await db.executeQuery(selectFacts({ userId, rpId, establishedBy }))).rows
  if (!row) return NO_FACTS
  return {
    factors: row.factors,
    established: row.established,
    refused: refusedKinds({ hasRefusedPasskeysOnly: row.refused_passkeys, resetAt: row.reset_at }, now),
    hasPassword: row.has_password,
    hasMailbox: row.has_mailbox && config.emailSignIn.includes('code'),
    identities: row.identities,
    authorities: row.authorities,
    demands: demandsOf(config, row),
    offered: offeredKinds(config),
  }
}

function demandsOf(config: FactTools['config'], row: FactsRow): Demand[] {
  const accepts = config.mfaMethods.filter((method) => method !== 'email_code')
  const demand = (dueAt: Date | null): Demand => ({
    mode: 'require_any',
    accepts,
    dueAt,
    organizationId: null,
  })
  const isPersonal = row.mfa_required || row.role_requires
  const ofServer = config.mfa === 'required' ? [demand(later(row.created_at, config.mfaGrace))] : []
  return [...(isPersonal ? [demand(null)] : []), ...ofServer, ...row.policies.flatMap(demandOfPolicy)]
}

const demandOfPolicy = ({ organization, mode, accepts, override, due }: MemberPolicy): Demand[] => {
  const demand = demandOf({
    policy_organization: organization,
    policy_mode: mode,
    policy_accepts: accepts,
    policy_due: new Date(due),
    member_mfa: override,
  })
  return demand ? [demand] : []
}

/** What the user of a session can prove, and what the session has proven. */
export async function findProvable(
  tools: FactTools,
  db: Statements,
  session: CallSession,
  userId: string,
  now: Date,
): Promise<Provable> {
  const [facts, proofs] = await Promise.all([
    findSignInFacts(tools, db, userId, now),
    findSessionProofs(db, session),
  ])
  return { facts, proofs }
}

/** What a session has proven; of an access token, which does not contain it, as it is stored. */
export async function findSessionProofs(
  db: Statements,
  { id, via, proofs }: CallSession,
): Promise<readonly StoredProof[]> {
  if (via !== 'token') return proofs
  const stored = await db.selectFrom('sessions').select('proofs').where('id', '=', id).executeTakeFirst()
  return stored?.proofs ?? []
}

const factorOf = (row: FactorsTable): Factor => ({
  id: row.id,
  userId: row.user_id,
  kind: row.kind,
  name: row.name,
  createdAt: row.created_at,
  confirmedAt: row.confirmed_at,
  lastUsedAt: row.last_used_at,
})

/** The user's confirmed factors, oldest first. */
export async function listFactors(db: Statements, userId: string): Promise<Factor[]> {
  const rows = await db
    .selectFrom('factors')
    .selectAll()
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is not', null)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(factorOf)
}

/** Adds a factor. The caller holds the user's row. `confirmed`: it counts from now on. `id`: one that was shown before. */
export async function insertFactor(
  tx: Tx,
  factor: { id?: string; userId: string; kind: FactorKind; name: string | null; confirmed: boolean },
  now: Date,
): Promise<Factor> {
  const row = {
    id: factor.id ?? newId('fac'),
    user_id: factor.userId,
    kind: factor.kind,
    name: factor.name,
    created_at: now,
    confirmed_at: factor.confirmed ? now : null,
    last_used_at: null,
  }
  await tx.insertInto('factors').values(row).execute()
  return factorOf(row)
}

/** Confirms a factor, once. @returns false where it is confirmed or deleted already */
export async function confirmFactor(tx: Tx, userId: string, id: string, now: Date): Promise<boolean> {
  const row = await tx
    .updateTable('factors')
    .set({ confirmed_at: now })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

export async function renameFactor(
  tx: Tx,
  userId: string,
  id: string,
  name: string | null,
): Promise<boolean> {
  const row = await tx
    .updateTable('factors')
    .set({ name })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is not', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Deletes a factor with its secrets. @returns false where it was deleted already */
export async function deleteFactor(tx: Tx, userId: string, id: string): Promise<boolean> {
  const row = await tx
    .deleteFrom('factors')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Records that a member sets up a factor, in each organization whose demand the new factor is the first to meet, and ends
 * that the member counts as stopped. Called before the factor is added, in the same transaction; the caller holds the user's
 * row. System scope.
 */
export async function recordEnrolment(
  tools: FactTools,
  tx: Tx,
  call: Call,
  { id: userId, username }: { id: string; username: string | null },
  kind: FactorKind,
): Promise<void> {
  const { demands, factors } = await findSignInFacts(tools, tx, userId, call.now)
  const met = demands.flatMap((demand) =>
    !isEnrolled(demand, factors) && isEnrolled(demand, [...factors, kind])
      ? (demand.organizationId ?? [])
      : [],
  )
  for (const organizationId of new Set(met)) {
    await tx
      .updateTable('memberships')
      .set({ mfa_stopped_at: null })
      .where('organization_id', '=', organizationId)
      .where('user_id', '=', userId)
      .execute()
    const details = { kind }
    await audit(tx, call, {
      type: 'organization.member.mfa_enrolled',
      userId,
      username,
      organizationId,
      details,
    })
  }
}

export const updateFactorUse = compiledOnce((db, { id, now }: { id: string; now: Date }) =>
  db.updateTable('factors').set({ last_used_at: now }).where('id', '=', id),
)

/** Deletes factors whose enrolment was begun and not confirmed: those of a user, or those from before a time. */
export async function deleteUnconfirmed(tx: Tx, which: { userId: string } | { before: Date }): Promise<void> {
  const unconfirmed = tx.deleteFrom('factors').where('confirmed_at', 'is', null)
  await ('userId' in which
    ? unconfirmed.where('user_id', '=', which.userId)
    : unconfirmed.where('created_at', '<', which.before)
  ).execute()
}
