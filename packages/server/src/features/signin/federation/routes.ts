/** The JSON API of signing in by an identity provider, and the addresses that browsers open. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described, exampleId, textField } from '../../../base/described.ts'
import { type Problem, problem, reasonOf } from '../../../base/errors.ts'
import { Flag, ReturnTo } from '../../../base/fields.ts'
import { type Answer, type Row, route } from '../../../base/http/row/route.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { listActiveConnections, type UsableConnection } from '../../../core/connections/index.ts'
import { listOfferedConnections } from '../../../core/connections/offered.ts'
import { FederationFault, PROVIDER_IDS, type ProviderFault } from '../../../core/providers/index.ts'
import { attemptOf } from '../responses/index.ts'
import { AttemptToken, getAttempt } from '../steps/index.ts'
import { CONTINUED, failedPath, isFault } from './answer-pages.ts'
import { continuingConnections, isContinuationMark } from './continued.ts'
import type { FederationTools } from './identities.ts'
import { federationOperations } from './operations.ts'
import { askProvider, type Beginning, type Federation, getOfferedConnection, notOffered } from './sign-in.ts'

const tag = 'Identity providers'

/** The name of a connection in a path. */
export const ProviderName = described(
  z
    .string()
    .max(64)
    .regex(/^[a-z0-9_-]+$/),
  'The `provider` of `GET auth/external/providers`, or the id of an organization’s connection.',
  'google',
)

const Organization = described(
  z.string().max(64),
  'The organization whose connection is meant.',
  exampleId('org'),
)

const Providers = z.array(
  z.object({
    provider: textField('Its name in paths: of an organization’s connection the id.', 'google'),
    kind: described(z.enum(PROVIDER_IDS), 'Which provider it is.', 'google'),
    name: textField('What people read.', 'Google'),
    authorize_url: textField(
      'Where a browser begins to sign in with it.',
      'https://id.example.com/api/v1/auth/external/google/authorize',
    ),
  }),
)

export const BegunView = z.object({
  authorization_url: textField(
    'Where the browser goes.',
    'https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=…',
  ),
  state: textField(
    'What comes back with the answer.',
    `${exampleId('rtp')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
  ),
})

const providerView =
  ({ publicUrl }: FederationTools['config']) =>
  ({ slug, provider, name }: UsableConnection) => ({
    provider: slug,
    kind: provider,
    name,
    authorize_url: `${publicUrl}/api/v1/auth/external/${slug}/authorize`,
  })

/** A connection by its name; with an organization, its connection of this name or kind. @throws Problem NOT_FOUND */
async function findNamed(
  tools: FederationTools,
  provider: string,
  organization: string | undefined,
): Promise<UsableConnection> {
  if (organization === undefined) return await getOfferedConnection(tools, provider)
  const all = await listActiveConnections(tools.db.hot, organization)
  const found = all.find(({ slug }) => slug === provider) ?? all.find((one) => one.provider === provider)
  if (!found) throw notOffered()
  return found
}

/** Begins, as JSON and for browsers. @throws Problem UNAVAILABLE, where the provider cannot be reached */
export async function beginExternal(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  connection: UsableConnection,
  begins: Beginning,
): Promise<Answer<z.input<typeof BegunView>> & { location: string }> {
  const begun = askProvider(tools, federation, call, connection, begins)
  return { ...(await orUnavailable(begun)), location: (await begun).url }
}

/** The answer with the address that the browser goes to. @throws Problem UNAVAILABLE */
export async function orUnavailable(
  begun: ReturnType<typeof askProvider>,
): Promise<Answer<z.input<typeof BegunView>>> {
  try {
    const { url, state, cookie } = await begun
    return { data: { authorization_url: url, state }, cookies: [cookie] }
  } catch (error) {
    if (error instanceof FederationFault)
      throw problem('UNAVAILABLE', {
        message: 'The identity provider cannot be reached, or its settings are incomplete.',
        details: { reason: error.fault },
        cause: error,
      })
    throw error
  }
}

/** @throws Problem NOT_FOUND, also for a connection that the attempt does not offer; CONFLICT where it waits for no proof; UNAVAILABLE */
async function continueExternal(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  connection: UsableConnection,
  attempt: string,
  returnTo: string | null,
): Promise<Answer<z.input<typeof BegunView>> & { location: string }> {
  const waiting = await getAttempt(tools, call, attempt, ['prove', 'second_factor'], { toShow: true })
  const offered = await continuingConnections(tools.db.hot, waiting, waiting.userId)
  if (!offered.some(({ id }) => id === connection.id)) throw notOffered()
  return await beginExternal(tools, federation, call, connection, {
    flow: 'continue',
    after: { returnTo, remember: false, isMeant: false, attempt },
    fresh: true,
  })
}

/** The page about a failure to begin; null: the error page, which says what else failed, and when to try again. */
function failedAt(
  call: Call,
  failure: Problem,
  { provider = '' }: Readonly<Record<string, string>>,
): string | null {
  if (failure.code === 'AUTHENTICATION_REQUIRED') return '/sign-in?return_to=%2Faccount%2Fconnected'
  const reason = beginningFault(failure)
  return reason && failedPath(call, { provider, reason })
}

/** What a failure to begin is among the faults of providers; null where it is none. */
function beginningFault(failure: Problem): ProviderFault | null {
  const { code } = failure
  const stated = reasonOf(failure)
  if (stated !== null && isFault(stated)) return stated
  if (code === 'ACCOUNT_DISABLED' || code === 'ACCOUNT_LOCKED') return 'user_refused'
  // of what is continued: the provider would have been stated
  return code === 'NOT_FOUND' || code === 'CONFLICT' ? 'expired' : null
}

export const federationRoutes = (tools: FederationTools, federation: Federation): Row[] => [
  route({
    of: federationOperations.providers,
    method: 'GET',
    path: '/api/v1/auth/external/providers',
    description:
      'Those of the server, or with `organization` those of the organization to which one of its verified domains leads.',
    tag,
    input: z.object({ organization: Organization.optional() }),
    output: Providers,
    message: 'Identity providers listed.',
    run: async (_call, { organization }) => {
      const { hot } = tools.db
      const connections = organization
        ? await listOfferedConnections(hot, organization)
        : await listActiveConnections(hot, null)
      return { data: connections.map(providerView(tools.config)) }
    },
  }),
  route({
    of: federationOperations.authorize,
    method: 'GET',
    path: '/api/v1/auth/external/:provider/authorize',
    description:
      'Redirects a browser to the provider; where `Accept` names JSON, answers with the address. The answer of the provider must come in the same browser, which has the cookie of this answer, within 15 minutes. Afterwards the browser is at `return_to`, at a hosted page that needs something of the user, or at one that says what failed.',
    tag,
    browsers: { leadsTo: 'The provider, or a page about what failed.', failed: failedAt },
    input: z.object({
      provider: ProviderName,
      flow: described(
        z.enum(['login', 'register', 'link']),
        '`login` and `register` sign in, and make an account at the first sign-in. `link` connects the account at the provider with that of the signed-in user, who confirms it on a hosted page.',
        'login',
      ).optional(),
      organization: Organization.optional().meta({ samples: [] }),
      return_to: ReturnTo.meta({
        description:
          'Where the browser goes afterwards: a path of this server, or a URL of a registered origin. Others are ignored.',
        samples: ['/account'],
      }),
      remember_me: Flag.meta({
        description: 'The session outlives the browser. Default: false.',
        samples: [],
      }),
      prompt: described(
        z.enum(['select_account']),
        'The user chooses an account at the provider, or signs in there again, where it supports that; else it may answer at once.',
      )
        .optional()
        .meta({ samples: [] }),
      login_hint: described(
        z.string().max(320),
        'The address that the user has entered, for the form of the provider.',
        'ada@example.com',
      ).optional(),
      continue: described(
        z.enum(['sign_in', 'step_up']),
        'Of a link of a hosted page: continues the sign-in or the step-up that waits in this browser, whose token is in its cookie.',
      )
        .optional()
        .meta({ samples: [] }),
      mark: described(
        z.string().max(64),
        'Of a link of a hosted page that continues: by it the link is known from one of another site.',
      )
        .optional()
        .meta({ samples: [] }),
    }),
    output: BegunView,
    message: 'Continue at the identity provider.',
    run: async (call, { provider, flow = 'login', organization, ...sent }) => {
      const connection = await findNamed(tools, provider, organization)
      const { session, principal } = call
      if (flow === 'link' && (!session || !principal)) throw problem('AUTHENTICATION_REQUIRED')
      const continued = sent.continue && attemptOf(call, CONTINUED[sent.continue])
      // an app continues by POST, which names the attempt
      if (continued && !isContinuationMark(tools.keyring, continued, sent.mark))
        throw problem('NOT_FOUND', {
          message: 'A link of this server’s own pages continues a sign-in or a step-up.',
        })
      if (continued !== undefined)
        return await continueExternal(tools, federation, call, connection, continued, null)
      return await beginExternal(tools, federation, call, connection, {
        flow,
        after: {
          returnTo: safeReturnTo(tools.config, sent.return_to),
          remember: sent.remember_me,
          isMeant: false,
          ...(call.byOther && { byOther: true }),
        },
        ...(flow === 'link' && { userId: principal?.userId ?? null, sessionId: session?.id ?? null }),
        loginHint: sent.login_hint ?? null,
        fresh: sent.prompt !== undefined,
      })
    },
  }),
  route({
    of: federationOperations.continue,
    method: 'POST',
    path: '/api/v1/auth/external/:provider/continue',
    description:
      'Continues a sign-in or a step-up that offers the method `federation`: the answer has the address to which the app sends the browser, which must have the cookie of this answer. The user signs in there once more.',
    tag,
    input: z.object({
      provider: ProviderName,
      attempt: described(AttemptToken, 'The token of the sign-in or step-up.'),
      return_to: ReturnTo.meta({
        description: 'Where the browser goes once it is complete. Default: where the sign-in was going.',
        samples: ['/account'],
      }),
    }),
    output: BegunView,
    message: 'Continue at the identity provider.',
    run: async (call, { provider, attempt, return_to }) => {
      const connection = await getOfferedConnection(tools, provider)
      const returnTo = safeReturnTo(tools.config, return_to)
      const { location: _, ...answer } = await continueExternal(
        tools,
        federation,
        call,
        connection,
        attempt,
        returnTo,
      )
      return answer
    },
  }),
  route({
    of: federationOperations.link,
    method: 'POST',
    path: '/api/v1/auth/external/:provider/link',
    description:
      'Answers with the address to which the app sends the browser. Once the user has signed in there, the account at the provider is connected, also one with another e-mail address; an account that another user has connected is refused.',
    tag,
    input: z.object({
      provider: ProviderName,
      return_to: ReturnTo.meta({
        description: 'Where the browser goes afterwards. Default: the page of connected accounts.',
        samples: ['/account/connected'],
      }),
    }),
    output: BegunView,
    message: 'Continue at the identity provider.',
    run: async (call, { provider, return_to }) => {
      const connection = await getOfferedConnection(tools, provider)
      const { principal, session } = call
      if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
      const returnTo = safeReturnTo(tools.config, return_to)
      const { location: _, ...answer } = await beginExternal(tools, federation, call, connection, {
        flow: 'link',
        after: { returnTo, remember: false, isMeant: true },
        userId: principal.userId,
        sessionId: session.id,
      })
      return answer
    },
  }),
]
