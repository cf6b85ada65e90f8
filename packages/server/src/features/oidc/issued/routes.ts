/** What there is to know about tokens of apps, and their end (RFC 7009, RFC 7662, OpenID Connect Core §5.3). */
import { z } from 'zod'
import { described, textField } from '../../../base/described.ts'
import { type Answer, protocol, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { authenticateClient, Credentials, refusal } from '../authentication/index.ts'
import { createAppTokens } from './app-tokens.ts'
import { introspect, revokeForApp } from './introspection.ts'
import { issuedOperations as of } from './operations.ts'
import { userinfo } from './userinfo.ts'

const tag = 'OpenID Connect'

const TokenToJudge = z.object({
  ...Credentials,
  token: described(
    z.string().max(8192).optional(),
    'An access token or a refresh token.',
    'rt_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk',
  ),
  token_type_hint: described(
    z.string().max(8192).optional(),
    'Ignored: the token itself says what it is.',
    'refresh_token',
  ),
})

const Userinfo = z.looseObject({ sub: textField('The id of the user.', 'usr_0198') })

export function issuedRoutes(tools: Tools): Row[] {
  const all = { ...tools, tokens: createAppTokens(tools) }
  const userinfoRow = (method: 'GET' | 'POST', name: string): Row =>
    protocol({
      of: of.userinfo,
      name,
      method,
      path: '/oidc/userinfo',
      description:
        'The claims that the scopes of the access token ask for, and those that the app has named.',
      tag,
      message: 'The claims of the user.',
      input: z.object({
        access_token: described(
          z.string().max(8192).optional(),
          'The access token, where it is not in the field `Authorization` (of a POST).',
        ),
      }),
      output: Userinfo,
      run: async (call, input, request) =>
        (await userinfo(all, call, request, method === 'POST' ? input.access_token : undefined)) as Answer<
          z.infer<typeof Userinfo>
        >,
    })
  return [
    userinfoRow('GET', 'oidc.userinfo'),
    userinfoRow('POST', 'oidc.userinfo.posted'),
    protocol({
      of: of.introspect,
      method: 'POST',
      path: '/oidc/introspect',
      description:
        'For APIs that do not verify tokens themselves. An app of an organization learns only of tokens issued to it and of those for the resources of its organization; all others are inactive.',
      tag,
      message: 'Whether the token is valid, and what it says.',
      input: TokenToJudge,
      output: z.looseObject({ active: described(z.boolean(), 'Whether the token is valid.', true) }),
      keepsText: true,
      run: async (call, sent, request) => {
        const by = await authenticateClient(tools, call, sent, request)
        if (sent.token === undefined) throw refusal('invalid_request', 'The parameter token is missing.')
        return { data: (await introspect(all, call, by, sent.token)) as { active: boolean } }
      },
    }),
    protocol({
      of: of.revoke,
      method: 'POST',
      path: '/oidc/revoke',
      description:
        'A refresh token is revoked with the access tokens of the same authorization. A text that is no token gets the same answer.',
      tag,
      message: 'The token is no longer valid.',
      input: TokenToJudge,
      output: z.null(),
      run: async (call, sent, request) => {
        const by = await authenticateClient(tools, call, sent, request)
        if (sent.token === undefined) throw refusal('invalid_request', 'The parameter token is missing.')
        await revokeForApp(all, call, by, sent.token)
        return { data: null }
      },
    }),
  ]
}
