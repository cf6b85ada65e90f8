/** The JSON API of tokens: issuing them for a session, refreshing, revoking, and the JWK set that verifies them. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described, textField } from '../../../base/described.ts'
import { Problem, problem } from '../../../base/errors.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import type { TokenChecks } from './checks.ts'
import { families, issueAccessToken, issueTokens } from './families.ts'
import { tokenOperations } from './operations.ts'
import { revokeAllTokens, revokeToken } from './revoke.ts'

const tag = 'Tokens'

const EXAMPLE_REFRESH_TOKEN = 'rt_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk'

export const TokensView = z
  .object({
    access_token: textField(
      'A signed JWT for `Authorization: Bearer`, which any API can verify with the published keys.',
      'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMDE5OCJ9.MEUCIQDx',
    ),
    refresh_token: textField('Gets the next pair of tokens. It works once.', EXAMPLE_REFRESH_TOKEN),
    token_type: described(z.literal('Bearer'), 'How the access token is sent (RFC 6750).'),
    expires_in: described(z.number().int(), 'The lifetime of the access token in seconds.', 3600),
  })
  .meta({ id: 'Tokens' })

const AccessTokenView = TokensView.omit({ refresh_token: true }).meta({ id: 'AccessToken' })

const JWK_SET = z.object({
  keys: described(
    z.array(z.record(z.string(), z.unknown())),
    'The public keys as JWKs, with `kid`, `alg` and `use`.',
    [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        alg: 'EdDSA',
        use: 'sig',
        kid: 'k1',
      },
    ],
  ),
})
const FIVE_MINUTES = 'public, max-age=300'

/** The wording that clients know which expect a 403. */
const REFUSED = 'Invalid or expired refresh token'

/** The session of the request itself: an access token must not be exchanged for credentials that outlive it. */
function sessionOf({ session }: Call): string {
  if (!session || session.via === 'token') throw problem('AUTHENTICATION_REQUIRED')
  return session.id
}

export function tokenRoutes(tools: Tools, checks: { sessions: SessionChecks; tokens: TokenChecks }): Row[] {
  const { refresh } = families(tools, checks.sessions)
  const refusesWith403 = tools.config.compat.includes('refused-refresh-403')
  return [
    route({
      of: tokenOperations.issue,
      method: 'POST',
      path: '/api/v1/auth/tokens',
      description:
        'For an app that calls APIs on behalf of the signed-in user. From now on the session has the lifetime of a remembered one; its tokens end with it. Requires the session itself, as cookie or bearer token; an access token is not enough.',
      tag,
      message: 'Tokens issued.',
      input: z.object({}),
      output: TokensView,
      status: 201,
      run: async (call) => {
        const { tokens } = await issueTokens(tools, call, sessionOf(call))
        return { data: tokens }
      },
    }),
    route({
      of: tokenOperations.issueAccess,
      method: 'POST',
      path: '/api/v1/auth/token',
      description:
        'For a page of your app on another host of the same site: it sends the session cookie and the CSRF token, from an origin of `LATCHKEY_CORS_ORIGINS`, and calls the API of your app with the access token. The token is valid for 15 minutes at most, ends with the session, and leaves its lifetime as it is; there is no refresh token. Requires the session itself, as cookie or bearer token; an access token is not enough.',
      tag,
      message: 'Access token issued.',
      input: z.object({}),
      output: AccessTokenView,
      status: 201,
      run: async (call) => ({ data: await issueAccessToken(tools, call, sessionOf(call)) }),
    }),
    route({
      of: tokenOperations.refresh,
      method: 'POST',
      path: '/api/v1/auth/refresh',
      description:
        'A refresh token works once. A repeated request within ten seconds gets the same successor; a later second use ends the session, and the user gets an e-mail. In the `errors` style a refused token is a 403.',
      tag,
      message: 'Tokens renewed.',
      input: z.object({
        refresh_token: described(
          z.string().min(1).max(1000),
          'The latest refresh token of the session.',
          EXAMPLE_REFRESH_TOKEN,
        ),
      }),
      output: TokensView,
      run: async (call, input) => {
        try {
          return { data: await refresh(call, input.refresh_token) }
        } catch (error) {
          const forbids = refusesWith403 || call.style === 'errors'
          if (forbids && error instanceof Problem && error.code === 'INVALID_TOKEN')
            throw problem('INVALID_TOKEN', { status: 403, message: REFUSED })
          throw error
        }
      },
    }),
    route({
      of: tokenOperations.revoke,
      method: 'POST',
      path: '/api/v1/auth/revoke',
      description:
        'Takes an access token, a refresh token (its family and the access tokens of its session end with it) or a session token. Any other text gets the same answer (RFC 7009).',
      tag,
      message: 'The token is no longer valid.',
      input: z.object({
        token: described(
          z.string().min(1).max(16_384),
          'An access token, a refresh token or a session token.',
          EXAMPLE_REFRESH_TOKEN,
        ),
      }),
      output: z.null(),
      run: async (call, { token }) => {
        await revokeToken(tools, { sessions: checks.sessions, read: checks.tokens.read }, call, token)
        return { data: null }
      },
    }),
    route({
      of: tokenOperations.revokeAll,
      method: 'DELETE',
      path: '/api/v1/auth/tokens',
      description:
        'Every access and refresh token you have, the one of this request included. Sessions continue.',
      tag,
      message: 'Your tokens are no longer valid.',
      input: z.object({}),
      output: z.null(),
      run: async ({ principal, ...call }) => {
        if (!principal) throw problem('AUTHENTICATION_REQUIRED')
        const user = { id: principal.userId, username: principal.username }
        await revokeAllTokens(tools, { ...call, principal }, user)
        return { data: null }
      },
    }),
    publishedKeys(tools, '/.well-known/jwks.json', 'keys.published'),
    publishedKeys(tools, '/oidc/jwks', 'keys.published.oidc'),
  ]
}

/** The JWK set at two addresses: as guards know it, and where the metadata of the OpenID provider names it. */
const publishedKeys = (tools: Pick<Tools, 'keys'>, path: string, name: string): Row =>
  route({
    of: tokenOperations.publishKeys,
    name,
    method: 'GET',
    path,
    description:
      'A JWK set (RFC 7517), without an envelope. It has the keys of access tokens and of ID tokens, each from before it signs until its last token has expired; a shared secret is not in it.',
    tag,
    message: 'Public keys retrieved.',
    anyOrigin: true,
    bare: true,
    lenient: 'the document of a standard, which clients may fetch with parameters against caches',
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
  })
