/**
 * The hosted pages of passwords: the sign-in form's submission, and replacing, forgetting and resetting one.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { Problem } from '../../../base/errors.ts'
import { Flag, ReturnTo, TypedPassword } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress, Identifier } from '../../../base/identifiers.ts'
import { ForManagers, PasswordField } from '../../../base/page/form.tsx'
import { type FormState, formState } from '../../../base/page/index.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import { linkReturnTo, safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import { findNamed } from '../../identity/users/index.ts'
import { proveAttempt } from '../door/index.ts'
import { showSignIn } from '../form/index.ts'
import { isUnproven } from '../planted/index.ts'
import {
  attemptEndedPath,
  attemptId,
  attemptOf,
  isAttemptGone,
  redirectOutcome,
  startOver,
} from '../responses/index.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { changeRows } from './change-pages.tsx'
import { previewExpired, replaceExpired } from './expired.ts'
import { type PasswordTools, passwordMethod, signInByPassword } from './method.ts'
import { passwordOperations } from './operations.ts'
import { pagePolicyOf } from './profiles.ts'
import { previewReset, requestReset, resetPassword } from './reset.ts'
import { passwordsText as t } from './texts.ts'
import { Expired, Forgot, ForgotSent, Reset, ResetLinkInvalid } from './views.tsx'

const resetLinkInvalid = (call: Call, returnTo: string | null, { code, status }: Problem): PageAnswer => ({
  page: <ResetLinkInvalid expired={code === 'TOKEN_EXPIRED'} returnTo={returnTo} />,
  title: t(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  status,
})

interface OpenedLink {
  token: string
  continue?: string | undefined
  return_to?: string | undefined
}

async function showReset(
  tools: Tools,
  call: Call,
  { token, ...sent }: OpenedLink,
  form: FormState,
): Promise<PageAnswer> {
  const { user, rules } = await previewReset(tools, call, token)
  const returnTo = linkReturnTo(tools, sent)
  return {
    page: (
      <Reset
        token={token}
        address={user.email}
        isUnproven={isUnproven(user)}
        policy={pagePolicyOf(rules.profile)}
        returnTo={returnTo}
        {...form}
      />
    ),
    title: t(call.locale, 'reset.title'),
    returnTo,
  }
}

/** The form of an expired password; without an attempt that waits for one, the sign-in form. */
async function showExpired(tools: Tools, call: Call, form: FormState): Promise<PageAnswer> {
  const { user, rules, isExpired, returnTo } = await previewExpired(tools, call, attemptOf(call))
  return {
    page: (
      <Expired
        attempt={attemptId(call)}
        email={user.email}
        isExpired={isExpired}
        policy={pagePolicyOf(rules.profile)}
        returnTo={returnTo}
        {...form}
      />
    ),
    title: t(call.locale, isExpired ? 'expired.title' : 'rules.title'),
    returnTo,
  }
}

const signInRows = (tools: Tools): Row[] => [
  page({
    of: passwordOperations.login,
    name: 'pages.sign_in.submit',
    method: 'POST',
    path: '/sign-in',
    input: z.object({
      identifier: Identifier,
      password: TypedPassword,
      remember_me: Flag,
      return_to: ReturnTo,
    }),
    run: async (call, { identifier, password, remember_me: remember, return_to }) => {
      const after = { remember, returnTo: safeReturnTo(tools.config, return_to), tokens: false }
      return redirectOutcome(call, await signInByPassword(tools, call, { identifier, password }, after))
    },
    // sent twice, by a password manager and by a click: the token is not that of the session since the first time
    reached: async ({ principal }, sent, { code }) => {
      if (code !== 'CSRF_FAILED' || !principal || !sent.identifier) return null
      const { owner } = await findNamed(tools.db.hot, sent.identifier)
      if (owner?.id !== principal.userId) return null
      return { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
    },
    redisplay: async (call, typed, problem) => showSignIn(tools, call, typed, problem),
  }),
  page({
    of: passwordOperations.showExpired,
    method: 'GET',
    path: '/sign-in/new-password',
    input: z.object({}),
    run: (call) => showExpired(tools, call, {}),
    redisplay: async (call, _typed, problem) => {
      if (isAttemptGone(problem)) return startOver(tools, call)
      throw problem
    },
  }),
  page({
    of: passwordOperations.replaceExpired,
    name: 'pages.sign_in.new_password.submit',
    method: 'POST',
    path: '/sign-in/new-password',
    input: z.object({
      attempt: z.string().max(200),
      password: TypedPassword,
      password_confirm: TypedPassword,
      return_to: ReturnTo,
    }),
    run: async (call, { attempt, return_to: _, ...input }) =>
      attempt === attemptId(call)
        ? redirectOutcome(call, await replaceExpired(tools, call, attemptOf(call), input))
        : // the cookie is that of another sign-in, which continues in its own tab
          { redirect: await attemptEndedPath(tools, call) },
    reached: ({ principal }, sent, { code }) =>
      code === 'CSRF_FAILED' && principal
        ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
        : null,
    redisplay: async (call, typed, problem) => {
      if (isAttemptGone(problem)) return startOver(tools, call)
      const form = formState(call.locale, typed, problem)
      const isTyping = problem.code === 'VALIDATION_ERROR'
      // without an attempt there is no form to correct; a refusal of another kind has its error page
      if (isTyping && typed.attempt !== attemptId(call))
        return { redirect: await attemptEndedPath(tools, call) }
      const shown = await showExpired(tools, call, form).catch((failure: unknown) => {
        if (isTyping && failure instanceof Problem && isAttemptGone(failure)) return startOver(tools, call)
        throw problem
      })
      return 'redirect' in shown ? shown : { ...shown, status: problem.status }
    },
  }),
]

const resetRows = (tools: Tools): Row[] => [
  page({
    of: passwordOperations.forgotForm,
    method: 'GET',
    path: '/forgot-password',
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => ({
      page: <Forgot returnTo={safeReturnTo(tools.config, input.return_to)} />,
      title: t(call.locale, 'forgot.title'),
    }),
  }),
  page({
    of: passwordOperations.forgot,
    name: 'pages.forgot_password.submit',
    method: 'POST',
    path: '/forgot-password',
    input: z.object({ email: EmailAddress, return_to: ReturnTo }),
    run: async (call, input) => {
      const returnTo = safeReturnTo(tools.config, input.return_to)
      await requestReset(tools, call, input.email, returnTo)
      return {
        page: <ForgotSent address={input.email} returnTo={returnTo} />,
        title: t(call.locale, 'sent.title'),
      }
    },
    redisplay: async (call, typed, problem) => ({
      page: (
        <Forgot
          {...formState(call.locale, typed, problem)}
          returnTo={safeReturnTo(tools.config, typed.return_to)}
        />
      ),
      title: t(call.locale, 'forgot.title'),
      status: problem.status,
    }),
  }),
  page({
    of: passwordOperations.resetForm,
    method: 'GET',
    path: '/reset-password',
    input: z.object({ token: LinkToken, continue: ReturnTo, return_to: ReturnTo }),
    run: (call, link) => showReset(tools, call, link, {}),
    redisplay: async (call, typed, problem) => resetLinkInvalid(call, linkReturnTo(tools, typed), problem),
  }),
  page({
    of: passwordOperations.reset,
    name: 'pages.reset_password.submit',
    method: 'POST',
    path: '/reset-password',
    input: z.object({
      token: LinkToken,
      password: TypedPassword,
      password_confirm: TypedPassword,
      return_to: ReturnTo,
    }),
    run: async (call, { return_to, ...input }) => {
      await resetPassword(tools, call, input)
      const returnTo = safeReturnTo(tools.config, return_to)
      return { redirect: withReturnTo('/sign-in?notice=password_reset', returnTo) }
    },
    redisplay: async (call, typed, problem) =>
      problem.code === 'INVALID_TOKEN' || problem.code === 'TOKEN_EXPIRED' || !typed.token
        ? resetLinkInvalid(call, linkReturnTo(tools, typed), problem)
        : {
            ...(await showReset(
              tools,
              call,
              { ...typed, token: typed.token },
              formState(call.locale, typed, problem),
            )),
            status: problem.status,
          },
  }),
]

/** The password as a method that continues an attempt: a step-up, or a sign-in that began with something else. */
export const continuingPassword = (tools: PasswordTools & Pick<Tools, 'counts'>): ContinuingMethod => ({
  name: 'password',
  prove: (call, token, { password = '', ...chosen }) =>
    proveAttempt(tools, call, token, passwordMethod(tools), { identifier: '', password }, chosen),
  label: (locale) => t(locale, 'continue.label'),
  panel: async ({ locale }, { user }) => ({
    lead: t(locale, 'continue.lead'),
    field: 'password',
    fields: { password: t(locale, 'continue.password') },
    body: (
      <>
        <ForManagers account={user.email} />
        <PasswordField name="password" autocomplete="current-password" autofocus />
      </>
    ),
    wrong: t(locale, 'continue.wrong'),
  }),
})

export const passwordPages = (tools: Tools): Row[] => [
  ...signInRows(tools),
  ...resetRows(tools),
  ...changeRows(tools),
]
