/** The operator's reads and changes on the command line: `latchkey organizations policy …` and `… compliance`. */
import { problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import type { OrganizationRow } from '../membership/index.ts'
import { inNamedOrganization, readNamedOrganization } from '../named/index.ts'
import { changeLocked } from './changes.ts'
import { type EffectRow, selectCompliance, selectEffect } from './members-sql.ts'
import type { ComplianceState } from './policy.ts'
import { selectPolicy } from './sql.ts'
import {
  type ComplianceView,
  changeOf,
  complianceView,
  PolicyChangeFields,
  type SecurityPolicyView,
  securityPolicyView,
} from './view.ts'

type OperatedOrganization = Pick<OrganizationRow, 'id' | 'name' | 'slug'>

export interface PolicyByOperator {
  organization: OperatedOrganization
  policy: SecurityPolicyView
  effect: EffectRow
}

/** The policy of an organization and the states of its members. @param name its id or slug. @throws Problem NOT_FOUND */
export const showPolicyByOperator = (
  tools: Pick<Tools, 'db' | 'clock'>,
  name: string,
): Promise<PolicyByOperator> =>
  readNamedOrganization(tools, name, async (tx, call, organization) => ({
    organization,
    policy: securityPolicyView(await selectPolicy(tx, organization.id, call.now)),
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
  return await inNamedOrganization(tools, name, async (tx, call, organization) => {
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
): Promise<{ organization: OperatedOrganization; members: ComplianceView[] }> =>
  readNamedOrganization(tools, name, async (tx, { now }, organization) => {
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
