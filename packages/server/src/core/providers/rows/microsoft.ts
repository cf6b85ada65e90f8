/**
 * Microsoft accounts of any or of chosen tenants; of one tenant with its own rules see entra. A signature proves only that
 * Microsoft signed: which tenant may sign in is the connection's choice, and is checked in the token.
 */
import { FederationFault } from '../identity.ts'
import {
  CONSUMERS_TENANT,
  isTenantId,
  isVouchedFor,
  microsoftDiscovery,
  microsoftIssuer,
  tenantOf,
} from '../microsoft-tokens.ts'
import { standardProfile } from '../profile.ts'
import { COMMON_SETTINGS, type OidcProvider, SIGN_IN_AGAIN } from '../provider.ts'
import type { ConnectionSettings } from '../settings.ts'

const authorityOf = ({ tenant = 'common' }: ConnectionSettings): string => tenant.toLowerCase()

/** Why the tenant may not sign in; null: it may. */
function refusalOf(tenant: string | null, settings: ConnectionSettings): string | null {
  if (tenant === null) return 'the ID token names no tenant'
  const authority = authorityOf(settings)
  const { allowed = [] } = settings
  if (allowed.length > 0 && !allowed.some((one) => one.toLowerCase() === tenant))
    return `the tenant ${tenant} is not among those allowed`
  if (authority === 'organizations' && tenant === CONSUMERS_TENANT) return 'personal accounts are not allowed'
  if (authority === 'consumers' && tenant !== CONSUMERS_TENANT) return 'only personal accounts are allowed'
  if (isTenantId(authority) && tenant !== authority) return `the account is of the tenant ${tenant}`
  return null
}

export const microsoft: OidcProvider = {
  id: 'microsoft',
  kind: 'oidc',
  name: 'Microsoft',
  settings: [...COMMON_SETTINGS, 'tenant', 'allowed'],
  required: [],
  secret: 'required',
  scopes: ['openid', 'profile', 'email'],
  pkce: true,
  authentication: 'post',
  refresh: { scopes: ['offline_access'] },
  fresh: SIGN_IN_AGAIN,
  nonce: true,
  discovery: (settings) => microsoftDiscovery(authorityOf(settings)),
  documentIssuers(settings) {
    const authority = authorityOf(settings)
    if (authority === 'consumers') return [microsoftIssuer(CONSUMERS_TENANT), microsoftIssuer('{tenantid}')]
    return isTenantId(authority) ? [microsoftIssuer(authority)] : [microsoftIssuer('{tenantid}')]
  },
  tokenIssuers(claims) {
    const tenant = tenantOf(claims)
    return tenant === null ? [] : [microsoftIssuer(tenant)]
  },
  profile(claims, context) {
    const { settings } = context
    const refusal = refusalOf(tenantOf(claims), settings)
    if (refusal !== null) throw new FederationFault('tenant_refused', refusal)
    // an organization or an operator can speak for the addresses of tenants that they name, never of all
    const namesTenants = (settings.allowed?.length ?? 0) > 0 || isTenantId(authorityOf(settings))
    return standardProfile(
      claims,
      context,
      (email) =>
        isVouchedFor(claims, email) ||
        (namesTenants && (settings.trusts_email === true || context.isOwnDomain(email))),
    )
  },
}
