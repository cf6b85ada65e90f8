/** The hosted pages of signing in by an identity provider. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, type PageFace, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { authorizePath } from '../../../core/connection-buttons.tsx'
import { recordConnectionEvent } from '../../../core/connection-events.ts'
import { findConnection, type UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { checkYourMail } from '../../identity/emails/index.ts'
import { findIdentity } from '../../identity/identities/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { findOrganizationFor } from '../../organizations/members/index.ts'
import { findOrganizationName } from '../../organizations/policy/index.ts'
import { attemptCookie, attemptOf, redirectOutcome } from '../responses/index.ts'
import { findRequestForm, questions, type UndecidedIdentity } from '../round-trips/index.ts'
import { findAttempt } from '../steps/index.ts'
import {
  answerRows,
  CONNECTED,
  CONTINUED,
  connectionAt,
  failedPath,
  isFault,
  OAuthAnswer,
  redirectFailed,
  redirectResolved,
  returnOf,
} from './answer-pages.ts'
import { continuationMark } from './continued.ts'
import {
  assertedOf,
  confirmIdentity,
  confirmSignIn,
  findWaitingAddress,
  getDecidable,
  getUndecided,
  registerIdentity,
  unknownTrip,
} from './decisions.ts'
import { type FederationTools, isConnectable } from './identities.ts'
import { faultOfDecision, findRegistrationFault, refusedDecision } from './linking.ts'
import { federationOperations } from './operations.ts'
import type { Federation } from './sign-in.ts'
import { federationText as t } from './texts.ts'
import {
  AccountQuestion,
  ConfirmLink,
  ConfirmSignIn,
  type FailedPurpose,
  FailedSignIn,
  Gone,
  OwnerQuestion,
  PURPOSES,
  SendRequest,
  type Theirs,
} from './views.tsx'

const theirsOf = ({ trip, identity }: UndecidedIdentity, connection: UsableConnection): Theirs => ({
  trip: trip.id,
  connection: connection.name,
  otherHref: authorizePath(connection.slug, {
    prompt: 'select_account',
    return_to: trip.after.returnTo,
    remember_me: trip.after.remember ? 'true' : null,
  }),
  returnTo: trip.after.returnTo,
  email: identity.email,
  name: identity.fullName ?? identity.username,
})

const TripId = z.string().max(64)
const QUESTION = '/sign-in/connect'
/** The page after the form of a question was sent: at its address, so that it can be loaded again. */
const sentPath = (trip: string): string => `${QUESTION}?${new URLSearchParams({ trip })}`

export function federationPages(tools: FederationTools, federation: Federation): Row[] {
  const gone = (call: Call): PageAnswer => ({
    page: <Gone />,
    title: t(call.locale, 'gone.title'),
    status: 404,
  })
  // without a round trip too: the address of a form that was sent
  const GONE: readonly string[] = ['NOT_FOUND', 'CONFLICT', 'VALIDATION_ERROR']
  const showGone: NonNullable<PageFace['redisplay']> = async (call, _typed, failed) => {
    if (GONE.includes(failed.code)) return gone(call)
    throw failed
  }

  /** The mark of a link that continues what waits in this browser; null where nothing does. */
  function markOf(call: Call, purpose: FailedPurpose): string | null {
    const attempt = purpose === 'sign_in' || purpose === 'step_up' ? attemptOf(call, CONTINUED[purpose]) : ''
    return attempt === '' ? null : continuationMark(tools.keyring, attempt)
  }

  async function showQuestion(call: Call, id: string, form: FormState): Promise<PageAnswer> {
    const decidable = await getUndecided(tools, federation, call, id)
    const { undecided, connection, isOwnDomain } = decidable
    const theirs = theirsOf(undecided, connection)
    if (undecided.question !== 'owner' && undecided.question !== 'account') throw unknownTrip()
    const { returnTo } = theirs
    if (undecided.question === 'owner')
      return { page: <OwnerQuestion {...theirs} />, title: t(call.locale, 'owner.title'), returnTo }
    const refused = findRegistrationFault({ connection, identity: undecided.identity, isOwnDomain })
    return {
      page: (
        <AccountQuestion
          theirs={theirs}
          waiting={await findWaitingAddress(tools, decidable)}
          refused={refused}
          organization={await findOrganizationName(tools.db.hot, connection.organizationId)}
          {...form}
        />
      ),
      title: t(call.locale, 'account.title'),
      returnTo,
    }
  }

  /** The page after an address was entered, while the sign-in of this browser waits for its verification; null for another one. */
  async function showSent(call: Call, id: string): Promise<PageAnswer | null> {
    const { hot } = tools.db
    // another user may have signed in in this browser
    if (call.principal) return null
    const decided = await questions.findDecided(hot, call, id)
    const attempt = decided && (await findAttempt(tools, call, attemptOf(call)))
    const userId = attempt?.step === 'verify_email' ? attempt.userId : null
    const isOfTrip = attempt?.proofs.some(({ connection }) => connection === decided?.connectionId)
    if (!decided || userId === null || !isOfTrip) return null
    const { email } = await tools.db.tx('system', (tx) => getUser(tx, userId))
    const connection = await findConnection(hot, decided.connectionId)
    return checkYourMail(call, email, { returnTo: decided.after.returnTo, provider: connection?.slug })
  }

  /** Who is signed in, and whom the identity signs in, as people call them. */
  async function namesOf(
    call: Call,
    { identity }: UndecidedIdentity,
    connection: UsableConnection,
  ): Promise<{ ours: string | null; theirs: string; connection: string; organization: string }> {
    return await tools.db.tx('system', async (tx) => {
      const known = await findIdentity(tx, connection, identity)
      const emailOf = async (id: string | undefined) => (id ? (await getUser(tx, id)).email : null)
      return {
        ours: await emailOf(call.principal?.userId),
        theirs:
          (await emailOf(known?.user_id)) ??
          identity.email ??
          identity.fullName ??
          identity.username ??
          identity.subject,
        connection: connection.name,
        organization: (await findOrganizationName(tx, connection.organizationId)) ?? '',
      }
    })
  }

  return [
    ...answerRows(tools, federation, {
      path: '/api/v1/auth/external/:provider/callback',
      names: { get: 'pages.external.callback', post: 'pages.external.callback.post' },
      input: OAuthAnswer,
      slugOf: ({ provider = '' }) => provider,
      stateOf: ({ state = '' }) => state,
    }),
    page({
      of: federationOperations.failed,
      method: 'GET',
      path: '/sign-in/failed',
      input: z.object({
        provider: z.string().max(64).optional(),
        reason: z.string().max(40).optional(),
        flow: z.string().max(20).optional(),
        reference: z.string().max(64).optional(),
        return_to: ReturnTo,
      }),
      run: async (call, { provider = '', reason = '', flow, reference = '', return_to }) => {
        const named = await connectionAt(tools, provider)
        // of others the name is their organization's
        const connection = named?.status === 'active' ? named : null
        const fault = isFault(reason) ? reason : 'unknown_state'
        const name = connection?.name ?? t(call.locale, 'provider.unnamed')
        const purpose = PURPOSES.find((one) => one === flow) ?? 'login'
        return {
          page: (
            <FailedSignIn
              fault={fault}
              connection={connection}
              organization={await findOrganizationName(tools.db.hot, connection?.organizationId ?? null)}
              purpose={purpose}
              mark={markOf(call, purpose)}
              returnTo={safeReturnTo(tools.config, return_to)}
              reference={/^[\w-]{8,64}$/.test(reference) ? reference : null}
            />
          ),
          title: t(call.locale, 'failed.title', { connection: name }),
        }
      },
    }),
    page({
      of: federationOperations.send,
      method: 'GET',
      path: '/sign-in/provider',
      input: z.object({ trip: TripId }),
      run: async (call, { trip }) => {
        const found = await findRequestForm(tools, tools.db.hot, call, trip)
        const connection = found && (await findConnection(tools.db.hot, found.connectionId))
        if (!found || !connection) return gone(call)
        const { url, fields } = found.form
        return {
          page: <SendRequest connection={connection.name} url={url} fields={fields} />,
          title: t(call.locale, 'post.title', { connection: connection.name }),
          formTargets: [new URL(url).origin],
        }
      },
      redisplay: showGone,
    }),
    page({
      of: federationOperations.question,
      method: 'GET',
      path: QUESTION,
      input: z.object({ trip: TripId }),
      run: async (call, { trip }) => (await showSent(call, trip)) ?? (await showQuestion(call, trip, {})),
      redisplay: showGone,
    }),
    page({
      of: federationOperations.register,
      method: 'POST',
      path: QUESTION,
      input: z.object({ trip: TripId, email: EmailAddress }),
      run: async (call, { trip, email }) => {
        const outcome = await registerIdentity(tools, federation, call, trip, email)
        if (!('next' in outcome) || outcome.next !== 'verify_email') return redirectOutcome(call, outcome)
        return { redirect: sentPath(trip), cookies: [attemptCookie(outcome.attempt, call.now)] }
      },
      // sent twice: the account was made, and waits for its address to be verified, or is signed in to
      reached: async (call, { trip = '', email = '' }) => {
        const decided = await questions.findDecided(tools.db.hot, call, trip)
        if (!decided) return null
        const { returnTo } = decided.after
        if (call.principal) return { redirect: returnTo ?? '/account' }
        if (await showSent(call, trip)) return { redirect: sentPath(trip) }
        const connection = await findConnection(tools.db.hot, decided.connectionId)
        return checkYourMail(call, email, { returnTo, provider: connection?.slug })
      },
      redisplay: async (call, typed, failed) => {
        if (failed.code === 'NOT_FOUND') return gone(call)
        if (failed.code !== 'VALIDATION_ERROR' && failed.code !== 'CONFLICT') throw failed
        const form = formState(call.locale, typed, failed)
        const isOutside = faultOfDecision(failed)?.fault === 'domain_refused'
        const errors = isOutside ? { email: t(call.locale, 'email.domain') } : form.errors
        return { ...(await showQuestion(call, typed.trip ?? '', { ...form, errors })), status: failed.status }
      },
    }),
    page({
      of: federationOperations.signInForm,
      method: 'GET',
      path: '/sign-in/confirm',
      input: z.object({ trip: TripId }),
      run: async (call, { trip }) => {
        const { undecided, connection } = await getUndecided(tools, federation, call, trip)
        if (undecided.question !== 'sign_in') throw unknownTrip()
        const names = await namesOf(call, undecided, connection)
        const { returnTo } = undecided.trip.after
        return {
          page: <ConfirmSignIn trip={trip} {...names} returnTo={returnTo} />,
          title: t(call.locale, 'sign_in.title', { theirs: names.theirs }),
          returnTo,
        }
      },
      redisplay: showGone,
    }),
    page({
      of: federationOperations.signIn,
      method: 'POST',
      path: '/sign-in/confirm',
      input: z.object({ trip: TripId }),
      run: async (call, { trip: id }) => {
        const decidable = await getDecidable(tools, federation, call, id)
        const {
          undecided: { trip },
          connection,
        } = decidable
        try {
          const resolved = await confirmSignIn(tools, federation, call, decidable)
          return redirectResolved(call, connection, trip, resolved)
        } catch (error) {
          if (error instanceof FederationFault) return redirectFailed(call, connection, trip, error.fault)
          throw error
        }
      },
      // sent twice: it is signed in
      reached: async (call, { trip = '' }) => {
        const decided = call.principal && (await questions.findDecided(tools.db.hot, call, trip))
        return decided && { redirect: decided.after.returnTo ?? '/account' }
      },
      redisplay: async (call, _typed, failed) => {
        if (failed.code === 'NOT_FOUND') return gone(call)
        throw failed
      },
    }),
    page({
      of: federationOperations.confirmForm,
      method: 'GET',
      path: `${CONNECTED}/confirm`,
      input: z.object({ trip: TripId }),
      run: async (call, { trip }) => {
        const decidable = await getUndecided(tools, federation, call, trip)
        const { undecided, connection } = decidable
        const userId = call.principal?.userId ?? ''
        const { ours, isRefused, organization } = await tools.db.tx('system', async (tx) => ({
          ours: await getUser(tx, userId),
          isRefused: !(await isConnectable(tools, tx, call, connection, userId)),
          organization:
            connection.organizationId && (await findOrganizationFor(tx, connection.organizationId, userId)),
        }))
        if (isRefused) {
          const refused = new FederationFault('domain_refused')
          const event = refusedDecision(call, assertedOf(decidable), refused)
          await recordConnectionEvent(tools.db.hot, event, call)
          const reason = refused.fault
          return { redirect: failedPath(call, { provider: connection.slug, reason, purpose: 'link' }) }
        }
        return {
          page: (
            <ConfirmLink
              theirs={theirsOf(undecided, connection)}
              ours={ours.email}
              organization={organization ? organization.name : null}
            />
          ),
          title: t(call.locale, 'confirm.title', { connection: connection.name }),
        }
      },
      redisplay: showGone,
    }),
    page({
      of: federationOperations.confirm,
      method: 'POST',
      path: `${CONNECTED}/confirm`,
      input: z.object({ trip: TripId }),
      run: async (call, { trip }) => {
        const linked = await confirmIdentity(tools, federation, call, trip)
        return { redirect: returnOf(linked), cookies: questions.end(call, null) }
      },
      // sent twice: it is connected
      reached: async (call, { trip = '' }) => {
        const decided = call.principal && (await questions.findDecided(tools.db.hot, call, trip))
        return decided && { redirect: returnOf(decided) }
      },
      redisplay: async (call, _typed, failed) => {
        if (failed.code === 'NOT_FOUND') return gone(call)
        throw failed
      },
    }),
  ]
}
