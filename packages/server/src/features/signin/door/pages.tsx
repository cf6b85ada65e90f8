/** The hosted pages of the door: the sign-in form (whose post is the password method's) and signing out. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { Prefilled, ReturnTo } from '../../../base/fields.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { shownAgain } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { SESSION_COOKIE, signOut } from '../../identity/sessions/index.ts'
import { safeReturnTo } from './return-to.ts'
import { signinText } from './texts.ts'
import { NOTICES, SignedOut, SignIn, SignOut } from './views.tsx'

/** The sign-in form again, with what was typed and what was wrong; for the method that refused it. */
export const showSignIn = (
  tools: Pick<Tools, 'config'>,
  call: Call,
  typed: Readonly<Record<string, string>>,
  problem: Problem,
): PageAnswer => ({
  page: (
    <SignIn
      {...shownAgain(call.locale, typed, problem)}
      returnTo={safeReturnTo(tools.config, typed.return_to)}
    />
  ),
  title: signinText(call.locale, 'sign_in.title'),
  status: problem.status,
})

export const signinPages = (tools: Pick<Tools, 'db' | 'config'>): Row[] => [
  page({
    of: operation({
      name: 'pages.sign_in',
      summary: 'The sign-in form',
      open: 'this is where one signs in',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/sign-in',
    limitedSession: true,
    input: z.object({
      return_to: ReturnTo,
      email: Prefilled,
      notice: z.string().max(40).optional(),
      expired: z.string().max(10).optional(),
    }),
    run: async (call, input) => {
      const returnTo = safeReturnTo(tools.config, input.return_to)
      const known =
        NOTICES.find((notice) => notice === input.notice) ?? (input.expired ? 'session_expired' : null)
      if (call.principal && known !== 'step_up') return { redirect: returnTo ?? '/account' }
      const notice = known ?? (returnTo ? 'sign_in_required' : null)
      return {
        page: (
          <SignIn
            returnTo={returnTo}
            notice={notice}
            {...(input.email ? { typed: { identifier: input.email } } : {})}
          />
        ),
        title: signinText(call.locale, 'sign_in.title'),
      }
    },
  }),
  page({
    of: operation({
      name: 'pages.sign_out',
      summary: 'Ask before signing out',
      open: 'whoever is signed out already is told so',
      quiet: 'reads only: opening a link signs nobody out',
    }),
    method: 'GET',
    path: '/sign-out',
    limitedSession: true,
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) =>
      call.principal
        ? {
            page: <SignOut returnTo={safeReturnTo(tools.config, input.return_to)} />,
            title: signinText(call.locale, 'sign_out.title'),
          }
        : { page: <SignedOut />, title: signinText(call.locale, 'signed_out.title') },
  }),
  page({
    of: operation({
      name: 'pages.sign_out.submit',
      summary: 'Sign out',
      open: 'whoever is signed out already stays so',
      audit: 'auth.logout',
    }),
    method: 'POST',
    path: '/sign-out',
    limitedSession: true,
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => {
      if (call.principal) await signOut(tools, call)
      return {
        redirect: safeReturnTo(tools.config, input.return_to) ?? '/sign-out',
        cookies: [{ name: SESSION_COOKIE, value: null }],
      }
    },
  }),
]
