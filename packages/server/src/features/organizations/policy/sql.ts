/** The SQL of security policies. */
import { sql } from 'kysely'
import type { AcceptableMethod } from '../../../base/assurance.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { connectionsOf, POLICY, POLICY_JOIN, type PolicyRow } from '../../../core/policies.ts'
import { LEADS_TO_CONNECTION } from '../../../core/spoken-domains.ts'
import { DEFAULT_POLICY, type PolicyFields } from './policy.ts'
import type { SecurityPoliciesTable } from './tables.ts'

export interface StoredPolicy extends PolicyFields {
  /** 0 for an organization that has never had a policy. */
  version: number
  since: Date | null
  /** When it was noticed that `sso_required` cannot be enforced; null while it is, and where it is not required. */
  ssoLapsedAt: Date | null
  updatedAt: Date | null
}

const NO_POLICY: StoredPolicy = {
  ...DEFAULT_POLICY,
  version: 0,
  since: null,
  ssoLapsedAt: null,
  updatedAt: null,
}

/** The policy of an organization; the default if it has none. */
export async function selectPolicy(tx: Tx, organizationId: string, now: Date): Promise<StoredPolicy> {
  const row = await tx
    .selectFrom('security_policies')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()
  if (!row) return NO_POLICY
  const isLapsed = row.sign_in === 'sso_required' && !(await canRequireSso(tx, organizationId))
  return {
    version: row.version,
    mode: row.mode,
    graceDays: row.grace_days,
    notifyDaysBefore: row.notify_days_before,
    allowedMethods: row.allowed_methods as AcceptableMethod[],
    sessionAbsolute: row.session_absolute_seconds,
    passwordProfile: row.password_profile,
    signIn: row.sign_in,
    since: row.since,
    // the job that notices it for the owners (organizations/sso) comes up to a minute later
    ssoLapsedAt: isLapsed ? (row.sso_lapsed_at ?? now) : null,
    updatedAt: row.updated_at,
  }
}

/** Whether members can be required to sign in by a connection: judged as each session is, for readers who may not read connections too. */
const canRequireSso = (tx: Tx, organizationId: string): Promise<boolean> =>
  tx.asSystem(async (system) => {
    const { rows } = await sql<{ can: boolean }>`
      select cardinality(${connectionsOf(sql`${organizationId}`)}) > 0 as can`.execute(system)
    return rows[0]?.can === true
  })

/** Stores the next version. The organization is locked, so its version is the one that was read. */
export async function storePolicy(
  tx: Tx,
  organizationId: string,
  policy: StoredPolicy,
  by: { userId: string | null; now: Date },
): Promise<void> {
  const row = {
    version: policy.version,
    mode: policy.mode,
    grace_days: policy.graceDays,
    notify_days_before: [...policy.notifyDaysBefore],
    allowed_methods: [...policy.allowedMethods],
    session_absolute_seconds: policy.sessionAbsolute,
    password_profile: policy.passwordProfile,
    sign_in: policy.signIn,
    since: policy.since,
    updated_at: by.now,
    updated_by: by.userId,
  } satisfies Partial<Record<keyof SecurityPoliciesTable, unknown>>
  if (policy.version === 1) {
    await tx
      .insertInto('security_policies')
      .values({ organization_id: organizationId, ...row })
      .execute()
    return
  }
  await tx.updateTable('security_policies').set(row).where('organization_id', '=', organizationId).execute()
}

/** What the policy demands of a member; undefined where the user is none. */
export async function selectOwnPolicy(
  tx: Tx,
  userId: string,
  organizationId: string,
): Promise<PolicyRow | undefined> {
  const { rows } = await sql<PolicyRow>`
    select ${POLICY} from memberships m join organizations o on o.id = m.organization_id and o.deleted_at is null
    ${POLICY_JOIN} where m.user_id = ${userId} and m.organization_id = ${organizationId}`.execute(tx)
  return rows[0]
}

/** The name of the organization that a page is about; null where it is about none, as a demand of the server or of a role. */
export async function findOrganizationName(db: Statements, id: string | null): Promise<string | null> {
  if (id === null) return null
  const row = await db.selectFrom('organizations').select('name').where('id', '=', id).executeTakeFirst()
  return row?.name ?? null
}

/**
 * Connections that are required, in the order in which a member uses them: the one to which the domain of their verified address
 * leads, those where they have an account, and the oldest. As the system.
 */
export async function selectRequiredFor(
  tx: Tx,
  userId: string,
  connections: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select c.id from connections c where c.id = any(${[...connections]}::text[])
    order by exists (
        select from emails e join organization_domains d on d.domain = split_part(e.address_key, '@', 2)
        where e.user_id = ${userId} and e.is_primary and e.verified_at is not null and ${LEADS_TO_CONNECTION}) desc,
      exists (select from identities i where i.user_id = ${userId} and i.connection_id = c.id) desc, c.id`.execute(
    tx,
  )
  return rows.map(({ id }) => id)
}
