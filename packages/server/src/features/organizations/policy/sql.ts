/** The SQL of security policies. */
import type { AcceptableMethod } from '../../../base/assurance.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { DEFAULT_POLICY, type PolicyFields } from './policy.ts'
import type { SecurityPoliciesTable } from './tables.ts'

export interface StoredPolicy extends PolicyFields {
  /** 0 for an organization that has never had a policy. */
  version: number
  since: Date | null
  updatedAt: Date | null
}

const NO_POLICY: StoredPolicy = { ...DEFAULT_POLICY, version: 0, since: null, updatedAt: null }

/** The policy of an organization; the default if it has none. */
export async function selectPolicy(tx: Tx, organizationId: string): Promise<StoredPolicy> {
  const row = await tx
    .selectFrom('security_policies')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()
  if (!row) return NO_POLICY
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
    updatedAt: row.updated_at,
  }
}

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

/** By id or slug, with a row lock, because memberships and the policy change under it. Undefined for one that is deleted. */
export const lockNamedOrganization = (
  tx: Tx,
  name: string,
): Promise<{ id: string; name: string; slug: string } | undefined> =>
  tx
    .selectFrom('organizations')
    .select(['id', 'name', 'slug'])
    .where((eb) => eb.or([eb('id', '=', name), eb('slug', '=', name)]))
    .where('deleted_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()

/** The name of the organization whose demand a page is about; null for a demand of the server or of a role. */
export async function findDemandingOrganization(db: Statements, id: string | null): Promise<string | null> {
  if (id === null) return null
  const row = await db.selectFrom('organizations').select('name').where('id', '=', id).executeTakeFirst()
  return row?.name ?? null
}
