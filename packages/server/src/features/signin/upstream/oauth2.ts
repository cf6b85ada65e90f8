/** Providers of OAuth 2 without OpenID Connect: who the user is, their API says by the access token. */
import { secretOf, type UsableConnection } from '../../../core/connections/index.ts'
import { requestProvider } from '../../../core/connections/requests.ts'
import { membersOf } from '../../../core/providers/profile.ts'
import type { OAuth2Provider, ProfileContext } from '../../../core/providers/provider.ts'
import type { Tools } from '../../../core/tools.ts'
import { type CodeExchange, exchangeCode, type Proven, readJson } from './exchange.ts'

/** @throws FederationFault */
export async function proveByApi(
  tools: Pick<Tools, 'config' | 'outbound' | 'keyring'>,
  connection: UsableConnection,
  provider: OAuth2Provider,
  code: Omit<CodeExchange, 'tokenEndpoint' | 'methods'>,
  context: ProfileContext,
): Promise<Proven> {
  const { settings } = connection
  const tokens = await exchangeCode(tools, connection, provider, {
    ...code,
    tokenEndpoint: provider.endpoints(settings).token,
  })
  const accessToken = tokens.access_token
  const clientSecret = secretOf(tools.keyring, connection) ?? ''
  const requests = provider.profileRequests(settings, { accessToken, clientSecret })
  const answers = await Promise.all(
    requests.map(async ({ url, optional }) => {
      const headers = { accept: 'application/json', authorization: `Bearer ${accessToken}` }
      const answer = await requestProvider(tools, connection, { method: 'GET', url, headers })
      // what the client may not read is as if it were not there
      if (optional && answer.status >= 400 && answer.status < 500) return null
      return readJson(answer, url)
    }),
  )
  return {
    issuer: provider.issuer(settings),
    profile: provider.profile(answers, context),
    claims: membersOf(answers[0]),
    tokens,
  }
}
