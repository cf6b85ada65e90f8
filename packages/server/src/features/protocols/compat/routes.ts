/**
 * `tokens-by-password`: issues a token for a username and a password, and revokes it. Same lock-out and audit as a
 * login.
 */

import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described, EXAMPLE_SESSION_TOKEN, textField } from '../../../base/described.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { TypedPassword } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { Identifier } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import type { TokenChecks } from '../../access/tokens/index.ts'
import { endSessions, type SessionChecks } from '../../identity/sessions/index.ts'
import { passwordOperations, signInByPassword } from '../../signin/passwords/index.ts'
import { completed } from '../../signin/responses/index.ts'
import { compatOperations } from './operations.ts'

interface Checks {
  sessions: SessionChecks
  tokens: TokenChecks
}

const Credentials = z.object({ username: Identifier, password: TypedPassword })
type Credentials = z.infer<typeof Credentials>
const Token = described(
  z.string().min(1).max(16_384),
  'The token to revoke; without it, all of the user.',
  EXAMPLE_SESSION_TOKEN,
)

export const compatRoutes = (tools: Tools, checks: Checks): Row[] =>
  tools.config.compat.includes('tokens-by-password') ? tokensByPassword(tools, checks) : []

const tokensByPassword = (tools: Tools, checks: Checks): Row[] => [
  route({
    of: passwordOperations.login,
    name: 'compat.create_token',
    method: 'POST',
    path: '/api/users/create_token',
    description:
      'Returns a token for `Authorization: Bearer`: a session of the account without an idle limit, which lives as long as `LATCHKEY_COMPAT_TOKEN_LIFETIME`. New clients use `POST /api/v1/auth/login` with `tokens`, or an API key.',
    tag: 'Compatibility',
    message: 'Token issued.',
    bare: true,
    input: Credentials,
    output: z.object({
      success: described(z.literal(true), 'Always true; a failure has another status.'),
      token: textField('The token for `Authorization: Bearer`.', EXAMPLE_SESSION_TOKEN),
    }),
    run: async (call, credentials) => {
      const { session } = await signIn(tools, call, credentials)
      if (session.token === null) throw new Error('a sign-in started no session')
      return { data: { success: true, token: session.token } }
    },
  }),
  route({
    of: compatOperations.revokeToken,
    method: 'POST',
    path: '/api/users/revoke_token',
    description:
      'Ends the session of `token`, and with it every token of that session; without `token` all sessions of the user. `session_token` is the same field. 404 if it is no valid token of the user.',
    tag: 'Compatibility',
    message: 'Token revoked.',
    bare: true,
    input: z.object({
      user: described(Credentials, 'The user whose tokens they are, and the password.'),
      token: Token.optional(),
      session_token: Token.optional().meta({ description: 'The same as `token`.', samples: [] }),
    }),
    output: z.object({
      success: described(z.literal(true), 'Always true; a failure has another status.'),
      message: textField('What was revoked, in one sentence.', 'Token revoked successfully.'),
    }),
    run: async (call, { user: credentials, ...named }) => {
      const token = oneToken(named)
      const { user, session } = await signIn(tools, call, credentials)
      const whose = { userId: user.id, username: user.username } as const
      if (token === undefined) {
        await tools.db.tx('system', (tx) =>
          endSessions(tx, call, { ...whose, reason: 'revoked', withApps: true }),
        )
        return { data: { success: true, message: 'All tokens revoked successfully.' } }
      }
      const behind = await sessionBehind(checks, token, user.id, call.now)
      const ended = await tools.db.tx('system', async (tx) => {
        // the sign-in only authorized this request
        await endSessions(tx, call, { ...whose, reason: 'signed_out', only: session.id })
        return behind === null
          ? 0
          : await endSessions(tx, call, { ...whose, reason: 'revoked', only: behind })
      })
      if (ended === 0) throw problem('NOT_FOUND', { message: 'This is not a valid token of the user.' })
      return { data: { success: true, message: 'Token revoked successfully.' } }
    },
  }),
]

/** @throws Problem VALIDATION_ERROR for two different tokens */
function oneToken({
  token,
  session_token: other,
}: {
  token?: string | undefined
  session_token?: string | undefined
}) {
  if (token !== undefined && other !== undefined && token !== other)
    throw invalid(
      'session_token',
      'not_with_token',
      '`token` and `session_token` are one field. Send one of them.',
    )
  return token ?? other
}

/** Signs in as the login does. @throws Problem as the login, PASSWORD_EXPIRED with its attempt included */
async function signIn(tools: Tools, call: Call, { username, password }: Credentials) {
  const programLifetime = tools.config.compatTokenLifetime
  const after = { remember: false, returnTo: null, tokens: false, programLifetime }
  const outcome = await signInByPassword(tools, call, { identifier: username, password }, after)
  return completed(outcome, call.now)
}

/** The id of the token's session where the token is valid and this user's, or null. */
async function sessionBehind(
  { sessions, tokens }: Checks,
  token: string,
  userId: string,
  now: Date,
): Promise<string | null> {
  const verdict = await (token.startsWith('st_')
    ? sessions.check(token, 'bearer', now)
    : tokens.check(token, now))
  if ('refused' in verdict || verdict.principal.userId !== userId) return null
  return verdict.session?.id ?? null
}
