/** The operator's reads and changes on the command line: `latchkey organizations policy …` and `… compliance`. */
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { changeLocked } from './changes.ts'
import { type EffectRow, selectCompliance, selectEffect } from './members-sql.ts'
import type { ComplianceState } from './policy.ts'
import { lockNamedOrganization, selectPolicy } from './sql.ts'
import {
  type ComplianceView,
  changeOf,
  complianceView,
  PolicyChangeFields,
  type SecurityPolicyView,
  securityPolicyView,
} from './view.ts'

interface NamedOrganization {
  id: string
  name: string
  slug: string
}

/** @throws Problem NOT_FOUND */
async function inNamed<T>(
  tools: Pick<Tools, 'db' | 'clock'>,
  name: string,
  work: (tx: Tx, call: Call, organization: NamedOrganization) => Promise<T>,
): Promise<T> {
  const call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const organization = await lockNamedOrganization(tx, name)
    if (!organization)
      throw problem('NOT_FOUND', {
        message: 'There is no organization with this id or short name.',
        details: { resource: 'organization' },
      })
    return await work(tx, call, organization)
  })
}

export interface PolicyByOperator {
  organization: NamedOrganization
  policy: SecurityPolicyView
  effect: EffectRow
}

/** The policy of an organization and the states of its members. @param name its id or slug. @throws Problem NOT_FOUND */
export const showPolicyByOperator = (
  tools: Pick<Tools, 'db' | 'clock'>,
  name: string,
): Promise<PolicyByOperator> =>
  inNamed(tools, name, async (tx, call, organization) => ({
    organization,
    policy: securityPolicyView(await selectPolicy(tx, organization.id)),
    effect: await selectEffect(tx, organization.id, null, call.now),
  }))

/** @param fields as the API takes them. @throws Problem NOT_FOUND, VALIDATION_ERROR */
export async function setPolicyByOperator(
  tools: Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'roles'>,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<PolicyByOperator> {
  const checked = PolicyChangeFields.strict().safeParse(fields)
  if (!checked.success)
    throw problem('VALIDATION_ERROR', {
      details: checked.error.issues.map(({ path, code, message }) => ({
        field: path.join('.'),
        code,
        message,
      })),
    })
  return await inNamed(tools, name, async (tx, call, organization) => {
    const { id } = organization
    const policy = await changeLocked(tools, tx, call, { id, by: null }, changeOf(checked.data))
    return {
      organization,
      policy: securityPolicyView(policy),
      effect: await selectEffect(tx, id, null, call.now),
    }
  })
}

/** Members that a report reads at once. */
const CHUNK = 1000

/** Every member, or those in a state. @throws Problem NOT_FOUND */
export const reportComplianceByOperator = (
  tools: Pick<Tools, 'db' | 'clock'>,
  name: string,
  state: ComplianceState | null,
): Promise<{ organization: NamedOrganization; members: ComplianceView[] }> =>
  inNamed(tools, name, async (tx, { now }, organization) => {
    const members: ComplianceView[] = []
    const states = state === null ? null : [state]
    let after: string | null = null
    do {
      const read = { states, after, examined: CHUNK, now }
      const chunk: Awaited<ReturnType<typeof selectCompliance>> = await selectCompliance(
        tx,
        organization.id,
        read,
      )
      members.push(...chunk.rows.map(complianceView))
      after = chunk.last
    } while (after !== null)
    return { organization, members }
  })
