/** The JSON API of verifying an address. */
import { z } from 'zod'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { EmailAddress, UserView, userView } from '../users/index.ts'
import { resendVerification, verifyEmail } from './emails.ts'

/** A link's token as a field: bounded, otherwise judged by the link room. */
export const LinkToken = z.string().min(1).max(200)

export const emailRoutes = (tools: Pick<Tools, 'db' | 'jobs' | 'config' | 'roles'>): Row[] => [
  route({
    of: operation({
      name: 'emails.verify',
      summary: 'Verify an e-mail address',
      open: 'the token from the e-mail is the credential',
      audit: 'auth.email.verified',
      limit: { by: 'ip', max: 30, per: '10m' },
      errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/auth/verify-email',
    description:
      'Takes the token from the e-mail. The account becomes active and can sign in. A token works once.',
    tag: 'Authentication',
    input: z.object({ token: LinkToken }),
    output: z.object({ user: UserView }),
    run: async (call, { token }) => ({
      data: { user: userView(tools.roles, await verifyEmail(tools, call, token)) },
      message: 'The address is verified. You can sign in now.',
    }),
  }),
  route({
    of: operation({
      name: 'emails.resend',
      summary: 'Send the verification e-mail again',
      open: 'whoever waits for the e-mail cannot sign in yet',
      quiet: 'nothing changes but an e-mail that may be sent',
      limit: { by: 'ip', max: 10, per: '10m' },
    }),
    method: 'POST',
    path: '/api/v1/auth/verify-email/resend',
    description:
      'Answers the same whether or not the address is known, and sends at most one e-mail a minute.',
    tag: 'Authentication',
    input: z.object({ email: EmailAddress }),
    output: z.null(),
    run: async (call, { email }) => {
      await resendVerification(tools, call, email)
      return { data: null, message: 'If the address waits for verification, an e-mail is on its way.' }
    },
  }),
]
