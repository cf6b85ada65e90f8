/** The refusal of a member whose credential does not meet the organization's security policy. */
import { type Demand, enrollableFor, usableMethods } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { type RefuseUnmet, recordStopped } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'

/** Begins the attempt in which the caller's session sets up what an organization demands. */
type BeginEnrolment = (call: Call, demand: Demand) => Promise<{ token: string; expiresAt: Date }>

export function policyRefusals(
  tools: Pick<Tools, 'config' | 'db'>,
  beginDemandedEnrolment: BeginEnrolment,
): RefuseUnmet {
  return async (call, row, { missing, demand }, { withAttempt }) => {
    const whose = { organization_id: row.id }
    const factors = row.policy_factors ?? []
    const methods = usableMethods({ factors, hasPassword: missing === 'recent_proof', demands: [] })
    if (missing === 'recent_proof' || demand === null)
      return problem('STEP_UP_REQUIRED', { details: { max_age: row.policy_absolute, methods, ...whose } })
    if (missing === 'proof')
      return problem('STEP_UP_REQUIRED', { details: { acr: levelOf(demand), methods, ...whose } })
    const { userId, username } = call.principal
    const member = { organizationId: row.id, userId, username }
    await tools.db.tx('system', (tx) => recordStopped(tx, call, member))
    const attempt = call.session && withAttempt ? await beginDemandedEnrolment(call, demand) : null
    const continued = attempt && { attempt: attempt.token, expires_at: attempt.expiresAt.toISOString() }
    return problem('MFA_ENROLMENT_REQUIRED', {
      details: { ...continued, methods: enrollableFor(demand, tools.config.mfaMethods), ...whose },
    })
  }
}

/** The least level at which a demand is met. */
const levelOf = ({ mode, accepts }: Demand): 'aal2' | 'aal2-phr' =>
  mode === 'require_passkey' && !accepts.includes('totp') ? 'aal2-phr' : 'aal2'
