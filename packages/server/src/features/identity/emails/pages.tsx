/**
 * The hosted pages of verifying an e-mail address. They keep the place to return to, encrypted in the link of an
 * e-mail.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { Flag, ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { formState } from '../../../base/page/index.ts'
import { linkReturnTo, safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type ForeseeAccounts,
  hasVerified,
  type ProveMailbox,
  previewVerification,
  resendVerification,
  verifyEmail,
} from './emails.ts'
import { emailOperations } from './operations.ts'
import { LinkToken } from './routes.ts'
import { emailsText } from './texts.ts'
import {
  CheckYourMail,
  type CheckYourMailProps,
  ConfirmEmail,
  EmailVerified,
  VerifyLinkInvalid,
} from './views.tsx'

/** The name of a connection in paths. */
const ConnectionName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9_-]+$/)

/** The page after a verification e-mail was sent; sign-up and sign-in show it as well. */
export const checkYourMail = (
  call: Call,
  address: string,
  { status, ...options }: Omit<CheckYourMailProps, 'address'> & { status?: number } = {},
): PageAnswer => ({
  page: <CheckYourMail address={address} {...options} />,
  title: emailsText(call.locale, 'check.title'),
  returnTo: options.returnTo ?? null,
  ...(status === undefined ? {} : { status }),
})

const linkInvalid = (call: Call, returnTo: string | null, { code, status }: Problem): PageAnswer => ({
  page: <VerifyLinkInvalid expired={code === 'TOKEN_EXPIRED'} returnTo={returnTo} />,
  title: emailsText(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  returnTo,
  status,
})

const verified = (call: Call, returnTo: string | null, isDropped = false): PageAnswer => ({
  page: <EmailVerified returnTo={returnTo} isDropped={isDropped} />,
  title: emailsText(call.locale, 'verified.title'),
  returnTo,
})

/** The answer to a browser that has verified an address of this user, instead of the page about it; or null. */
export type AfterVerification = (call: Call, userId: string) => Promise<PageAnswer | null>

export const emailPages = (
  tools: Pick<Tools, 'db' | 'jobs' | 'config' | 'keyring'>,
  { after, prove, foresee }: { after: AfterVerification; prove: ProveMailbox; foresee: ForeseeAccounts },
): Row[] => [
  page({
    of: emailOperations.confirm,
    method: 'GET',
    path: '/verify-email',
    description: 'Opening it changes nothing, so that a mail scanner does not use up the link.',
    input: z.object({ token: LinkToken, continue: ReturnTo, return_to: ReturnTo }),
    run: async (call, { token, ...sent }) => {
      const user = await previewVerification(tools, call, token)
      const returnTo = linkReturnTo(tools, sent)
      return {
        page: (
          <ConfirmEmail
            token={token}
            address={user.email}
            isUnproven={user.email_unproven}
            connected={await foresee(call, user)}
            returnTo={returnTo}
          />
        ),
        title: emailsText(call.locale, 'confirm.title'),
        returnTo,
      }
    },
    reached: async (call, { token = '', ...sent }) =>
      (await hasVerified(tools, call, token)) ? verified(call, linkReturnTo(tools, sent)) : null,
    redisplay: async (call, typed, problem) => linkInvalid(call, linkReturnTo(tools, typed), problem),
  }),
  page({
    of: emailOperations.verify,
    name: 'pages.verify_email.submit',
    method: 'POST',
    path: '/verify-email',
    input: z.object({ token: LinkToken, keep_identities: Flag, return_to: ReturnTo }),
    run: async (call, { token, keep_identities: keeps, ...sent }) => {
      const foreseen = await foresee(call, await previewVerification(tools, call, token))
      const { id } = await verifyEmail(tools, call, token, prove, keeps)
      const isDropped = foreseen.length > 0 && !keeps
      return (await after(call, id)) ?? verified(call, linkReturnTo(tools, sent), isDropped)
    },
    reached: async (call, { token = '', ...sent }) =>
      (await hasVerified(tools, call, token)) ? verified(call, linkReturnTo(tools, sent)) : null,
    redisplay: async (call, typed, problem) => linkInvalid(call, linkReturnTo(tools, typed), problem),
  }),
  page({
    of: emailOperations.resend,
    name: 'pages.verify_email.resend',
    method: 'POST',
    path: '/verify-email/resend',
    formAt: '/verify-email',
    input: z.object({ email: EmailAddress, return_to: ReturnTo, provider: ConnectionName.optional() }),
    run: async (call, { email, return_to, provider }) => {
      const returnTo = safeReturnTo(tools.config, return_to)
      await resendVerification(tools, call, email, returnTo)
      return checkYourMail(call, email, { resent: true, returnTo, provider })
    },
    redisplay: async (call, typed, problem) => ({
      page: (
        <VerifyLinkInvalid
          expired={false}
          returnTo={safeReturnTo(tools.config, typed.return_to)}
          {...formState(call.locale, typed, problem)}
        />
      ),
      title: emailsText(call.locale, 'invalid.title'),
      status: problem.status,
    }),
  }),
]
