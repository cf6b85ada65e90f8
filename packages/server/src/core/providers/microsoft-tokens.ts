/**
 * What Microsoft's ID tokens say (https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference and
 * …/migrate-off-email-claim-authorization). The issuer of a multi-tenant authority varies by tenant: it is that of `tid` in
 * the same token. `email` is what any administrator of any tenant writes there; Microsoft vouches for it by `xms_edov`
 * (a boolean, 1 or text) or by listing it in `verified_primary_email`, both optional claims.
 */
import { addressOf, isTrue } from './profile.ts'
import type { Claims } from './provider.ts'

export const CONSUMERS_TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad'
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const microsoftDiscovery = (tenant: string): string =>
  `https://login.microsoftonline.com/${tenant}/v2.0/.well-known/openid-configuration`

export const microsoftIssuer = (tenant: string): string => `https://login.microsoftonline.com/${tenant}/v2.0`

/** The tenant of the token; null where it states none. */
export const tenantOf = ({ tid }: Claims): string | null =>
  typeof tid === 'string' && GUID.test(tid) ? tid.toLowerCase() : null

export const isTenantId = (text: string): boolean => GUID.test(text)

export function isVouchedFor(claims: Claims, email: string): boolean {
  const edov = claims.xms_edov
  // it speaks of the claim `email`
  const isOwned = isTrue(edov) || edov === 1 || edov === '1'
  if (isOwned && addressOf(claims.email) === email) return true
  const primary = claims.verified_primary_email
  const all = Array.isArray(primary) ? primary.slice(0, 50) : [primary]
  return all.some((one) => addressOf(one)?.toLowerCase() === email.toLowerCase())
}
