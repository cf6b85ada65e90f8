/**
 * The addresses of a connection on this server, which are registered at its provider: one callback URL or SAML service
 * provider for each connection, so that the answer of one provider is not taken for that of another (mix-up).
 */
import type { Config } from '../../config.ts'
import type { ProviderConnection } from './connections.ts'

type Host = Pick<Config, 'publicUrl'>
type Named = Pick<ProviderConnection, 'slug'>

/** The redirection endpoint of OpenID Connect and OAuth 2, RFC 6749 §3.1.2. */
export const callbackUrlOf = ({ publicUrl }: Host, { slug }: Named): string =>
  `${publicUrl}/api/v1/auth/external/${slug}/callback`

/** The connection of the server whose metadata and assertion consumer service are at `/saml` itself. */
export const DEFAULT_SAML = 'saml'

export interface SamlAddresses {
  /** The entity id of the service provider, which is the address of its metadata (SAML metadata §4.1.1). */
  entityId: string
  metadata: string
  /** The assertion consumer service. */
  acs: string
  login: string
  /** Single logout, by redirect and by POST. */
  logout: string
}

export function samlAddressesOf({ publicUrl }: Host, { slug }: Named): SamlAddresses {
  const base = `${publicUrl}/saml/${slug}`
  const own = slug === DEFAULT_SAML ? `${publicUrl}/saml` : base
  const metadata = `${own}/metadata`
  return {
    entityId: metadata,
    metadata,
    acs: `${own}/acs`,
    login: `${base}/login`,
    logout: `${base}/logout`,
  }
}
