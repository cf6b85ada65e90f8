/** The protocols of providers, behind one interface: signin/upstream and signin/saml. A request, and reading its answer. */
import type { UsableConnection } from '../../../core/connections/index.ts'
import type { ExternalIdentity } from '../../../core/providers/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { readSamlResponse, samlRequest } from '../saml/index.ts'
import { authorizationUrl, completeAuthorization, createExpected, type Expected } from '../upstream/index.ts'

interface ProviderRequest {
  /** What comes back with the answer: `state`, RelayState. */
  state: string
  /** Where the answer is sent. */
  callbackUrl: string
  /** Whether the user has to sign in at the provider again, although they are signed in there. */
  fresh: boolean
  /** The address that the user has entered. */
  loginHint: string | null
}

interface ProviderRedirect {
  /** Where the browser goes. */
  url: string
  /** A form that the browser sends there instead (SAML HTTP-POST binding); null: it is a redirect. */
  form: Readonly<Record<string, string>> | null
  /** What the answer is checked against: JSON. */
  expected: unknown
}

interface ProviderAnswer {
  /** The parameters of the answer. */
  params: Readonly<Record<string, string>>
  expected: unknown
  callbackUrl: string
  now: Date
  /** Whether an address is of a domain that the connection's organization has proven. */
  isOwnDomain(address: string): boolean
}

export interface Protocol {
  /** @throws FederationFault where the provider cannot be reached or the settings are incomplete */
  ask(connection: UsableConnection, request: ProviderRequest): Promise<ProviderRedirect>
  /** @throws FederationFault */
  read(connection: UsableConnection, answer: ProviderAnswer): Promise<ExternalIdentity>
}

/** OpenID Connect, and OAuth 2 with an API for the profile. */
export const upstreamProtocol = (tools: Pick<Tools, 'config' | 'outbound' | 'keyring'>): Protocol => ({
  async ask(connection, { state, callbackUrl: redirectUri, fresh, loginHint }) {
    const expected = createExpected()
    const request = { state, redirectUri, fresh, ...(loginHint !== null && { loginHint }) }
    const url = await authorizationUrl(tools, connection, expected, request)
    return { url, form: null, expected }
  },
  async read(connection, { params, expected, callbackUrl: redirectUri, isOwnDomain, now }) {
    return await completeAuthorization(tools, connection, {
      // sealed by this server
      expected: expected as Expected,
      redirectUri,
      parameters: params,
      isOwnDomain,
      now,
    })
  },
})

type SamlTools = Parameters<typeof samlRequest>[0] & Pick<Tools, 'clock'>

/** The SAML web browser single sign-on profile. */
export const samlProtocol = (tools: SamlTools): Protocol => ({
  async ask(connection, { state, fresh }) {
    const options = { relayState: state, fresh, now: tools.clock.now() }
    const { expected, ...message } = await samlRequest(tools, connection, options)
    return 'url' in message
      ? { url: message.url, form: null, expected }
      : { url: message.post.action, form: message.post.fields, expected }
  },
  async read(connection, { params, expected, isOwnDomain, now }) {
    const { SAMLResponse: response } = params
    if (response === undefined) throw new FederationFault('bad_answer', 'there is no SAMLResponse')
    return await readSamlResponse(tools, connection, {
      response,
      // sealed by this server
      expected: expected as { request_id: string },
      isOwnDomain,
      now,
    })
  },
})
