/** The hosted pages of passwords: what the sign-in form posts to, forgetting, resetting and changing one. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { problem as newProblem, type Problem } from '../../../base/errors.ts'
import { Flag, ReturnTo } from '../../../base/fields.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, shownAgain, withReturnTo } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { checkYourMail, LinkToken } from '../../identity/emails/index.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { EmailAddress, getUser, Identifier } from '../../identity/users/index.ts'
import { safeReturnTo, showSignIn, signInCookies } from '../door/index.ts'
import { changePassword } from './change.ts'
import { storedPassword } from './passwords.ts'
import { pagePolicy } from './policy.ts'
import { previewReset, requestReset, resetPassword } from './reset.ts'
import { TypedPassword } from './routes.ts'
import { signInByPassword } from './sign-in.ts'
import { passwordsText as t } from './texts.ts'
import { Forgot, ForgotSent, Reset, ResetLinkInvalid, Security } from './views.tsx'

const resetLinkInvalid = (call: Call, code: string, status: number): PageAnswer => ({
  page: <ResetLinkInvalid expired={code === 'TOKEN_EXPIRED'} />,
  title: t(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  status,
})

async function showReset(tools: Tools, call: Call, token: string, form: FormState): Promise<PageAnswer> {
  const user = await previewReset(tools, call, token)
  return {
    page: <Reset token={token} address={user.email} policy={pagePolicy(tools.config)} {...form} />,
    title: t(call.locale, 'reset.title'),
  }
}

async function showSecurity(
  tools: Tools,
  call: Call,
  form: FormState,
  shown: { changed?: boolean; returnTo?: string | undefined },
): Promise<PageAnswer> {
  const { user, stored } = await tools.db.tx('system', async (tx) => {
    const user = await getUser(tx, call.principal?.userId ?? '')
    return { user, stored: await storedPassword(tx, user.id) }
  })
  const expired = call.session?.limitedTo === 'password_change'
  return {
    page: (
      <Security
        email={user.email}
        policy={pagePolicy(tools.config)}
        changedAt={stored?.changedAt ?? null}
        changed={shown.changed ?? false}
        expired={expired}
        returnTo={expired ? safeReturnTo(tools.config, shown.returnTo) : null}
        {...form}
      />
    ),
    title: t(call.locale, expired ? 'expired.title' : 'security.title'),
  }
}

/** On a form that asks a signed-in person for the password, a wrong one is about that field. */
export const atPasswordField = (field: string, problem: Problem): Problem =>
  problem.code === 'AUTHENTICATION_FAILED'
    ? newProblem('VALIDATION_ERROR', {
        details: [{ field, code: 'wrong_password', message: 'This is not your password.' }],
      })
    : problem

export const passwordPages = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.sign_in.submit',
      summary: 'Sign in with a password',
      open: 'this is how one signs in',
      audit: ['auth.login.success', 'auth.login.failure', 'auth.login.locked'],
      limit: { by: 'ip', max: 100, per: '10m' },
    }),
    method: 'POST',
    path: '/sign-in',
    limitedSession: true,
    input: z.object({
      identifier: Identifier,
      password: TypedPassword,
      remember_me: Flag,
      return_to: ReturnTo,
    }),
    run: async (call, input) => {
      const signedIn = await signInByPassword(tools, call, {
        identifier: input.identifier,
        password: input.password,
        remember: input.remember_me,
        returnTo: safeReturnTo(tools.config, input.return_to),
      })
      const redirect = signedIn.limitedTo
        ? withReturnTo('/account/security', signedIn.returnTo)
        : (signedIn.returnTo ?? '/account')
      return { redirect, cookies: signInCookies(signedIn, call.now) }
    },
    again: async (call, typed, problem) =>
      // only a right password gets this far, so the address may be shown as it was typed
      problem.code === 'EMAIL_NOT_VERIFIED' && typed.identifier?.includes('@')
        ? checkYourMail(call, typed.identifier, { status: problem.status, returnTo: typed.return_to })
        : showSignIn(tools, call, typed, problem),
  }),
  page({
    of: operation({
      name: 'pages.forgot_password',
      summary: 'The form of a forgotten password',
      open: 'whoever forgot the password cannot sign in',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/forgot-password',
    limitedSession: true,
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => ({
      page: <Forgot returnTo={safeReturnTo(tools.config, input.return_to)} />,
      title: t(call.locale, 'forgot.title'),
    }),
  }),
  page({
    of: operation({
      name: 'pages.forgot_password.submit',
      summary: 'Ask for an e-mail to reset a password',
      open: 'whoever forgot the password cannot sign in',
      audit: 'auth.password.reset_requested',
      limit: { by: 'ip', max: 20, per: '10m' },
    }),
    method: 'POST',
    path: '/forgot-password',
    limitedSession: true,
    input: z.object({ email: EmailAddress, return_to: ReturnTo }),
    run: async (call, input) => {
      await requestReset(tools, call, input.email)
      return {
        page: <ForgotSent address={input.email} returnTo={safeReturnTo(tools.config, input.return_to)} />,
        title: t(call.locale, 'sent.title'),
      }
    },
    again: async (call, typed, problem) => ({
      page: (
        <Forgot
          {...shownAgain(call.locale, typed, problem)}
          returnTo={safeReturnTo(tools.config, typed.return_to)}
        />
      ),
      title: t(call.locale, 'forgot.title'),
      status: problem.status,
    }),
  }),
  page({
    of: operation({
      name: 'pages.reset_password',
      summary: 'What the link of a reset e-mail opens',
      open: 'the token from the e-mail is the credential',
      quiet: 'reads only: opening the link does not use it up',
      limit: { by: 'ip', max: 60, per: '10m' },
    }),
    method: 'GET',
    path: '/reset-password',
    limitedSession: true,
    input: z.object({ token: LinkToken }),
    run: (call, { token }) => showReset(tools, call, token, {}),
    again: async (call, _typed, problem) => resetLinkInvalid(call, problem.code, problem.status),
  }),
  page({
    of: operation({
      name: 'pages.reset_password.submit',
      summary: 'Set a new password with the token from the e-mail',
      open: 'the token from the e-mail is the credential',
      audit: ['auth.password.reset', 'auth.session.revoked', 'auth.email.verified'],
      limit: { by: 'ip', max: 30, per: '10m' },
    }),
    method: 'POST',
    path: '/reset-password',
    limitedSession: true,
    input: z.object({ token: LinkToken, password: TypedPassword, password_confirm: TypedPassword }),
    run: async (call, input) => {
      await resetPassword(tools, call, input)
      return { redirect: '/sign-in?notice=password_reset' }
    },
    again: async (call, typed, problem) =>
      problem.code === 'INVALID_TOKEN' || problem.code === 'TOKEN_EXPIRED' || !typed.token
        ? resetLinkInvalid(call, problem.code, problem.status)
        : {
            ...(await showReset(tools, call, typed.token, shownAgain(call.locale, typed, problem))),
            status: problem.status,
          },
  }),
  page({
    of: operation({
      name: 'pages.change_password',
      summary: 'Go to the page that changes your password',
      open: 'says nothing but where the page is, which asks who one is',
      anonymous: true,
      quiet: 'reads only',
    }),
    method: 'GET',
    // W3C, A Well-Known URL for Changing Passwords
    path: '/.well-known/change-password',
    description: 'Where password managers and browsers look for that page.',
    input: z.object({}),
    run: async () => ({ redirect: '/account/security' }),
  }),
  page({
    of: operation({
      name: 'pages.security',
      summary: 'Your password',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/account/security',
    limitedSession: true,
    input: z.object({ changed: z.string().max(10).optional(), return_to: ReturnTo }),
    run: (call, input) =>
      showSecurity(tools, call, {}, { changed: input.changed !== undefined, returnTo: input.return_to }),
  }),
  page({
    of: operation({
      name: 'pages.security.submit',
      summary: 'Change your password',
      needs: 'session',
      audit: ['auth.password.changed', 'auth.session.revoked', 'auth.login.failure'],
      limit: { by: 'user', max: 20, per: '1h' },
    }),
    method: 'POST',
    path: '/account/security',
    limitedSession: true,
    input: z.object({
      current_password: TypedPassword,
      new_password: TypedPassword,
      new_password_confirm: TypedPassword,
      return_to: ReturnTo,
    }),
    run: async (call, input) => {
      const session = await changePassword(tools, call, input)
      // whoever had to change an expired one was on the way to somewhere else
      const wanted = call.session?.limitedTo ? safeReturnTo(tools.config, input.return_to) : null
      return {
        redirect: wanted ?? '/account/security?changed=1',
        cookies: [sessionCookie(session, call.now)],
      }
    },
    again: async (call, typed, problem) => ({
      ...(await showSecurity(
        tools,
        call,
        shownAgain(call.locale, typed, atPasswordField('current_password', problem)),
        { returnTo: typed.return_to },
      )),
      status: problem.status,
    }),
  }),
]
