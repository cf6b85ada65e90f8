/** The JSON API of passwords: signing in by one, replacing an expired one, changing, forgetting and resetting one. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described } from '../../../base/described.ts'
import { problem } from '../../../base/errors.ts'
import { Flag, TypedPassword } from '../../../base/fields.ts'
import { type Answer, type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress, Identifier } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import { getUser, type UserView, userView } from '../../identity/users/index.ts'
import { answerOutcome, SignedInView } from '../responses/index.ts'
import { AttemptToken } from '../steps/index.ts'
import { changePassword } from './change.ts'
import { replaceExpired } from './expired.ts'
import { signInByPassword } from './method.ts'
import { passwordOperations } from './operations.ts'
import { requestReset, resetPassword } from './reset.ts'

const EXAMPLE_NEW_PASSWORD = 'brass gears turn without a sound'
const NewPassword = described(
  TypedPassword,
  'The new password, which has to meet the password policy of the server.',
  EXAMPLE_NEW_PASSWORD,
)
const Confirmation = described(
  TypedPassword.optional(),
  'The new password once more; an error if it differs. Clients with one field omit it.',
  EXAMPLE_NEW_PASSWORD,
)

const Login = z
  .object({
    username: Identifier.optional(),
    email: Identifier.optional().meta({ description: 'The same as `username`.', samples: [] }),
    identifier: Identifier.optional().meta({ description: 'The same as `username`.', samples: [] }),
    password: TypedPassword,
    remember_me: Flag.describe('The session outlives the browser, and lasts longer. Default: false.'),
    tokens: Flag.describe('Also issues an access and a refresh token for the session. Default: false.'),
  })
  .refine((input) => Boolean(input.username ?? input.email ?? input.identifier), {
    path: ['identifier'],
    message: 'Enter a username or an e-mail address.',
    params: { code: 'required' },
    // also beside a missing password
    when: ({ value }) => typeof value === 'object' && value !== null,
  })

/** The user of an API key, as a login answers them, with the permissions of the key. */
async function userOfKey(tools: Tools, { principal }: Call): Promise<Answer<{ user: UserView }>> {
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  const user = await tools.db.tx('system', (tx) => getUser(tx, principal.userId))
  return {
    data: { user: { ...userView(tools.roles, user), permissions: [...principal.permissions] } },
    message: 'The API key is valid.',
  }
}

const signInRows = (tools: Tools): Row[] => [
  route({
    of: passwordOperations.login,
    method: 'POST',
    path: '/api/v1/auth/login',
    description:
      'Takes a username or an address in any spelling. Sets the session cookie; `token` is the same session for the Authorization header (`Bearer`). With `tokens` an access and a refresh token are issued too, and the session lives as long as a remembered one. Unknown and known accounts are answered alike. An expired password is 403 `PASSWORD_EXPIRED`: its `attempt` is continued at `POST /api/v1/auth/attempts/:attempt/password`. An API key, without further fields, is answered with `user` alone and starts no session.',
    tag: 'Authentication',
    takesBasic: true,
    input: Login,
    output: SignedInView.partial({ session: true, token: true, expires_at: true }),
    message: 'Signed in.',
    withKey: (call) => userOfKey(tools, call),
    run: async (call, input) => {
      const { password, remember_me: remember, tokens } = input
      const identifier = input.username ?? input.email ?? input.identifier ?? ''
      const after = { remember, returnTo: null, tokens }
      return await answerOutcome(
        tools,
        call,
        await signInByPassword(tools, call, { identifier, password }, after),
      )
    },
  }),
  route({
    of: passwordOperations.replaceExpired,
    method: 'POST',
    path: '/api/v1/auth/attempts/:attempt/password',
    description:
      'Takes the `attempt` of a 403 `PASSWORD_EXPIRED`, and answers as the sign-in would have. The other sessions end. A refused password leaves the attempt usable.',
    tag: 'Authentication',
    input: z.object({
      attempt: AttemptToken,
      password: NewPassword,
      password_confirm: Confirmation,
    }),
    output: SignedInView,
    message: 'Password changed. Signed in.',
    run: async (call, { attempt, ...input }) =>
      await answerOutcome(tools, call, await replaceExpired(tools, call, attempt, input)),
  }),
]

export const passwordRoutes = (tools: Tools): Row[] => [
  ...signInRows(tools),
  route({
    of: passwordOperations.change,
    method: 'POST',
    path: '/api/v1/users/me/password',
    description:
      'Requires the present password; an account without one, which an identity provider signs in, sets its first password after a sign-in of the last ten minutes instead (`STEP_UP_REQUIRED`). The other sessions end; this one continues under a new token, which is answered and set as the cookie.',
    tag: 'Account',
    input: z.object({
      current_password: described(
        TypedPassword.optional(),
        'The present password. Only an account that has none omits it.',
        'correct horse battery staple',
      ),
      new_password: NewPassword,
      new_password_confirm: Confirmation,
    }),
    output: SessionStarted,
    message: 'Password changed. Your other sessions have ended.',
    run: async (call, input) => {
      const session = await changePassword(tools, call, input)
      return {
        data: sessionStarted(tools, session),
        cookies: call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
      }
    },
  }),
  route({
    of: passwordOperations.forgot,
    method: 'POST',
    path: '/api/v1/auth/password/forgot',
    description:
      'The answer is the same for known and unknown addresses. At most one e-mail a minute is sent.',
    tag: 'Authentication',
    input: z.object({ email: EmailAddress }),
    output: z.null(),
    message: 'If there is an account with this address, an e-mail is on its way.',
    run: async (call, { email }) => {
      await requestReset(tools, call, email)
      return { data: null }
    },
  }),
  route({
    of: passwordOperations.reset,
    method: 'POST',
    path: '/api/v1/auth/password/reset',
    description:
      'Ends every session of the account. A token works once; a refused password leaves it usable.',
    tag: 'Authentication',
    input: z.object({
      token: LinkToken,
      password: NewPassword,
      password_confirm: Confirmation,
    }),
    output: z.null(),
    message: 'Password changed. Sign in with the new password.',
    run: async (call, input) => {
      await resetPassword(tools, call, input)
      return { data: null }
    },
  }),
]
