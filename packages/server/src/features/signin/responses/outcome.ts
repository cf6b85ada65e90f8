/**
 * Presents the outcome of a sign-in, once for every method: as JSON (`answerOutcome`) and as a redirect of a hosted
 * page (`redirectOutcome`), with the session, device and attempt cookies.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described, EXAMPLE_LATER, timeOrNull } from '../../../base/described.ts'
import { Problem, problem } from '../../../base/errors.ts'
import type { Answer, CookieChange, PageAnswer } from '../../../base/http/row/route.ts'
import { STEP_UP_PAGES } from '../../../core/step-up-pages.ts'
import type { Tools } from '../../../core/tools.ts'
import { issueTokens, TokensView } from '../../access/tokens/index.ts'
import { checkYourMail } from '../../identity/emails/index.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import { UserView, userView } from '../../identity/users/index.ts'
import { continueAttempt, type Outcome, passwordExpired } from '../door/index.ts'
import { questions } from '../round-trips/index.ts'
import { getAttempt, offerOf } from '../steps/index.ts'
import { ATTEMPT_COOKIE, attemptCookie } from './browser-attempt.ts'

export const SignedInView = SessionStarted.extend({
  user: described(UserView, 'The user who signed in.'),
  ...TokensView.partial().shape,
  mfa_compliance: described(
    z.object({
      state: described(
        z.enum(['compliant', 'in_grace', 'past_due']),
        'Whether the user has the second factor that is demanded of them.',
        'in_grace',
      ),
      due_at: timeOrNull('By when it has to be set up; null where it is.', EXAMPLE_LATER),
    }),
    'Only where an organization, a role or the server demands a second factor of the user.',
  ).optional(),
}).meta({
  id: 'SignedIn',
})
type SignedInAnswer = Answer<z.infer<typeof SignedInView>>

type CompletedSignIn = Extract<Outcome, { done: unknown }>['done']
type Waiting = Extract<Outcome, { next: unknown }>
type WaitingStep = Waiting['next']

/** The page on which a browser continues an attempt that waits at this step. */
const PAGES: Readonly<Record<Exclude<WaitingStep, 'verify_email'>, string>> = {
  identify: '/sign-in',
  prove: '/sign-in',
  second_factor: '/second-factor',
  enrol: '/second-factor/enrol',
  change_password: '/sign-in/new-password',
}

/**
 * The answer of a sign-in by JSON, with the message of the row, except after a step-up.
 * @param before what else a step-up has done, as the first sentence of its message
 * @throws Problem the refusal, or what the attempt waits for, with `attempt` and `expires_at` in its details
 */
export async function answerOutcome(
  tools: Pick<Tools, 'config' | 'db' | 'jobs' | 'keys' | 'keyring' | 'revocations' | 'roles'>,
  call: Call,
  outcome: Outcome,
  before = '',
): Promise<SignedInAnswer> {
  const signedIn = completed(outcome, call.now)
  const tokens = signedIn.after.tokens ? await issueTokens(tools, call, signedIn.session.id) : null
  // with tokens the session lives as long as a remembered one
  const session = tokens ? { ...signedIn.session, expiresAt: tokens.sessionExpiresAt } : signedIn.session
  return {
    data: {
      user: userView(tools.roles, signedIn.user),
      ...sessionStarted(tools, session),
      ...tokens?.tokens,
      ...complianceOf(signedIn),
    },
    ...(signedIn.purpose === 'step_up' && { message: `${before}Identity confirmed.` }),
    cookies: signInCookies({ ...signedIn, session }, call),
  }
}

const complianceOf = ({ compliance }: CompletedSignIn) =>
  compliance && {
    mfa_compliance: { state: compliance.state, due_at: compliance.dueAt?.toISOString() ?? null },
  }

/** @throws Problem the refusal, or what the attempt waits for */
export function completed(outcome: Outcome, now: Date): CompletedSignIn {
  if ('refused' in outcome) throw outcome.refused
  if ('next' in outcome) throw waitingProblem(outcome, now)
  return outcome.done
}

function waitingProblem({ next, attempt, user, facts }: Waiting, now: Date): Problem {
  const details = { attempt: attempt.token, expires_at: attempt.expiresAt.toISOString() }
  if (next === 'change_password') return passwordExpired(attempt.requirements, details)
  if (next === 'verify_email') return problem('EMAIL_NOT_VERIFIED')
  const { methods, enrollable, demand, blocked } = offerOf(attempt, user, facts, now)
  if (next === 'second_factor')
    return problem('MFA_REQUIRED', {
      ...(blocked && { message: blocked.message }),
      details: { ...details, methods, ...(blocked && { reason: blocked.reason }) },
    })
  if (next !== 'enrol') throw new Error(`an attempt with a proof cannot wait at ${next}`)
  const whose = demand?.organizationId ? { organization_id: demand.organizationId } : {}
  return problem('MFA_ENROLMENT_REQUIRED', { details: { ...details, methods: enrollable, ...whose } })
}

/**
 * Where a hosted page goes after a sign-in: to its aim, or to the page of the next step.
 * @throws Problem the refusal
 */
export function redirectOutcome(call: Call, outcome: Outcome): PageAnswer {
  if ('next' in outcome) {
    const { next, attempt, user } = outcome
    const cookies = [attemptCookie(attempt, call.now)]
    if (next !== 'verify_email') return { redirect: PAGES[next], cookies }
    const isRegistration = attempt.proofs.some(
      ({ method }) => method === 'registration' || method === 'federation',
    )
    const status = isRegistration ? 200 : problem('EMAIL_NOT_VERIFIED').status
    return {
      ...checkYourMail(call, user.email, { status, returnTo: attempt.after.returnTo }),
      cookies,
    }
  }
  const signedIn = completed(outcome, call.now)
  return { redirect: signedIn.after.returnTo ?? '/account', cookies: signInCookies(signedIn, call) }
}

/**
 * Where a hosted page goes after a proof of a step-up. The browser keeps the attempt until its form was shown.
 * @throws Problem the refusal
 */
export function redirectStepUp(call: Call, outcome: Outcome): PageAnswer {
  if ('next' in outcome) {
    const redirect = outcome.next === 'enrol' ? STEP_UP_PAGES.enrol : STEP_UP_PAGES.prove
    return { redirect, cookies: [attemptCookie(outcome.attempt, call.now, 'step_up')] }
  }
  const answer = redirectOutcome(call, outcome)
  return { redirect: STEP_UP_PAGES.after, cookies: ('cookies' in answer && answer.cookies) || [] }
}

/**
 * Where a browser goes once it has verified the address that its sign-in waited for; null for another browser, and
 * where the account may not sign in.
 */
export async function redirectVerified(
  tools: Pick<Tools, 'config' | 'counts' | 'db' | 'jobs' | 'keyring'>,
  call: Call,
  userId: string,
): Promise<PageAnswer | null> {
  const token = call.cookies[ATTEMPT_COOKIE]
  if (token === undefined) return null
  const attempt = await getAttempt(tools, call, token, ['verify_email']).catch((error: unknown) => {
    if (error instanceof Problem) return null
    throw error
  })
  if (attempt?.userId !== userId) return null
  const outcome = await continueAttempt(tools, call, attempt)
  return 'refused' in outcome ? null : redirectOutcome(call, outcome)
}

/**
 * The cookies of a completed sign-in. A step-up leaves the attempt of a sign-in that waits in the same browser, and that of
 * a step-up: its form is sent by the page that follows (step-up/pages.tsx), also where a proof by JSON has completed it.
 */
function signInCookies(
  { session, deviceCookie, purpose, after }: CompletedSignIn,
  call: Call,
): CookieChange[] {
  const isUsed = purpose === 'sign_in' && call.cookies[ATTEMPT_COOKIE] !== undefined
  return [
    ...(session.token === null ? [] : [sessionCookie(session, call.now)]),
    ...(deviceCookie ? [deviceCookie] : []),
    ...(isUsed ? [{ name: ATTEMPT_COOKIE, value: null }] : []),
    ...(purpose === 'sign_in' ? questions.end(call, after.returnTo) : []),
  ]
}

/** Reports a wrong password at the field of the form that requires it. */
export const atPasswordField = (field: string, refusal: Problem): Problem =>
  refusal.code === 'AUTHENTICATION_FAILED'
    ? problem('VALIDATION_ERROR', {
        details: [{ field, code: 'wrong_password', message: 'This is not your password.' }],
      })
    : refusal
