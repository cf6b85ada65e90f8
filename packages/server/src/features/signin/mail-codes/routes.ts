/** The JSON API of signing in by e-mail. */
import { z } from 'zod'
import {
  described,
  EXAMPLE_LATER,
  exampleId,
  idField,
  textField,
  textList,
  timeField,
} from '../../../base/described.ts'
import { problem } from '../../../base/errors.ts'
import { Flag, ReturnTo, TypedCode } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import type { Attempt } from '../attempts/index.ts'
import { answerOutcome, SignedInView } from '../responses/index.ts'
import { AttemptToken } from '../steps/index.ts'
import { signInByCode } from './code-method.ts'
import { enableEmailFactor } from './factor.tsx'
import { signInByLink } from './link-method.ts'
import { mailCodeOperations } from './operations.ts'
import { requestCodeAgain, requestSignInEmail } from './requests.ts'

const tag = 'Authentication'

/** A code as it may be typed: with spaces and hyphens. */

const remember_me = Flag.describe('The session outlives the browser, and lasts longer. Default: false.')
const tokens = Flag.describe('Also issues an access and a refresh token for the session. Default: false.')
const return_to = described(
  ReturnTo,
  'Where the hosted pages lead after the sign-in: a path of this server, or a URL of a registered origin.',
  '/account',
)

const Requested = z.object({
  attempt: textField(
    'The token of the sign-in, which proves that it is the same client that completes it. Form: `sgn_….secret`.',
    `${exampleId('sgn')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
  ),
  expires_at: timeField('When the link or the code expires.', EXAMPLE_LATER),
})

const requested = ({ token, expiresAt }: Attempt) => ({
  attempt: token,
  expires_at: expiresAt.toISOString(),
})

export const linkRoutes = (tools: Tools): Row[] => [
  route({
    of: mailCodeOperations.requestLink,
    method: 'POST',
    path: '/api/v1/auth/magic-link',
    description:
      'Returns the same answer whether or not the address is known. Sends one e-mail a minute at most. A link works once, for 15 minutes; a newer one replaces it.',
    tag,
    status: 202,
    input: z.object({ email: EmailAddress, remember_me, tokens, return_to }),
    output: Requested,
    message: 'If there is an account with this address, an e-mail is on its way.',
    run: async (call, { email, remember_me: remember, tokens, return_to }) => {
      const after = { remember, tokens, returnTo: safeReturnTo(tools.config, return_to) }
      const { attempt, cookie } = await requestSignInEmail(tools, call, { what: 'link', email, after })
      return { data: requested(attempt), cookies: [cookie] }
    },
  }),
  route({
    of: mailCodeOperations.completeLink,
    method: 'POST',
    path: '/api/v1/auth/magic-link/complete',
    description:
      'Signs in the browser or client that requested the link: it sends the cookie of the request, or its `attempt`. Another one gets 409 with the reason `other_browser`; on the hosted page of the link it can be confirmed there.',
    tag,
    input: z.object({
      token: LinkToken,
      attempt: described(
        AttemptToken,
        'The `attempt` of the request; without it the cookie counts.',
      ).optional(),
    }),
    output: SignedInView,
    message: 'Signed in.',
    run: async (call, sent) => answerOutcome(tools, call, await signInByLink(tools, call, sent)),
  }),
]

const CodeRequest = z
  .object({
    email: EmailAddress.optional(),
    attempt: described(
      AttemptToken,
      'Instead of `email`: sends the code of this sign-in once more, or for a sign-in that waits for a code as its second factor.',
    )
      .optional()
      .meta({ samples: [] }),
    remember_me,
    tokens,
    return_to,
  })
  .superRefine(({ email, attempt }, context) => {
    if ((email === undefined) !== (attempt === undefined)) return
    const message = 'Send either `email` or `attempt`.'
    context.addIssue({ code: 'custom', path: ['email'], message, params: { code: 'required' } })
  })

/** @param begins whether a code can begin a sign-in; otherwise it is a second factor alone */
export const codeRoutes = (tools: Tools, begins: boolean): Row[] => [
  route({
    of: mailCodeOperations.requestCode,
    method: 'POST',
    path: '/api/v1/auth/email-code',
    description:
      'Returns the same answer whether or not the address is known. Sends one e-mail a minute at most. A code works once, for 10 minutes, and only with the `attempt` of its request, which has five guesses in all, however often a code is sent for it.',
    tag,
    status: 202,
    input: CodeRequest,
    output: Requested,
    message: 'If there is an account with this address, an e-mail is on its way.',
    run: async (call, { email, attempt: token, remember_me: remember, tokens, return_to }) => {
      if (token !== undefined) return { data: requested(await requestCodeAgain(tools, call, token)) }
      if (!begins || email === undefined) throw problem('VALIDATION_ERROR', { details: [NOT_OFFERED] })
      const after = { remember, tokens, returnTo: safeReturnTo(tools.config, return_to) }
      const { attempt, cookie } = await requestSignInEmail(tools, call, { what: 'code', email, after })
      return { data: requested(attempt), cookies: [cookie] }
    },
  }),
  route({
    of: mailCodeOperations.completeCode,
    method: 'POST',
    path: '/api/v1/auth/email-code/complete',
    description:
      'Completes the sign-in that requested the code. A wrong code counts as a failed sign-in; after five the attempt accepts none any more.',
    tag,
    input: z.object({
      attempt: AttemptToken,
      code: described(TypedCode, 'The six digits from the e-mail.', '492039'),
    }),
    output: SignedInView,
    message: 'Signed in.',
    run: async (call, { attempt, code }) =>
      answerOutcome(tools, call, await signInByCode(tools, call, attempt, code)),
  }),
]

export const factorRoutes = (tools: Tools): Row[] => [
  route({
    of: mailCodeOperations.enableFactor,
    method: 'POST',
    path: '/api/v1/auth/mfa/email',
    description:
      'For users without TOTP and passkey, where the server offers it (`LATCHKEY_MFA_METHODS`): from now on a code by e-mail is required besides the password. It does not meet the requirement of an organization, and does not raise the level of a session.',
    tag: 'Second factors',
    status: 201,
    input: z.object({}),
    output: z.object({
      factor_id: idField('fac', 'The factor, for removing it.'),
      methods: textList('The kinds of the second factors that you have.', 'email'),
    }),
    message: 'Codes by e-mail enabled. A second factor is required when you sign in.',
    run: async (call) => {
      const { id: factor_id, kind } = await enableEmailFactor(tools, call)
      return { data: { factor_id, methods: [kind] } }
    },
  }),
]

const NOT_OFFERED = {
  field: 'email',
  code: 'unavailable',
  message: 'This server does not offer signing in by a code. Send the `attempt` of a sign-in.',
}
