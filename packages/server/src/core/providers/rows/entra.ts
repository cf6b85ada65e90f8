/** Microsoft Entra ID of one tenant, as an organization configures it: the tenant's administrators write the addresses. */
import { FederationFault } from '../identity.ts'
import {
  isTenantId,
  isVouchedFor,
  microsoftDiscovery,
  microsoftIssuer,
  tenantOf,
} from '../microsoft-tokens.ts'
import { standardProfile } from '../profile.ts'
import { GENERIC_SETTINGS, type OidcProvider, SIGN_IN_AGAIN } from '../provider.ts'
import type { ConnectionSettings } from '../settings.ts'

/** @throws FederationFault where the setting names no single tenant */
function tenantIn({ tenant = '' }: ConnectionSettings): string {
  if (isTenantId(tenant)) return tenant.toLowerCase()
  throw new FederationFault('bad_settings', 'the setting tenant is not the id of a tenant (Directory ID)')
}

export const entra: OidcProvider = {
  id: 'entra',
  kind: 'oidc',
  name: 'Microsoft Entra ID',
  settings: [...GENERIC_SETTINGS.filter((setting) => setting !== 'allows_private'), 'tenant'],
  required: ['tenant'],
  secret: 'required',
  scopes: ['openid', 'profile', 'email'],
  pkce: true,
  authentication: 'post',
  refresh: { scopes: ['offline_access'] },
  fresh: SIGN_IN_AGAIN,
  nonce: true,
  discovery: (settings) => microsoftDiscovery(tenantIn(settings)),
  documentIssuers: (settings) => [microsoftIssuer(tenantIn(settings))],
  profile(claims, context) {
    const tenant = tenantOf(claims)
    if (tenant !== tenantIn(context.settings))
      throw new FederationFault('tenant_refused', `the account is of the tenant ${tenant ?? '(none)'}`)
    // guests keep the address of their home tenant, which this tenant's domains do not contain
    return standardProfile(
      claims,
      context,
      (email) =>
        isVouchedFor(claims, email) || context.settings.trusts_email === true || context.isOwnDomain(email),
    )
  },
}
