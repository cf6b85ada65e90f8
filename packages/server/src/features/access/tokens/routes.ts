/** The JSON API of tokens: getting them from a session, refreshing, revoking, and the keys that check them. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Problem, problem } from '../../../base/errors.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import type { TokenChecks } from './checks.ts'
import { families, issueTokens } from './families.ts'
import { revokeAllTokens, revokeToken } from './revoke.ts'

export const TokensView = z
  .object({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.number().int(),
  })
  .meta({ id: 'Tokens' })

const JWK_SET = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })
const FIVE_MINUTES = 'public, max-age=300'

export function tokenRoutes(tools: Tools, checks: { sessions: SessionChecks; tokens: TokenChecks }): Row[] {
  const { refresh } = families(tools, checks.sessions)
  const refusesWith403 = tools.config.compat.includes('refused-refresh-403')
  return [
    route({
      of: operation({
        name: 'auth.tokens.issue',
        summary: 'Get an access and a refresh token for your session',
        needs: 'session',
        audit: 'auth.token.issued',
        limit: { by: 'user', max: 60, per: '1h' },
      }),
      method: 'POST',
      path: '/api/v1/auth/tokens',
      description:
        'For an app that calls APIs with the session’s person. The session lives as long as a remembered one from now on, and ends its tokens when it ends. An access token is not enough: send the session itself, as cookie or bearer.',
      tag: 'Tokens',
      input: z.object({}),
      output: TokensView,
      status: 201,
      run: async (call) => {
        // an access token is short-lived: it must not turn into something that is not
        if (!call.session || call.session.via === 'token') throw problem('AUTHENTICATION_REQUIRED')
        const { tokens } = await issueTokens(tools, call, call.session.id)
        return { data: tokens, status: 201, message: 'These are the tokens of this session.' }
      },
    }),
    route({
      of: operation({
        name: 'auth.refresh',
        summary: 'Exchange a refresh token for new tokens',
        open: 'the refresh token is the credential',
        audit: ['auth.token.reuse', 'auth.session.revoked'],
        limit: { by: 'ip', max: 600, per: '10m' },
        errors: ['INVALID_TOKEN'],
      }),
      method: 'POST',
      path: '/api/v1/auth/refresh',
      description:
        'A refresh token works once. Whoever repeats it within ten seconds gets the same successor; a later second use ends the session and is told to the person. The `errors` style answers a refused one with 403.',
      tag: 'Tokens',
      input: z.object({ refresh_token: z.string().min(1).max(1000) }),
      output: TokensView,
      run: async (call, input) => {
        try {
          return { data: await refresh(call, input.refresh_token), message: 'The tokens are renewed.' }
        } catch (error) {
          const forbids = refusesWith403 || call.style === 'errors'
          if (forbids && error instanceof Problem && error.code === 'INVALID_TOKEN')
            throw problem('INVALID_TOKEN', { status: 403 })
          throw error
        }
      },
    }),
    route({
      of: operation({
        name: 'auth.revoke',
        summary: 'Revoke a token',
        open: 'whoever holds the token may end it',
        audit: ['auth.token.revoked', 'auth.logout'],
        limit: { by: 'ip', max: 600, per: '10m' },
      }),
      method: 'POST',
      path: '/api/v1/auth/revoke',
      description:
        'An access token, a refresh token (with its family and the access tokens of its session so far) or a session token. Anything else is answered the same (RFC 7009).',
      tag: 'Tokens',
      input: z.object({ token: z.string().min(1).max(8192) }),
      output: z.null(),
      run: async (call, { token }) => {
        await revokeToken(tools, { sessions: checks.sessions, read: checks.tokens.read }, call, token)
        return { data: null, message: 'The token is not valid any more.' }
      },
    }),
    route({
      of: operation({
        name: 'auth.tokens.revoke_all',
        summary: 'Revoke all your tokens',
        needs: 'session',
        audit: 'auth.token.revoked',
      }),
      method: 'DELETE',
      path: '/api/v1/auth/tokens',
      description: 'Every access and refresh token you have, this request’s included. Sessions go on.',
      tag: 'Tokens',
      input: z.object({}),
      output: z.null(),
      run: async ({ principal, ...call }) => {
        if (!principal) throw problem('AUTHENTICATION_REQUIRED')
        const user = { id: principal.userId, username: principal.username }
        await revokeAllTokens(tools, { ...call, principal }, user)
        return { data: null, message: 'Your tokens are not valid any more.' }
      },
    }),
    route({
      of: operation({
        name: 'keys.published',
        summary: 'Show the keys that check tokens',
        open: 'whoever checks tokens needs it',
        quiet: 'reads only',
        anonymous: true,
      }),
      method: 'GET',
      path: '/.well-known/jwks.json',
      description:
        'A JWK set (RFC 7517), without an envelope. A key stands here before it signs and until its last token is dead; nothing stands here where tokens are signed with a shared secret.',
      tag: 'Tokens',
      anyOrigin: true,
      bare: true,
      input: z.object({}),
      output: JWK_SET,
      run: async () => {
        await tools.keys.fresh()
        const data = tools.keys.published()
        const etag = `"${createHash('sha256').update(JSON.stringify(data)).digest('base64url').slice(0, 22)}"`
        return {
          data: { keys: [...data.keys] as Record<string, unknown>[] },
          headers: { 'cache-control': FIVE_MINUTES, etag },
        }
      },
    }),
  ]
}
