/** The token endpoint (RFC 6749 §3.2). */

import { z } from 'zod'
import { described, textField } from '../../../base/described.ts'
import { Problem } from '../../../base/errors.ts'
import { protocol, type Row } from '../../../base/http/row/route.ts'
import { asQuotedValue } from '../../../base/quoted.ts'
import type { ClientUses } from '../../../core/clients/uses.ts'
import type { Tools } from '../../../core/tools.ts'
import { authenticateClient, invalidGrant, refusal } from '../authentication/index.ts'
import { demandNonce, dpopProofOf, nonceHeader } from '../dpop/index.ts'
import type { Grant } from './grant.ts'
import { grantsOf } from './grants.ts'
import { tokenEndpoint } from './operations.ts'
import { TokenParameters } from './parameters.ts'

const TokenAnswerView = z
  .object({
    access_token: textField(
      'A signed JWT (RFC 9068).',
      'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMDE5OCJ9.MEUCIQDx',
    ),
    token_type: described(z.enum(['Bearer', 'DPoP']), 'How the access token is sent.', 'Bearer'),
    expires_in: described(z.number().int(), 'The lifetime of the access token in seconds.', 3600),
    scope: described(
      z.string().max(8192).optional(),
      'What was granted, separated by spaces; absent: no scope.',
      'openid profile',
    ),
    refresh_token: described(z.string().max(8192).optional(), 'Gets the next tokens. It works once.'),
    issued_token_type: described(
      z.string().max(200).optional(),
      'The kind of the token that an exchange gives: `urn:ietf:params:oauth:token-type:access_token`.',
    ),
    id_token: described(z.string().max(8192).optional(), 'Who the user is, signed, with the scope `openid`.'),
  })
  .meta({ id: 'AppTokens' })

/** What a token is based on was revoked while it was issued. */
function asGrantError(error: unknown): never {
  throw error instanceof Problem && error.code === 'INVALID_TOKEN' ? invalidGrant() : error
}

/** Counts the answers by grant; the cell of each is found once. */
function counting({ appTokens }: Tools['counts']): (grant: string, error?: unknown) => void {
  return (grant, error) => {
    const refused = error instanceof Problem ? (error.protocolError ?? error.code) : 'fault'
    appTokens({ grant, outcome: error === undefined ? 'issued' : refused }).add()
  }
}

export function tokenEndpointRoutes(
  tools: Tools,
  further: Readonly<Record<string, Grant>>,
  uses: Pick<ClientUses, 'see'>,
): Row[] {
  const grants = { ...grantsOf(tools), ...further }
  const count = counting(tools.counts)
  return [
    protocol({
      of: tokenEndpoint,
      method: 'POST',
      path: '/oidc/token',
      description:
        'Exchanges a code, a refresh token, the code of a device, or the credential of the app itself. A refresh token works once; a repeated request within ten seconds gets the same successor, and a later second use revokes what the app has got. `resource` names the APIs that the access token is for, and may be sent several times (RFC 8707).',
      tag: 'OpenID Connect',
      message: 'The tokens of the app.',
      repeats: ['resource', 'audience'],
      input: TokenParameters,
      output: TokenAnswerView,
      run: async (call, sent, request) => {
        const proof = dpopProofOf(tools, call, request)
        const by = await authenticateClient(tools, call, sent, request, proof?.use)
        demandNonce(tools, call, by, proof)
        const { grant_type: type } = sent
        if (type === undefined) throw refusal('invalid_request', 'The parameter grant_type is missing.')
        const grant = Object.hasOwn(grants, type) ? grants[type] : undefined
        if (grant === undefined)
          throw refusal('unsupported_grant_type', `The grant_type ${asQuotedValue(type)} is not supported.`)
        const allowed: readonly string[] = by.client.settings.grant_types
        if (!allowed.includes(type))
          throw refusal('unauthorized_client', 'The app is not registered for this grant_type.')
        // RFC 9449 §5.2
        if (by.client.settings.dpop_bound_access_tokens && proof === null)
          throw refusal('invalid_request', 'The app is registered to send a DPoP proof.')
        const data = await grant({ call, by, sent, jkt: proof?.jkt ?? null }).catch((error: unknown) => {
          count(type, error)
          return asGrantError(error)
        })
        count(type)
        uses.see({ clientId: by.client.id, secretId: by.secretId }, call.now)
        return { data, ...nonceHeader(tools, call, proof) }
      },
    }),
  ]
}
