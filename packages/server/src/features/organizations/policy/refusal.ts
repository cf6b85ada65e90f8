/** The refusal of a member whose credential does not meet the organization's security policy. */
import { acrFor, type Demand, enrollableFor, methodsTowards, usableMethods } from '../../../base/assurance.ts'
import type { Call, Principal } from '../../../base/call.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { offeredKinds } from '../../../base/relying-party.ts'
import { type FactTools, findProvable } from '../../../core/factors/index.ts'
import { type RefuseUnmet, recordStopped } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'

type RefusalTools = FactTools & Pick<Tools, 'db'>
type Member = Call & { principal: Principal }

/** Begins the attempt in which the caller's session sets up what an organization demands. */
type BeginEnrolment = (call: Call, demand: Demand) => Promise<{ token: string; expiresAt: Date }>

export function policyRefusals(tools: RefusalTools, beginDemandedEnrolment: BeginEnrolment): RefuseUnmet {
  return async (call, { id, policy_absolute: absolute }, { missing, demand }) => {
    const whose = { organization_id: id }
    if (missing === 'factor' && demand !== null) {
      await recordStop(tools, call, id)
      const attempt = call.session && (await beginDemandedEnrolment(call, demand))
      const continued = attempt && { attempt: attempt.token, expires_at: attempt.expiresAt.toISOString() }
      const methods = enrollableFor(demand, offeredKinds(tools.config))
      return problem('MFA_ENROLMENT_REQUIRED', { details: { ...continued, methods, ...whose } })
    }
    const age = demand === null ? { max_age: absolute } : {}
    return await requireProof(tools, call, demand, { ...age, ...whose })
  }
}

function recordStop({ db }: RefusalTools, call: Member, organizationId: string): Promise<void> {
  const { userId, username } = call.principal
  return db.tx('system', (tx) => recordStopped(tx, call, { organizationId, userId, username }))
}

/**
 * The refusal of a session that has to prove something further, with the methods that the policy accepts.
 * @param demand null where any recent proof is enough
 */
async function requireProof(
  tools: RefusalTools,
  { session, principal, now }: Member,
  demand: Demand | null,
  more: object,
): Promise<Problem> {
  if (!session) throw new Error('a credential without a session lacks no proof')
  const { facts, proofs } = await tools.db.tx('system', (tx) =>
    findProvable(tools, tx, session, principal.userId, now),
  )
  const usable = usableMethods(facts)
  const wanted = demand
    ? { acr: acrFor(demand), methods: methodsTowards(demand, proofs, usable) }
    : { methods: usable }
  return problem('STEP_UP_REQUIRED', { details: { ...wanted, ...more } })
}
