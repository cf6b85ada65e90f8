/**
 * Forms that wait for a step-up: their contents are encrypted in the attempt, bound to the session and the user that sent
 * them, and are given back once, after the step-up is complete. They have no CSRF token and no secret.
 */
import { z } from 'zod'
import { ACRS } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import type { HeldForm, StepUpBeginner } from '../../../base/http/serve/steps.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { findPolicyDemand } from '../../organizations/policy/index.ts'
import { type StepUpDemand, stepUps } from '../attempts/index.ts'
import { attemptCookie } from '../responses/index.ts'
import { beginStepUp, findAttempt } from '../steps/index.ts'

type HoldTools = Pick<Tools, 'config' | 'db' | 'keyring'>

const Sealed = z.object({
  session: z.string(),
  user: z.string(),
  path: z.string().regex(/^\/(?![/\\])/),
  fields: z.record(z.string(), z.string()),
  isPartial: z.boolean(),
})

/** Begins the step-up that a page requires, and keeps the form that was sent to it (base/http). */
export function stepUpBeginner(tools: HoldTools): StepUpBeginner {
  return async (call, refusal, { returnTo: wanted, form, isLevel }) => {
    const returnTo = safeReturnTo(tools.config, wanted) ?? '/account'
    const { methods, attempt: waiting } = detailsOf(refusal)
    // without a method to prove, and without an attempt to set a factor up in, a new sign-in does both
    if (waiting === null && (methods.length === 0 || refusal.code !== 'STEP_UP_REQUIRED')) {
      return { redirect: `/sign-in?${new URLSearchParams({ return_to: returnTo, notice: 'step_up' })}` }
    }
    const begin = { returnTo, isReused: form === null }
    const attempt = await (waiting === null
      ? beginStepUp(tools, call, await findDemand(tools, call, refusal, isLevel), begin)
      : findAttempt(tools, call, waiting))
    if (!attempt?.stepUp) return null
    const { sessionId } = attempt.stepUp
    const held = { form: form && seal(tools, call, form), returnTo }
    const isHeld = await tools.db.tx('system', (tx) =>
      stepUps.forms.hold(tx, { id: attempt.id, sessionId }, held),
    )
    if (!isHeld) return null
    const redirect = attempt.step === 'enrol' ? '/step-up/enrol' : '/step-up'
    return { redirect, cookies: [attemptCookie(attempt, call.now, 'step_up')] }
  }
}

const Details = z.object({
  attempt: z.string().optional(),
  methods: z.array(z.string()).optional(),
  acr: z.enum(ACRS).optional(),
  max_age: z.number().optional(),
  organization_id: z.string().optional(),
})

function detailsOf({ details }: Problem) {
  const { attempt = null, methods = [], ...rest } = Details.safeParse(details).data ?? {}
  return { attempt, methods, ...rest }
}

/** What the step-up must reach: the level and age that the row requires, and what the organization demands. */
async function findDemand(
  tools: HoldTools,
  call: Call,
  refusal: Problem,
  isLevel: boolean,
): Promise<Omit<StepUpDemand, 'former'>> {
  const { acr, max_age: maxAge, organization_id: organizationId } = detailsOf(refusal)
  const level = acr === undefined ? {} : { acr, ...(maxAge !== undefined && { maxAge }) }
  if (organizationId === undefined) return level
  // what the session has proven counts towards the demand of an organization, of any age
  return { ...(isLevel && level), ...(await findPolicyDemand(tools, call, organizationId)) }
}

function seal({ keyring }: HoldTools, { principal, session }: Call, form: HeldForm): string {
  const bound = { session: session?.id, user: principal?.userId }
  return keyring.encrypt('forms', JSON.stringify({ ...bound, ...form }))
}

/** @returns null for what was not sealed for this caller */
function unseal({ keyring }: HoldTools, { principal, session }: Call, sealed: string): HeldForm | null {
  if (!keyring.opens('forms', sealed)) return null
  const { data } = Sealed.safeParse(JSON.parse(keyring.decrypt('forms', sealed)))
  if (data?.session !== session?.id || data?.user !== principal?.userId) return null
  return data ?? null
}

/**
 * What follows a step-up of the caller: the form that it held, once, and where the browser was going. `isLost`: it held a
 * form that cannot be sent any more, also because the key that encrypted it is gone.
 * @returns null for a step-up of another user
 */
export async function takeForm(tools: HoldTools, call: Call, token: string) {
  const owner = ownerOf(call)
  if (!owner) return null
  const taken = await tools.db.tx('system', (tx) => stepUps.forms.take(tx, token, owner))
  if (!taken) return null
  const form = taken.form === null ? null : unseal(tools, call, taken.form)
  return { ...taken, form, isLost: taken.isLost || (taken.form !== null && form === null) }
}

/** Whether the browser's step-up has ended with a form that was not sent. */
export async function hasLostForm({ db }: Pick<Tools, 'db'>, call: Call, token: string): Promise<boolean> {
  const owner = ownerOf(call)
  return owner !== null && (await stepUps.forms.isLost(db.hot, token, owner))
}

const ownerOf = ({ session, principal, now }: Call) =>
  session && principal ? { sessionId: session.id, userId: principal.userId, now } : null
