/** The hosted pages of signing in by e-mail: requesting a link or a code, entering the code, opening the link. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { Flag, Prefilled, ReturnTo, TypedCode } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { canonical, EmailAddress } from '../../../base/identifiers.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import { type AfterSignIn, type Attempt, resumeAttempt } from '../attempts/index.ts'
import { isUnproven } from '../planted/index.ts'
import {
  attemptCookie,
  attemptEndedPath,
  attemptId,
  attemptOf,
  isAttemptGone,
  redirectOutcome,
  startOver,
} from '../responses/index.ts'
import { getAskingAttempt, signInByCode } from './code-method.ts'
import { previewLink, signInByLink } from './link-method.ts'
import { mailCodeOperations } from './operations.ts'
import { requestCodeAgain, requestSignInEmail } from './requests.ts'
import { findCodeAddress } from './sql.ts'
import { mailCodesText as t } from './texts.ts'
import { EnterCode, LinkSent, OpenLink, RequestEmail, SignInLinkInvalid } from './views.tsx'

/** The request form. In this order: a code can be read on another device. */
const offersOf = (tools: Pick<Tools, 'config'>) =>
  (['code', 'link'] as const).filter((what) => tools.config.emailSignIn.includes(what))

export const requestPages = (tools: Tools): Row[] => [
  page({
    of: mailCodeOperations.requestForm,
    method: 'GET',
    path: '/sign-in/email',
    input: z.object({ email: Prefilled, return_to: ReturnTo }),
    run: async (call, { email, return_to }) => {
      const returnTo = safeReturnTo(tools.config, return_to)
      if (call.principal) return { redirect: returnTo ?? '/account' }
      return {
        page: <RequestEmail offers={offersOf(tools)} email={email} returnTo={returnTo} />,
        title: t(call.locale, 'request.title'),
      }
    },
  }),
  ...offersOf(tools).map((what) =>
    page({
      of: what === 'code' ? mailCodeOperations.requestCode : mailCodeOperations.requestLink,
      name: `pages.sign_in.email.${what}`,
      method: 'POST',
      path: `/sign-in/email/${what}`,
      formAt: '/sign-in/email',
      input: z.object({ email: EmailAddress, remember_me: Flag, return_to: ReturnTo }),
      run: async (call, { email, remember_me: remember, return_to }) => {
        const returnTo = safeReturnTo(tools.config, return_to)
        const after = { remember, returnTo, tokens: false }
        if (what === 'code') return await requestCode(tools, call, email, after)
        const { cookie } = await requestSignInEmail(tools, call, { what, email, after })
        return {
          page: <LinkSent address={email} returnTo={returnTo} />,
          title: t(call.locale, 'sent.title'),
          cookies: [cookie],
        }
      },
      redisplay: async (call, typed, problem) => ({
        page: (
          <RequestEmail
            offers={offersOf(tools)}
            returnTo={safeReturnTo(tools.config, typed.return_to)}
            {...formState(call.locale, typed, problem)}
          />
        ),
        title: t(call.locale, 'request.title'),
        status: problem.status,
      }),
    }),
  ),
]

/** Begins a sign-in by a code; sent again for the same address, the browser's attempt stays the same. */
async function requestCode(tools: Tools, call: Call, email: string, after: AfterSignIn): Promise<PageAnswer> {
  const redirect = withReturnTo('/sign-in/code', after.returnTo)
  const begun = await resumeAttempt(tools.db.hot, attemptOf(call), call.now)
  if (begun?.step === 'identify') {
    const address = await findCodeAddress(tools.db.hot, begun.id)
    if (address === canonical(email)) {
      await requestCodeAgain(tools, call, begun.token)
      return { redirect }
    }
  }
  const { attempt, cookie } = await requestSignInEmail(tools, call, { what: 'code', email, after })
  return { redirect, cookies: [cookie, attemptCookie(attempt, call.now)] }
}

/** @throws Problem NOT_FOUND where the browser has no sign-in that asked for a code */
async function showCode(
  tools: Tools,
  call: Call,
  { form, resent = false }: { form?: FormState; resent?: boolean } = {},
): Promise<PageAnswer> {
  const attempt = await getAskingAttempt(tools, call, attemptOf(call))
  const address = (await findCodeAddress(tools.db.hot, attempt.id)) ?? ''
  return {
    page: (
      <EnterCode
        attempt={attempt.id}
        address={address}
        resent={resent}
        returnTo={attempt.after.returnTo}
        {...form}
      />
    ),
    title: t(call.locale, 'code.title'),
    returnTo: attempt.after.returnTo,
  }
}

/** The form with what was wrong with the code. */
function codeFormState(call: Call, problem: Problem): FormState | null {
  if (problem.code === 'AUTHENTICATION_FAILED') return { errors: { code: t(call.locale, 'code.wrong') } }
  if (problem.code === 'TOKEN_EXPIRED') return { alert: t(call.locale, 'code.spent') }
  return problem.code === 'VALIDATION_ERROR' ? formState(call.locale, {}, problem) : null
}

export const codePages = (tools: Tools): Row[] => [
  page({
    of: mailCodeOperations.codeForm,
    method: 'GET',
    path: '/sign-in/code',
    input: z.object({ sent: z.string().max(10).optional(), return_to: ReturnTo }),
    run: (call, { sent }) => showCode(tools, call, { resent: sent !== undefined }),
    redisplay: async (call, typed, problem) => {
      if (!isAttemptGone(problem)) throw problem
      const returnTo = safeReturnTo(tools.config, typed.return_to)
      return {
        redirect: call.principal ? (returnTo ?? '/account') : withReturnTo('/sign-in/email', returnTo),
      }
    },
  }),
  page({
    of: mailCodeOperations.completeCode,
    name: 'pages.sign_in.code.submit',
    method: 'POST',
    path: '/sign-in/code',
    input: z.object({ attempt: z.string().max(200), code: TypedCode, return_to: ReturnTo }),
    run: async (call, { attempt, code }) =>
      attempt === attemptId(call)
        ? redirectOutcome(call, await signInByCode(tools, call, attemptOf(call), code))
        : // the cookie is that of another sign-in, which continues in its own tab
          { redirect: await attemptEndedPath(tools, call) },
    reached: ({ principal }, sent, { code }) =>
      principal && (code === 'CSRF_FAILED' || code === 'NOT_FOUND' || code === 'CONFLICT')
        ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
        : null,
    redisplay: async (call, typed, problem) => {
      if (isAttemptGone(problem)) return startOver(tools, call)
      const form = codeFormState(call, problem)
      if (!form) throw problem
      if (typed.attempt !== attemptId(call)) return { redirect: await attemptEndedPath(tools, call) }
      return { ...(await showCode(tools, call, { form })), status: problem.status }
    },
  }),
  sendPage(tools),
]

/** Sends the code of an attempt of the browser, also of one that waits for it as the second factor or in a step-up. */
const sendPage = (tools: Tools): Row =>
  page({
    of: mailCodeOperations.requestCode,
    name: 'pages.sign_in.code.send',
    method: 'POST',
    path: '/sign-in/code/send',
    formAt: '/sign-in/code',
    input: z.object({ attempt: z.string().max(200), return_to: ReturnTo }),
    run: async (call, { attempt }) => {
      const token = [attemptOf(call), call.cookies.step_up].find((one) => one?.split('.')[0] === attempt)
      if (token === undefined) return { redirect: await attemptEndedPath(tools, call) }
      return { redirect: codePathOf(await requestCodeAgain(tools, call, token)) }
    },
    redisplay: async (call, _typed, problem) => {
      if (isAttemptGone(problem)) return startOver(tools, call)
      throw problem
    },
  })

const codePathOf = ({ step, stepUp, after }: Attempt): string => {
  if (step === 'identify') return withReturnTo('/sign-in/code?sent=1', after.returnTo)
  return `${stepUp ? '/step-up' : '/second-factor'}?method=email_code`
}

async function showLink(tools: Tools, call: Call, token: string): Promise<PageAnswer> {
  const { user, isAsker } = await previewLink(tools, call, { token })
  return {
    page: <OpenLink token={token} address={user.email} isAsker={isAsker} isUnproven={isUnproven(user)} />,
    title: t(call.locale, isAsker ? 'link.title' : 'link.elsewhere_title'),
  }
}

const linkInvalid = (tools: Tools, call: Call, { code, status }: Problem): PageAnswer => ({
  page: <SignInLinkInvalid expired={code === 'TOKEN_EXPIRED'} canRequest={offersOf(tools).length > 0} />,
  title: t(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  status,
})

export const linkPages = (tools: Tools): Row[] => [
  page({
    of: mailCodeOperations.showLink,
    method: 'GET',
    path: '/sign-in/link',
    description: 'Opening it changes nothing, so that a mail scanner does not use up the link.',
    input: z.object({ token: LinkToken }),
    run: (call, { token }) => showLink(tools, call, token),
    reached: ({ principal }) => (principal ? { redirect: '/account' } : null),
    redisplay: async (call, _typed, problem) => linkInvalid(tools, call, problem),
  }),
  page({
    of: mailCodeOperations.completeLink,
    name: 'pages.sign_in.link.submit',
    method: 'POST',
    path: '/sign-in/link',
    input: z.object({ token: LinkToken, confirmed: Flag }),
    run: async (call, sent) => redirectOutcome(call, await signInByLink(tools, call, sent)),
    reached: ({ principal }, _sent, { code }) =>
      principal && (code === 'CSRF_FAILED' || code === 'INVALID_TOKEN') ? { redirect: '/account' } : null,
    redisplay: async (call, typed, problem) => {
      if (problem.code === 'CONFLICT' && typed.token) return await showLink(tools, call, typed.token)
      if (/^(INVALID_TOKEN|TOKEN_EXPIRED|VALIDATION_ERROR)$/.test(problem.code))
        return linkInvalid(tools, call, problem)
      throw problem
    },
  }),
]
