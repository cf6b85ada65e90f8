/**
 * What a request of an app requires of the session that answers it: that it acts for the account, how recently and by how much the
 * user was authenticated, and who may sign in to the app at all. What is missing is proven by the step-up of every page.
 */
import { ACRS, type Acr, usableMethods } from '../../../base/assurance.ts'
import type { Call, CallOrganization, CallSession, Principal } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { Problem, problem } from '../../../base/errors.ts'
import type { MembershipLookup } from '../../../base/http/request/authenticate.ts'
import { actsForAccount, levelIn } from '../../../base/session-proofs.ts'
import { findProvable } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { isAdmitted } from '../admission/index.ts'
import { RefusedToApp, type SessionDemand } from './request.ts'

export type SignedInCall = Call & { principal: Principal; session: CallSession }

/** The caller, if a session cookie of this browser says who they are. */
export const signedIn = (call: Call): SignedInCall | null =>
  call.principal && call.session?.via === 'cookie'
    ? { ...call, principal: call.principal, session: call.session }
    : null

export interface RequirementTools extends Pick<Tools, 'db' | 'config'> {
  memberships: MembershipLookup
}

/** What the app learns of the session. */
export interface Met {
  acr: Acr
  amr: readonly string[]
  /** In which the app's tokens act. */
  organization: CallOrganization | null
}

/**
 * @param begunAt when the app sent the request
 * @throws Problem STEP_UP_REQUIRED, MFA_ENROLMENT_REQUIRED; RefusedToApp where the user may not sign in to the app, or the app
 * wants no page
 */
export async function assertMet(
  tools: RequirementTools,
  call: SignedInCall,
  request: SessionDemand,
  begunAt: Date,
): Promise<Met> {
  try {
    const organization = await organizationFor(tools, call, request)
    const { acr, amr } = levelIn({ ...call.session, amr: [...call.principal.amr] }, organization?.id ?? null)
    await assertProven(tools, call, request, { begunAt, acr, organization })
    await assertAllowed(tools, call, request)
    return { acr, amr, organization }
  } catch (error) {
    const isProof = error instanceof Problem && MISSING.includes(error.code)
    if (isProof && request.prompts.has('none'))
      throw new RefusedToApp(request, 'login_required', 'The user has to prove something further.')
    throw error
  }
}

const MISSING: readonly string[] = ['STEP_UP_REQUIRED', 'MFA_ENROLMENT_REQUIRED']

/** The organization of the app, in which the user has to be a member; otherwise the one that the session acts in. */
async function organizationFor(
  { memberships }: RequirementTools,
  call: SignedInCall,
  request: SessionDemand,
): Promise<CallOrganization | null> {
  const id = request.client.organizationId
  if (id === null) return call.organization
  const found = await memberships(call, id, { required: '', deletedToo: false })
  if (found instanceof Problem) throw found
  // tokens of apps never act without the connection that an organization requires
  if (found?.role == null || found.bypassesSso) throw notAllowed(request)
  return found
}

const notAllowed = (request: SessionDemand): RefusedToApp =>
  new RefusedToApp(request, 'access_denied', 'The user may not sign in to this app.')

interface Facts {
  begunAt: Date
  acr: Acr
  organization: CallOrganization | null
}

async function assertProven(
  tools: RequirementTools,
  call: SignedInCall,
  request: SessionDemand,
  { begunAt, acr, organization }: Facts,
): Promise<void> {
  const { session, principal, now } = call
  const isOwn = organization !== null && organization.id === request.client.organizationId
  const isForAccount = isOwn || actsForAccount(session.proofs)
  const since = freshSince(request, begunAt)
  const isFresh = since === null || session.authenticatedAt >= since
  const wanted = higher(request.acr, request.preferredAcr)
  const reaches = wanted === null || ACRS.indexOf(acr) >= ACRS.indexOf(wanted)
  if (isForAccount && isFresh && reaches) return
  const { facts } = await tools.db.tx('system', (tx) =>
    findProvable(tools, tx, session, principal.userId, now),
  )
  const methods = usableMethods(facts)
  const canReach = facts.factors.length > 0
  if (!reaches && !canReach) {
    if (request.acr !== null && ACRS.indexOf(acr) < ACRS.indexOf(request.acr))
      throw new RefusedToApp(request, 'unmet_authentication_requirements', 'The user cannot reach the acr.')
    // a level that the app merely prefers
    if (isForAccount && isFresh) return
  }
  const age = since === null ? null : Math.max(1, Math.floor((now.getTime() - since.getTime()) / 1000))
  throw problem('STEP_UP_REQUIRED', {
    details: {
      methods,
      ...(age !== null && !isFresh && { max_age: age }),
      ...(wanted !== null && !reaches && canReach && { acr: wanted }),
    },
  })
}

const higher = (one: Acr | null, other: Acr | null): Acr | null =>
  ACRS.findLast((acr) => acr === one || acr === other) ?? null

/** OpenID Connect Core §3.1.2.1: `max_age` counts back from the request; `login` is a proof since. */
function freshSince({ prompts, maxAge }: SessionDemand, begunAt: Date): Date | null {
  if (prompts.has('login')) return begunAt
  return maxAge === null ? null : later(begunAt, -maxAge * 1000)
}

async function assertAllowed(
  { db }: RequirementTools,
  { principal }: SignedInCall,
  request: SessionDemand,
): Promise<void> {
  if (!(await isAdmitted(db.hot, request.client, principal))) throw notAllowed(request)
}
