/** The hosted pages: the sign-in form (whose submission is the password method's) and signing out. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { Prefilled, ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { formState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { acceptsPasskeys } from '../../../core/passkeys.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { signInPageOperations } from './operations.ts'
import { signOut } from './sign-out.ts'
import { signinText } from './texts.ts'
import { NOTICES, SignedOut, SignIn, SignOut } from './views.tsx'

/** The sign-in form with what was typed and what was wrong, for the method that refused it. */
export const showSignIn = async (
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  typed: Readonly<Record<string, string>>,
  problem: Problem,
  by: 'password' | 'passkey' = 'password',
): Promise<PageAnswer> => ({
  page: (
    <SignIn
      byEmail={tools.config.emailSignIn.length > 0}
      {...formState(call.locale, typed, problem)}
      {...(by === 'passkey' && refusedPasskey(call, problem))}
      returnTo={safeReturnTo(tools.config, typed.return_to)}
      passkeys={await acceptsPasskeys(tools.config, tools.db.hot)}
    />
  ),
  title: signinText(call.locale, 'sign_in.title'),
  status: problem.status,
})

/**
 * Without a credential that was typed, and without a challenge, which the form of the password cannot answer. A browser that
 * offers the passkey by itself would send it again at once.
 */
const refusedPasskey = ({ locale }: Call, { code }: Problem) => ({
  isPasskeyRefused: true,
  challenge: null,
  ...(code === 'AUTHENTICATION_FAILED' && { alert: signinText(locale, 'sign_in.passkey_refused') }),
})

export const signInPages = (tools: Pick<Tools, 'db' | 'config'>): Row[] => [
  page({
    of: signInPageOperations.form,
    method: 'GET',
    path: '/sign-in',
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
            byEmail={tools.config.emailSignIn.length > 0}
            returnTo={returnTo}
            notice={notice}
            passkeys={await acceptsPasskeys(tools.config, tools.db.hot)}
            {...(input.email ? { typed: { identifier: input.email } } : {})}
          />
        ),
        title: signinText(call.locale, 'sign_in.title'),
      }
    },
  }),
  page({
    of: signInPageOperations.signOutForm,
    method: 'GET',
    path: '/sign-out',
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => {
      const returnTo = safeReturnTo(tools.config, input.return_to)
      if (call.principal)
        return { page: <SignOut returnTo={returnTo} />, title: signinText(call.locale, 'sign_out.title') }
      if (returnTo) return { redirect: returnTo }
      return { page: <SignedOut />, title: signinText(call.locale, 'signed_out.title') }
    },
  }),
  page({
    of: signInPageOperations.signOutByForm,
    method: 'POST',
    path: '/sign-out',
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => {
      if (call.principal) await signOut(tools, call)
      return {
        redirect: safeReturnTo(tools.config, input.return_to) ?? '/sign-out',
        cookies: [sessionCookie(null, call.now)],
      }
    },
    // sent twice: the session that the form's token belongs to has ended
    reached: (call, sent) =>
      call.principal ? null : { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/sign-out' },
  }),
]
