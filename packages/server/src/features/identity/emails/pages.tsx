/**
 * The hosted pages of verifying an e-mail address. The place to return to is carried along unread, encrypted while it is
 * part of an e-mail's link; the sign-in page decides whether it is followed.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { formState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  hasVerified,
  previewVerification,
  resendVerification,
  unsealReturnTo,
  verifyEmail,
} from './emails.ts'
import { emailOperations } from './operations.ts'
import { LinkToken } from './routes.ts'
import { emailsText } from './texts.ts'
import { CheckYourMail, ConfirmEmail, EmailVerified, VerifyLinkInvalid } from './views.tsx'

/** The page after a verification e-mail was sent; sign-up and sign-in show it as well. */
export const checkYourMail = (
  call: Call,
  address: string,
  options: { resent?: boolean; status?: number; returnTo?: string | undefined } = {},
): PageAnswer => ({
  page: <CheckYourMail address={address} resent={options.resent ?? false} returnTo={options.returnTo} />,
  title: emailsText(call.locale, 'check.title'),
  ...(options.status === undefined ? {} : { status: options.status }),
})

const linkInvalid = (
  call: Call,
  typed: { return_to?: string | undefined },
  { code, status }: Problem,
): PageAnswer => ({
  page: <VerifyLinkInvalid expired={code === 'TOKEN_EXPIRED'} returnTo={typed.return_to} />,
  title: emailsText(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  status,
})

const verified = (call: Call, returnTo: string | undefined): PageAnswer => ({
  page: <EmailVerified returnTo={returnTo} />,
  title: emailsText(call.locale, 'verified.title'),
})

/** The answer to a browser that has verified an address of this user, instead of the page about it; or null. */
export type AfterVerification = (call: Call, userId: string) => Promise<PageAnswer | null>

export const emailPages = (
  tools: Pick<Tools, 'db' | 'jobs' | 'config' | 'keyring'>,
  afterVerification: AfterVerification,
): Row[] => [
  page({
    of: emailOperations.confirm,
    method: 'GET',
    path: '/verify-email',
    description: 'Opening it changes nothing, so that a mail scanner does not use up the link.',
    input: z.object({ token: LinkToken, continue: ReturnTo }),
    run: async (call, { token, continue: sealed }) => {
      const user = await previewVerification(tools, call, token)
      const returnTo = unsealReturnTo(tools, sealed)
      return {
        page: <ConfirmEmail token={token} address={user.email} returnTo={returnTo} />,
        title: emailsText(call.locale, 'confirm.title'),
      }
    },
    reached: async (call, { token = '', continue: sealed }) =>
      (await hasVerified(tools, call, token)) ? verified(call, unsealReturnTo(tools, sealed)) : null,
    redisplay: async (call, typed, problem) =>
      linkInvalid(call, { return_to: unsealReturnTo(tools, typed.continue) }, problem),
  }),
  page({
    of: emailOperations.verify,
    name: 'pages.verify_email.submit',
    method: 'POST',
    path: '/verify-email',
    input: z.object({ token: LinkToken, return_to: ReturnTo }),
    run: async (call, { token, return_to }) => {
      const { id } = await verifyEmail(tools, call, token)
      return (await afterVerification(call, id)) ?? verified(call, return_to)
    },
    reached: async (call, { token = '', return_to }) =>
      (await hasVerified(tools, call, token)) ? verified(call, return_to) : null,
    redisplay: async (call, typed, problem) => linkInvalid(call, typed, problem),
  }),
  page({
    of: emailOperations.resend,
    name: 'pages.verify_email.resend',
    method: 'POST',
    path: '/verify-email/resend',
    formAt: '/verify-email',
    input: z.object({ email: EmailAddress, return_to: ReturnTo }),
    run: async (call, { email, return_to }) => {
      await resendVerification(tools, call, email)
      return checkYourMail(call, email, { resent: true, returnTo: return_to })
    },
    redisplay: async (call, typed, problem) => ({
      page: (
        <VerifyLinkInvalid
          expired={false}
          returnTo={typed.return_to}
          {...formState(call.locale, typed, problem)}
        />
      ),
      title: emailsText(call.locale, 'invalid.title'),
      status: problem.status,
    }),
  }),
]
