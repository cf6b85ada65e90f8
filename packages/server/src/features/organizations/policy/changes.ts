/**
 * Changes of a security policy, and their effect told before. Invariants: the policy changes while its organization is
 * locked, so of concurrent changes that name one version exactly one is made; a change revokes the organization's access
 * tokens, because a token states what its session met at its issue; the days of grace never grow by saving twice.
 */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, notFound, problem } from '../../../base/errors.ts'
import { assertCanBeMet } from '../../../core/demands.ts'
import { demandMode } from '../../../core/policies.ts'
import { revokeOrganization } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { inside, recordOrganizationEvent } from '../membership/index.ts'
import { assertSsoPossible, countSsoEffect, type SsoEffect } from '../sso/index.ts'
import { type EffectRow, selectEffect } from './members-sql.ts'
import { type PolicyFields, sinceAfter } from './policy.ts'
import { policyChanged } from './reminders.ts'
import { type StoredPolicy, selectPolicy, storePolicy } from './sql.ts'

export type PolicyChange = { [K in keyof PolicyFields]?: PolicyFields[K] | undefined }

/** The policy of the organization that the call is about. */
export const getPolicy = (tools: Pick<Tools, 'db'>, call: Call): Promise<StoredPolicy> =>
  tools.db.tx(callerScope(call), (tx) => selectPolicy(tx, organizationOf(call), call.now))

function organizationOf(call: Call): string {
  if (!call.organization) throw notFound('organization')
  return call.organization.id
}

/** The policy after a change. @throws Problem VALIDATION_ERROR for a policy that no member could satisfy */
function changed(
  { config }: Pick<Tools, 'config'>,
  before: StoredPolicy,
  change: PolicyChange,
  now: Date,
): StoredPolicy {
  const sent = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  const fields: StoredPolicy = { ...before, ...sent }
  assertSatisfiable(fields)
  if (changesDemand(change)) assertCanBeMet(config, 'mode', demandedBy(fields))
  return { ...fields, since: sinceAfter(before, fields, now) }
}

function assertSatisfiable({ mode, allowedMethods }: PolicyFields): void {
  const needed = mode === 'require_totp' ? 'totp' : mode === 'require_passkey' ? 'passkey' : null
  if (needed !== null && !allowedMethods.includes(needed))
    throw invalid(
      'allowed_methods',
      'incomplete',
      `The mode \`${mode}\` requires \`${needed}\` to be allowed.`,
    )
  if (!allowedMethods.includes('totp') && !allowedMethods.includes('passkey'))
    throw invalid('allowed_methods', 'incomplete', 'Allow `totp` or `passkey`.')
}

/** @throws Problem VALIDATION_ERROR where members could not sign in as the policy is to require from now on */
async function assertSignInPossible(
  tx: Tx,
  id: string,
  before: PolicyFields,
  after: PolicyFields,
): Promise<void> {
  if (after.signIn === 'sso_required' && before.signIn !== 'sso_required')
    await tx.asSystem((system) => assertSsoPossible(system, id))
}

/** What is demanded of a member without an override. */
const demandedBy = ({ mode, allowedMethods: accepts }: PolicyFields) => ({
  mode: demandMode(mode, 'inherit'),
  accepts,
})

const changesDemand = ({ mode, allowedMethods }: PolicyChange): boolean =>
  mode !== undefined || allowedMethods !== undefined

const NAMES: Readonly<Record<keyof PolicyFields, string>> = {
  mode: 'mode',
  graceDays: 'grace_days',
  notifyDaysBefore: 'notify_days_before',
  allowedMethods: 'allowed_methods',
  sessionAbsolute: 'session_absolute',
  passwordProfile: 'password_profile',
  signIn: 'sign_in',
}

/** The names of the fields that differ. */
const differing = (before: PolicyFields, after: PolicyFields): (keyof PolicyFields)[] =>
  (Object.keys(NAMES) as (keyof PolicyFields)[]).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )

const valuesOf = (policy: PolicyFields, keys: readonly (keyof PolicyFields)[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [NAMES[key], policy[key]]))

type ChangeTools = Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'roles'>

/** @param version the version that the change is based on; absent: the present one. @throws Problem CONFLICT (`stale`) */
export const changePolicy = (
  tools: ChangeTools,
  call: Call,
  change: PolicyChange,
  version?: number,
): Promise<StoredPolicy> =>
  inside(tools, call, 'security:write', (tx, { actor, organization: { id } }) =>
    changeLocked(tools, tx, call, { id, by: actor.userId }, change, version),
  )

/** @param of the locked organization, and who changes its policy; null for the operator */
export async function changeLocked(
  tools: ChangeTools,
  tx: Tx,
  call: Call,
  of: { id: string; by: string | null },
  change: PolicyChange,
  version?: number,
): Promise<StoredPolicy> {
  const { id, by } = of
  const before = await selectPolicy(tx, id, call.now)
  if (version !== undefined && version !== before.version) throw stale(before.version)
  const wanted = changed(tools, before, change, call.now)
  const keys = differing(before, wanted)
  if (keys.length === 0) return before
  await assertSignInPossible(tx, id, before, wanted)
  const after = { ...wanted, version: before.version + 1, updatedAt: call.now }
  await storePolicy(tx, id, after, { userId: by, now: call.now })
  await tx.asSystem(async (system) => {
    await revokeOrganization(system, id, tools.clock.now())
    await tools.jobs.enqueue(system, policyChanged, { organization_id: id }, { now: call.now })
  })
  await recordOrganizationEvent(tx, call, 'organization.security_policy.changed', id, {
    version: after.version,
    from: valuesOf(before, keys),
    to: valuesOf(after, keys),
    ...(by === null ? { by: 'operator' } : {}),
  })
  return after
}

const stale = (version: number) =>
  problem('CONFLICT', {
    message: 'The policy was changed after you read it. Read it again.',
    details: { reason: 'stale', version },
  })

/** What a policy means for the members at an instant. */
export interface Effect {
  before: EffectRow
  after: EffectRow
  /** Of a policy that requires sign-in by a connection; null otherwise. */
  sso: SsoEffect | null
  /** Whether the change begins or ends that requirement. */
  changesSignIn: boolean
}

/** What a change would mean, without making it. @throws Problem VALIDATION_ERROR */
export async function previewPolicy(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  change: PolicyChange,
): Promise<Effect> {
  const id = organizationOf(call)
  const { candidate, changesSignIn } = await tools.db.tx(callerScope(call), async (tx) => {
    const before = await selectPolicy(tx, id, call.now)
    const after = changed(tools, before, change, call.now)
    await assertSignInPossible(tx, id, before, after)
    return { candidate: after, changesSignIn: before.signIn !== after.signIn }
  })
  // counts of members whom a caller with `security:read` need not be able to read
  return await tools.db.tx('system', async (tx) => ({
    before: await selectEffect(tx, id, null, call.now),
    after: await selectEffect(tx, id, candidate, call.now),
    sso: candidate.signIn === 'sso_required' ? await countSsoEffect(tx, id, call.now) : null,
    changesSignIn,
  }))
}
