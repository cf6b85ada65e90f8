/** The refusal of a member whose credential does not meet the organization's security policy. */
import {
  acrFor,
  continuingOf,
  countingProofs,
  type Demand,
  enrollableFor,
  isSignIn,
  methodsTowards,
  prospective,
  unproven,
  usableMethods,
} from '../../../base/assurance.ts'
import type { Call, Principal } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, type Problem, problem } from '../../../base/errors.ts'
import { offeredKinds } from '../../../base/relying-party.ts'
import { listConnectionsOf } from '../../../core/connections/index.ts'
import { type FactTools, findProvable, findSessionProofs } from '../../../core/factors/index.ts'
import {
  factsTowards,
  findUnmet,
  lacksSignIn,
  provenBy,
  type RefuseUnmet,
  recordStopped,
  replacing,
  type SsoDemand,
  type Unmet,
} from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'
import { selectOwnPolicy, selectRequiredFor } from './sql.ts'

type RefusalTools = FactTools & Pick<Tools, 'config' | 'db'>
type Member = Call & { principal: Principal }

/** Begins the attempt in which the caller's session sets up what an organization demands. */
type BeginEnrolment = (call: Call, demand: Demand) => Promise<{ token: string; expiresAt: Date }>

export function policyRefusals(tools: RefusalTools, beginDemandedEnrolment: BeginEnrolment): RefuseUnmet {
  return async (call, { id, policy_absolute: absolute }, unmet) => {
    const { missing, demand } = unmet
    const whose = { organization_id: id }
    if (missing === 'factor' && demand !== null) {
      await recordStop(tools, call, id)
      const attempt = call.session && (await beginDemandedEnrolment(call, demand))
      const continued = attempt && { attempt: attempt.token, expires_at: attempt.expiresAt.toISOString() }
      const methods = enrollableFor(demand, offeredKinds(tools.config))
      return problem('MFA_ENROLMENT_REQUIRED', { details: { ...continued, methods, ...whose } })
    }
    const age = missing === 'recent_proof' ? { max_age: absolute } : {}
    return await requireProof(tools, call, id, unmet, { ...age, ...whose })
  }
}

/** What a step-up has to prove for an organization. */
interface PolicyDemand {
  organization: string
  demand?: Omit<Demand, 'dueAt'> & { dueAt: null }
  sso?: SsoDemand
  lapsed?: true
}

/**
 * What a step-up of the caller's session has to prove so that the session acts in an organization.
 * @throws Problem NOT_FOUND where the caller is no member
 */
export async function findPolicyDemand(
  { db }: Pick<Tools, 'db'>,
  { session, principal, now }: Call,
  organizationId: string,
): Promise<PolicyDemand> {
  if (!session || !principal) throw problem('AUTHENTICATION_REQUIRED')
  return await db.tx('system', async (tx) => {
    const row = await selectOwnPolicy(tx, principal.userId, organizationId)
    if (!row) throw notFound('organization')
    const proven = provenBy(session, [...(await findSessionProofs(tx, session))])
    const unmet = findUnmet(row, proven, now)
    return {
      organization: organizationId,
      ...(unmet?.demand && { demand: { ...unmet.demand, dueAt: null } }),
      ...(unmet?.missing === 'connection' && unmet.sso && { sso: unmet.sso }),
      ...(unmet?.lapsed && { lapsed: true }),
    }
  })
}

function recordStop({ db }: RefusalTools, call: Member, organizationId: string): Promise<void> {
  const { userId, username } = call.principal
  return db.tx('system', (tx) => recordStopped(tx, call, { organizationId, userId, username }))
}

/**
 * The refusal of a session that has to prove something further, with the methods that the policy accepts, and the connection
 * that it requires.
 */
async function requireProof(
  tools: RefusalTools,
  { session, principal, now }: Member,
  organizationId: string,
  { missing, demand, sso, lapsed }: Unmet,
  more: object,
): Promise<Problem> {
  if (!session) throw new Error('a credential without a session lacks no proof')
  const { facts, proofs, required } = await tools.db.tx('system', async (tx) => ({
    ...(await findProvable(tools, tx, session, principal.userId, now)),
    required: missing === 'connection' ? await findRequired(tx, principal.userId, sso) : undefined,
  }))
  const here = factsTowards(facts, organizationId, { sso, lapsed })
  const usable = usableMethods(here)
  const counting = countingProofs(proofs, here)
  if (missing === 'connection' || missing === 'sign_in') {
    const open = missing === 'connection' ? unproven(usable, replacing(counting)) : usable
    const methods = continuingOf(
      // a proof by another connection leaves the required one to be proven
      usable.filter((method) => open.includes(method) || method === 'federation'),
      (further) => !lacksSignIn([...counting, ...prospective(further, here)], sso),
    )
    const offered = missing === 'sign_in' ? methods.filter((method) => isSignIn([{ method }])) : methods
    return problem('STEP_UP_REQUIRED', {
      details: { methods: offered, ...connectionDetails(tools, required), ...more },
    })
  }
  const wanted = demand
    ? { acr: acrFor(demand), methods: methodsTowards(demand, counting, usable) }
    : { methods: usable }
  return problem('STEP_UP_REQUIRED', { details: { ...wanted, ...more } })
}

/** Of the connections that are required, the one to name to a member. */
async function findRequired(
  tx: Tx,
  userId: string,
  sso: SsoDemand | null,
): Promise<{ slug: string } | undefined> {
  const ids = await selectRequiredFor(tx, userId, sso?.connections ?? [])
  if (ids.length === 0) return undefined
  const connections = await listConnectionsOf(tx, ids)
  const usable = ids.map((id) => connections.find((one) => one.id === id && one.status === 'active'))
  return usable.find((one) => one !== undefined)
}

/** The connection that members have to sign in by, as the address at which that begins. */
const connectionDetails = ({ config }: RefusalTools, connection: { slug: string } | undefined): object =>
  connection
    ? {
        connection: connection.slug,
        authorize_url: `${config.publicUrl}/api/v1/auth/external/${connection.slug}/authorize`,
      }
    : {}
