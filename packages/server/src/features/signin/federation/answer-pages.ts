/** The addresses that identity providers answer at, and where their answers lead a browser. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { findConnectionNamed, type UsableConnection } from '../../../core/connections/index.ts'
import { PROVIDER_FAULTS, type ProviderFault } from '../../../core/providers/index.ts'
import type { Outcome } from '../door/index.ts'
import { attemptOf, redirectOutcome, redirectStepUp } from '../responses/index.ts'
import { confirmPath, postedAnswers, type RoundTrip, type UndecidedIdentity } from '../round-trips/index.ts'
import type { FederationTools } from './identities.ts'
import { asFederationFault, type Resolution } from './linking.ts'
import { federationOperations } from './operations.ts'
import { answerProvider, type Federation } from './sign-in.ts'
import type { FailedPurpose } from './views.tsx'

export const CONNECTED = '/account/connected'

/** The cookies of what a sign-in continues, by `continue` of the address that begins. */
export const CONTINUED = { sign_in: 'attempt', step_up: 'step_up' } as const

interface Failure {
  /** The name of the connection in paths. */
  provider: string
  reason: ProviderFault
  purpose?: FailedPurpose
  returnTo?: string | null
}

/** The page about a sign-in that failed: not the address of the answer, which is not accepted a second time. */
export function failedPath(
  call: Call,
  { provider, reason, purpose = 'login', returnTo = null }: Failure,
): string {
  const query = new URLSearchParams({ provider, reason, reference: call.id })
  if (purpose !== 'login') query.set('flow', purpose)
  if (returnTo !== null) query.set('return_to', returnTo)
  return `/sign-in/failed?${query}`
}

export const isFault = (text: string): text is ProviderFault => Object.hasOwn(PROVIDER_FAULTS, text)

/** What the browser was doing: what it continues is in its cookies, unless an app continues it. */
function purposeOf(call: Call, trip: RoundTrip | null): FailedPurpose {
  if (trip?.flow === 'link') return 'link'
  if (trip?.flow !== 'continue') return 'login'
  const { attempt } = trip.after
  const found = (['sign_in', 'step_up'] as const).find((one) => attemptOf(call, CONTINUED[one]) === attempt)
  return found ?? 'login'
}

/** The parameters of an answer, OpenID Connect and OAuth 2. `user`: Apple's, at the first sign-in. */
export const OAuthAnswer = z.object({
  provider: z.string().max(64),
  code: z.string().max(8192).optional(),
  state: z.string().max(512).optional(),
  iss: z.string().max(2048).optional(),
  error: z.string().max(200).optional(),
  error_description: z.string().max(4000).optional(),
  user: z.string().max(4000).optional(),
  /** The state of an answer that was posted, for which the browser comes. */
  resume: z.string().max(512).optional(),
})

/** An answer, without the parameters of its path. */
const textsOf = ({
  provider: _,
  connection: __,
  resume: ___,
  ...params
}: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )

/** Takes an answer, and leads the browser on. */
async function takeAnswer(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  connection: UsableConnection,
  answer: { state: string; params: Readonly<Record<string, string>> },
): Promise<PageAnswer> {
  const answered = await answerProvider(tools, federation, call, connection, answer)
  const { trip } = answered
  if ('fault' in answered) return redirectFailed(call, connection, trip, answered.fault.fault)
  if ('tested' in answered) return { redirect: answered.tested }
  return redirectResolved(call, connection, answered.trip, answered.resolved)
}

/** The pages on which the user decides. */
const QUESTIONS = {
  owner: (trip) => `/sign-in/connect?trip=${trip}`,
  account: (trip) => `/sign-in/connect?trip=${trip}`,
  sign_in: (trip) => `/sign-in/confirm?trip=${trip}`,
  link: confirmPath,
} as const satisfies Record<UndecidedIdentity['question'], (trip: string) => string>

/** Where a browser goes once it is known what an identity leads to. */
export function redirectResolved(
  call: Call,
  connection: UsableConnection,
  trip: RoundTrip,
  resolved: Resolution,
): PageAnswer {
  if ('question' in resolved)
    return { redirect: QUESTIONS[resolved.question](trip.id), cookies: [resolved.cookie] }
  if ('linkedNow' in resolved) return { redirect: returnOf(trip) }
  try {
    return redirectContinued(call, trip, resolved.outcome)
  } catch (error) {
    return redirectFailed(call, connection, trip, asFederationFault(error).fault)
  }
}

/** Where a browser goes whose account is connected. */
export const returnOf = ({ after: { returnTo } }: RoundTrip): string =>
  returnTo ?? `${CONNECTED}?notice=connected`

/** The page about an answer that was refused. @param trip null where the answer belongs to none */
export const redirectFailed = (
  call: Call,
  { slug: provider }: UsableConnection,
  trip: RoundTrip | null,
  reason: ProviderFault,
): PageAnswer => ({
  redirect: failedPath(call, {
    provider,
    reason,
    purpose: purposeOf(call, trip),
    returnTo: trip?.after.returnTo ?? null,
  }),
})

/** Where a sign-in leads, or what it continues; an app that continues an attempt says where. */
function redirectContinued(
  call: Call,
  { flow, after: { returnTo } }: RoundTrip,
  outcome: Outcome,
): PageAnswer {
  const isStepUp =
    'done' in outcome
      ? outcome.done.purpose === 'step_up'
      : 'next' in outcome && outcome.attempt.stepUp !== null
  const answer = isStepUp ? redirectStepUp(call, outcome) : redirectOutcome(call, outcome)
  const isElsewhere = flow === 'continue' && 'done' in outcome && returnTo !== null && 'redirect' in answer
  return isElsewhere ? { ...answer, redirect: returnTo } : answer
}

/** The connection of a path at which a provider answers, also one that is not active: a test may have begun there. */
export const connectionAt = (tools: FederationTools, slug: string): Promise<UsableConnection | null> =>
  findConnectionNamed(tools.db.hot, slug)

/**
 * The two rows of an address that a provider answers at: a redirect, and a form that is posted from the provider's site. The
 * latter comes without our cookies, so that it is stored, and the browser comes for it by a redirect.
 */
export function answerRows(
  tools: FederationTools,
  federation: Federation,
  at: {
    path: string
    names: { get: string; post: string }
    input: z.ZodType<Readonly<Record<string, string | undefined>>>
    /** The name of the connection. */
    slugOf(input: Readonly<Record<string, string | undefined>>): string
    /** What comes back with an answer: `state`, or `RelayState`. */
    stateOf(params: Readonly<Record<string, string>>): string
    bodyLimit?: number
    /** The answer to a post without a round trip; null: the browser reads why it is refused. */
    unsolicited?(
      call: Call,
      connection: UsableConnection,
      params: Readonly<Record<string, string>>,
    ): Promise<PageAnswer | null>
  },
): Row[] {
  const resume = (slug: string, state: string) =>
    `${at.path.replace(/:\w+/, encodeURIComponent(slug))}?${new URLSearchParams({ resume: state })}`
  const refused = (call: Call, provider: string): PageAnswer => ({
    redirect: failedPath(call, { provider, reason: 'not_offered' }),
  })
  return [
    page({
      of: federationOperations.answer,
      name: at.names.get,
      method: 'GET',
      path: at.path,
      input: at.input,
      run: async (call, input) => {
        const slug = at.slugOf(input)
        const connection = await connectionAt(tools, slug)
        if (!connection) return refused(call, slug)
        const { resume: resumed } = input
        const posted = resumed === undefined ? null : await postedAnswers.find(tools, tools.db.hot, resumed)
        const params = posted ?? textsOf(input)
        return await takeAnswer(tools, federation, call, connection, {
          state: resumed ?? at.stateOf(params),
          params,
        })
      },
    }),
    page({
      of: federationOperations.post,
      name: at.names.post,
      method: 'POST',
      path: at.path,
      crossSite: 'the provider’s page posts its answer; it is used by the browser that comes for it',
      ...(at.bodyLimit && { bodyLimit: at.bodyLimit }),
      input: at.input,
      run: async (call, input) => {
        const slug = at.slugOf(input)
        const connection = await connectionAt(tools, slug)
        if (!connection) return refused(call, slug)
        const params = textsOf(input)
        const state = at.stateOf(params)
        if (await postedAnswers.store(tools, tools.db.hot, state, connection.id, params, call.now))
          return { redirect: resume(slug, state) }
        // without one the browser comes for it all the same, and reads why it is refused
        return (await at.unsolicited?.(call, connection, params)) ?? { redirect: resume(slug, state) }
      },
    }),
  ]
}
