/** `tokens-by-password`: issues a token for a username and a password, and revokes it. Same lock-out and audit as a login. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { issueTokens, type TokenChecks } from '../../access/tokens/index.ts'
import { endSessions, type SessionChecks } from '../../identity/sessions/index.ts'
import { passwordOperations, signInByPassword, TypedPassword } from '../../signin/passwords/index.ts'
import { completed } from '../../signin/responses/index.ts'
import { compatOperations } from './operations.ts'

interface Checks {
  sessions: SessionChecks
  tokens: TokenChecks
}

const Credentials = z.object({ username: z.string().min(1).max(320), password: TypedPassword })
type Credentials = z.infer<typeof Credentials>

export const compatRoutes = (tools: Tools, checks: Checks): Row[] =>
  tools.config.compat.includes('tokens-by-password') ? tokensByPassword(tools, checks) : []

const tokensByPassword = (tools: Tools, checks: Checks): Row[] => [
  route({
    of: passwordOperations.login,
    name: 'compat.create_token',
    method: 'POST',
    path: '/api/users/create_token',
    description: 'Returns an access token. New clients use `POST /api/v1/auth/login` with `tokens`.',
    tag: 'Compatibility',
    message: 'Token issued.',
    bare: true,
    input: Credentials,
    output: z.object({ success: z.literal(true), token: z.string() }),
    run: async (call, credentials) => {
      const { session } = await signIn(tools, call, credentials)
      const { tokens } = await issueTokens(tools, call, session.id)
      return { data: { success: true, token: tokens.access_token } }
    },
  }),
  route({
    of: compatOperations.revokeToken,
    method: 'POST',
    path: '/api/users/revoke_token',
    description:
      'Ends the session of `token`, and with it every token of that session; without `token` all sessions of the user. An invalid token, or another user’s, gets the same answer without an effect.',
    tag: 'Compatibility',
    message: 'Token revoked.',
    bare: true,
    input: z.object({ user: Credentials, token: z.string().min(1).max(8192).optional() }),
    output: z.object({ success: z.literal(true), message: z.string() }),
    run: async (call, { user: credentials, token }) => {
      const { user, session } = await signIn(tools, call, credentials)
      const behind = token === undefined ? null : await sessionBehind(checks, token, user.id, call.now)
      const whose = { userId: user.id, username: user.username, reason: 'revoked' } as const
      await tools.db.tx('system', async (tx) => {
        if (token === undefined) await endSessions(tx, call, whose)
        else {
          if (behind !== null) await endSessions(tx, call, { ...whose, only: behind })
          // the sign-in only authorized this request
          await endSessions(tx, call, { ...whose, reason: 'signed_out', only: session.id })
        }
      })
      const message = token === undefined ? 'All tokens are revoked.' : 'The token is revoked.'
      return { data: { success: true, message } }
    },
  }),
]

/** Signs in as the login does. @throws Problem as the login, PASSWORD_EXPIRED with its attempt included */
async function signIn(tools: Tools, call: Call, { username, password }: Credentials) {
  const after = { remember: false, returnTo: null, tokens: false }
  return completed(await signInByPassword(tools, call, { identifier: username, password }, after))
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
