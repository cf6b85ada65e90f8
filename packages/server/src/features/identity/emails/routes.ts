/** The JSON API of verifying an e-mail address. */
import { z } from 'zod'
import { described, exampleId } from '../../../base/described.ts'
import { Flag } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { UserView, userView } from '../users/index.ts'
import { type ProveMailbox, resendVerification, verifyEmail } from './emails.ts'
import { emailOperations } from './operations.ts'

/** The token of a single-use link as a field: bounded here, checked by core/links. */
export const LinkToken = described(
  z.string().min(1).max(200),
  'The token of the link in the e-mail: the `token` in its address. Form: `lnk_….secret`.',
  `${exampleId('lnk')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
)

const tag = 'Authentication'

export const emailRoutes = (
  tools: Pick<Tools, 'db' | 'jobs' | 'config' | 'roles'>,
  prove: ProveMailbox,
): Row[] => [
  route({
    of: emailOperations.verify,
    method: 'POST',
    path: '/api/v1/auth/verify-email',
    description:
      'Takes the token from the e-mail. The account becomes active and can sign in. A token works once. With `LATCHKEY_EMAIL_VERIFICATION=off`, the first proof of the address of an account ends everything that was set up before, the password included, unless the request has a session of the account.',
    tag,
    message: 'Address verified. You can sign in now.',
    input: z.object({
      token: LinkToken,
      keep_identities: Flag.meta({
        description:
          'The user has seen the accounts at identity providers with which the account was registered, and keeps them. Default: false, which disconnects them, unless the request has a session of the account or the cookie of its sign-in.',
        samples: [],
      }),
    }),
    output: z.object({ user: described(UserView, 'The user, whose account is now active.') }),
    run: async (call, { token, keep_identities: keeps }) => ({
      data: { user: userView(tools.roles, await verifyEmail(tools, call, token, prove, keeps)) },
    }),
  }),
  route({
    of: emailOperations.resend,
    method: 'POST',
    path: '/api/v1/auth/verify-email/resend',
    description:
      'Returns the same answer whether or not the address is known. Sends one e-mail a minute at most.',
    tag,
    message: 'If the address is waiting to be verified, an e-mail is on its way.',
    input: z.object({ email: EmailAddress }),
    output: z.null(),
    run: async (call, { email }) => {
      await resendVerification(tools, call, email)
      return { data: null }
    },
  }),
]
