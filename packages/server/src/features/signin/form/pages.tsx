/** The sign-in page. The submission of its form is the password method’s, or that of routing by domain. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { Prefilled, ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { findConnection, listActiveConnections } from '../../../core/connections/index.ts'
import { acceptsPasskeys } from '../../../core/passkeys.ts'
import type { Tools } from '../../../core/tools.ts'
import { questions } from '../round-trips/index.ts'
import { signInFormOperation } from './operations.ts'
import { signInText } from './texts.ts'
import { type Connecting, NOTICES, SignIn, type SignInProps } from './views.tsx'

type SignInTools = Pick<Tools, 'config' | 'db' | 'keyring' | 'routedDomains'>

/** What the sign-in page offers: the ways besides a password, and whether the domain of an address decides anything. */
async function offersOf({ config, db, routedDomains }: SignInTools) {
  const [passkeys, connections, isRouted] = await Promise.all([
    acceptsPasskeys(config, db.hot),
    listActiveConnections(db.hot, null),
    routedDomains.areAny(),
  ])
  return { offers: { byEmail: config.emailSignIn.length > 0, passkeys, connections }, isRouted }
}

/** The account at a provider that the sign-in is to connect; null for another sign-in. */
async function findConnecting(
  tools: SignInTools,
  call: Call,
  returnTo: string | null,
): Promise<Connecting | null> {
  const { hot } = tools.db
  const waiting = returnTo === null ? null : await questions.findAt(tools, hot, call, returnTo)
  const connection = waiting && (await findConnection(hot, waiting.trip.connectionId))
  return connection && { ...connection, trip: waiting.trip.id }
}

/** What of the page depends on the request. */
export interface ShownSignIn
  extends Pick<SignInProps, 'notice' | 'returnTo' | 'organization' | 'isPasskeyRefused' | keyof FormState> {
  /** The form has a password field, also where the domain of an address decides how a sign-in continues. */
  withPassword?: boolean
  status?: number
}

/** The sign-in page. Where a domain leads to the connection of an organization, it begins with the identifier alone. */
export async function signInPage(
  tools: SignInTools,
  call: Call,
  { withPassword = false, status, ...shown }: ShownSignIn,
): Promise<PageAnswer> {
  const [{ offers, isRouted }, connecting] = await Promise.all([
    offersOf(tools),
    findConnecting(tools, call, shown.returnTo ?? null),
  ])
  const isKept = Boolean(shown.typed?.identifier) && !shown.errors?.identifier
  const start = !isRouted ? 'both' : !withPassword ? 'identifier' : isKept ? 'password' : 'both'
  const { organization } = shown
  return {
    page: <SignIn {...offers} start={start} connecting={connecting} {...shown} />,
    title: organization
      ? signInText(call.locale, 'sign_in.to', { organization: organization.name })
      : signInText(call.locale, 'sign_in.title'),
    ...(status !== undefined && { status }),
  }
}

/** The sign-in form with what was typed and what was wrong, for the method that refused it. */
export const showSignIn = (
  tools: SignInTools,
  call: Call,
  typed: Readonly<Record<string, string>>,
  problem: Problem,
  by: 'password' | 'passkey' | 'identifier' = 'password',
): Promise<PageAnswer> =>
  signInPage(tools, call, {
    ...formState(call.locale, typed, problem),
    ...(by === 'passkey' && refusedPasskey(call, problem)),
    returnTo: safeReturnTo(tools.config, typed.return_to),
    withPassword: by === 'password',
    status: problem.status,
  })

/**
 * Without a credential that was typed, and without a challenge, which the form of the password cannot answer. A browser that
 * offers the passkey by itself would send it again at once.
 */
const refusedPasskey = ({ locale }: Call, { code }: Problem) => ({
  isPasskeyRefused: true,
  challenge: null,
  ...(code === 'AUTHENTICATION_FAILED' && { alert: signInText(locale, 'sign_in.passkey_refused') }),
})

export const signInPages = (tools: SignInTools): Row[] => [
  page({
    of: signInFormOperation,
    method: 'GET',
    path: '/sign-in',
    input: z.object({
      return_to: ReturnTo,
      email: Prefilled,
      notice: z.string().max(40).optional(),
      expired: z.string().max(10).optional(),
      with: z.string().max(10).optional(),
      remember_me: Prefilled,
    }),
    run: async (call, input) => {
      const returnTo = safeReturnTo(tools.config, input.return_to)
      const known =
        NOTICES.find((notice) => notice === input.notice) ?? (input.expired ? 'session_expired' : null)
      if (call.principal && known !== 'step_up') return { redirect: returnTo ?? '/account' }
      const notice = known ?? (returnTo ? 'sign_in_required' : null)
      const typed = { identifier: input.email ?? '', remember_me: input.remember_me ?? '' }
      return await signInPage(tools, call, {
        returnTo,
        notice,
        // a user who is signed in confirms an account that is known
        withPassword: input.with === 'password' || call.principal !== null,
        ...((input.email || input.remember_me) && { typed }),
      })
    },
  }),
]
