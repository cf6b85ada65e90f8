/** The JSON API of passwords: signing in by one, changing, forgetting and resetting it. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { Flag } from '../../../base/fields.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type Answer, type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { issueTokens, TokensView } from '../../access/tokens/index.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import { EmailAddress, getUser, Identifier, type UserView, userView } from '../../identity/users/index.ts'
import { SignedInView, signedInAnswer } from '../door/index.ts'
import { changePassword } from './change.ts'
import { requestReset, resetPassword } from './reset.ts'
import { signInByPassword } from './sign-in.ts'

/** A password as somebody types it to prove who they are: bounded, otherwise judged by its hash alone. */
export const TypedPassword = z.string().min(1).max(1000)

const Login = z
  .object({
    username: Identifier.optional(),
    email: Identifier.optional(),
    identifier: Identifier.optional(),
    password: TypedPassword,
    remember_me: Flag,
    tokens: Flag,
  })
  .superRefine((input, context) => {
    if (input.username ?? input.email ?? input.identifier) return
    const message = 'Give a username or an e-mail address.'
    context.addIssue({ code: 'custom', path: ['identifier'], message, params: { code: 'required' } })
  })

/** Who a key speaks for, as a login tells it; its permissions are the key's. */
async function userOfKey(tools: Tools, { principal }: Call): Promise<Answer<{ user: UserView }>> {
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  const user = await tools.db.tx('system', (tx) => getUser(tx, principal.userId))
  return {
    data: { user: { ...userView(tools.roles, user), permissions: [...principal.permissions] } },
    message: 'The API key is good.',
  }
}

export const passwordRoutes = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'auth.login',
      summary: 'Sign in with a password',
      open: 'this is how one signs in',
      audit: ['auth.login.success', 'auth.login.failure', 'auth.login.locked', 'auth.token.issued'],
      limit: { by: 'ip', max: 100, per: '10m' },
      errors: [
        'AUTHENTICATION_FAILED',
        'ACCOUNT_LOCKED',
        'EMAIL_NOT_VERIFIED',
        'ACCOUNT_DISABLED',
        'CONFLICT',
        'UNAVAILABLE',
        'INVALID_API_KEY',
        'NOT_FOUND',
      ],
    }),
    method: 'POST',
    path: '/api/v1/auth/login',
    description:
      'Takes a username or an address in any spelling. Sets the session cookie; `token` is the same session for the Authorization header (`Bearer`). A session whose `limited_to` is `password_change` is good for changing an expired password and for nothing else. With `tokens` an access and a refresh token come along, and the session lives as long as a remembered one. Unknown and known accounts answer alike. An API key, without further fields, is answered with `user` alone and starts no session.',
    tag: 'Authentication',
    takesBasic: true,
    input: Login,
    output: SignedInView.partial({ session: true, token: true, expires_at: true }).extend(
      TokensView.partial().shape,
    ),
    withKey: (call) => userOfKey(tools, call),
    run: async (call, input) => {
      const signedIn = await signInByPassword(tools, call, {
        identifier: input.username ?? input.email ?? input.identifier ?? '',
        password: input.password,
        remember: input.remember_me,
        returnTo: null,
      })
      // a limited session is good for one thing, which is not this
      if (!input.tokens || signedIn.limitedTo) return signedInAnswer(tools, signedIn, call.now)
      const { tokens, sessionExpiresAt } = await issueTokens(tools, call, signedIn.session.id)
      const session = { ...signedIn.session, expiresAt: sessionExpiresAt }
      const { data, ...answer } = signedInAnswer(tools, { ...signedIn, session }, call.now)
      return { ...answer, data: { ...data, ...tokens } }
    },
  }),
  route({
    of: operation({
      name: 'users.me.change_password',
      summary: 'Change your password',
      needs: 'session',
      audit: ['auth.password.changed', 'auth.session.revoked', 'auth.login.failure'],
      limit: { by: 'user', max: 20, per: '1h' },
      errors: ['AUTHENTICATION_FAILED', 'ACCOUNT_LOCKED', 'CONFLICT', 'UNAVAILABLE', 'NOT_FOUND'],
    }),
    method: 'POST',
    path: '/api/v1/users/me/password',
    description:
      'Asks for the present password. The other sessions end, this one goes on under a new token, which is answered and set as the cookie.',
    tag: 'Account',
    limitedSession: true,
    input: z.object({
      current_password: TypedPassword,
      new_password: TypedPassword,
      new_password_confirm: TypedPassword.optional(),
    }),
    output: SessionStarted,
    run: async (call, input) => {
      const session = await changePassword(tools, call, input)
      return {
        data: sessionStarted(tools, session),
        message: 'The password is changed. Your other sessions have ended.',
        cookies: call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
      }
    },
  }),
  route({
    of: operation({
      name: 'passwords.forgot',
      summary: 'Ask for an e-mail to reset a password',
      open: 'whoever forgot the password cannot sign in',
      audit: 'auth.password.reset_requested',
      limit: { by: 'ip', max: 20, per: '10m' },
    }),
    method: 'POST',
    path: '/api/v1/auth/password/forgot',
    description:
      'Answers the same whether or not the address is known, and sends at most one e-mail a minute.',
    tag: 'Authentication',
    input: z.object({ email: EmailAddress }),
    output: z.null(),
    run: async (call, { email }) => {
      await requestReset(tools, call, email)
      return { data: null, message: 'If there is an account with this address, an e-mail is on its way.' }
    },
  }),
  route({
    of: operation({
      name: 'passwords.reset',
      summary: 'Set a new password with the token from the e-mail',
      open: 'the token from the e-mail is the credential',
      audit: ['auth.password.reset', 'auth.session.revoked', 'auth.email.verified'],
      limit: { by: 'ip', max: 30, per: '10m' },
      errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'CONFLICT', 'UNAVAILABLE', 'NOT_FOUND'],
    }),
    method: 'POST',
    path: '/api/v1/auth/password/reset',
    description:
      'Ends every session of the account. A token works once; a refused password leaves it usable.',
    tag: 'Authentication',
    input: z.object({
      token: LinkToken,
      password: TypedPassword,
      password_confirm: TypedPassword.optional(),
    }),
    output: z.null(),
    run: async (call, input) => {
      await resetPassword(tools, call, input)
      return { data: null, message: 'The password is changed. Sign in with it.' }
    },
  }),
]
