/**
 * The issuer in the key of an identity that comes from elsewhere than an answer of the provider: exactly the one that a later
 * answer has, from the settings of the connection alone.
 */
import type { ProviderId } from './provider.ts'
import { identityIssuersOf, providerOf } from './providers.ts'
import type { ConnectionSettings } from './settings.ts'

/** The tenant in the issuer of an authority of several tenants, as discovery documents write it. */
const TENANT = '{tenantid}'

export interface KeyIssuer {
  /** The issuer of every identity; null where the discovery document or the token says which. */
  fixed: string | null
  /** Whether the discovery document states the issuer: the settings do not say whether it ends in a slash. */
  isDocumented: boolean
  /** The key's form of an issuer; null for one whose identities the connection cannot assert. */
  find(issuer: string): string | null
}

export function keyIssuerOf(id: ProviderId, settings: ConnectionSettings): KeyIssuer {
  const accepted = identityIssuersOf(id, settings)
  const aliases = accepted.length === 0 ? [] : aliasesOf(id)
  const exact = aliases.length > 0 ? aliases : accepted.filter((one) => !one.includes(TENANT))
  const [first = null] = exact
  if (first !== null && (exact.length === 1 || aliases.length > 0))
    return { fixed: first, isDocumented: false, find: (issuer) => (exact.includes(issuer) ? first : null) }
  return {
    fixed: null,
    isDocumented: exact.length > 1,
    find: (issuer) =>
      exact.find((one) => one === issuer) ?? (isOfPattern(accepted, issuer) ? issuer.toLowerCase() : null),
  }
}

/** The forms in which ID tokens state one issuer, of which the first is that of the key. */
function aliasesOf(id: ProviderId): readonly string[] {
  const provider = providerOf(id)
  return provider.kind === 'oidc' ? (provider.tokenIssuers?.({}, '') ?? []) : []
}

/** Whether the issuer is that of a tenant, which has the form of a GUID. */
const isOfPattern = (accepted: readonly string[], issuer: string): boolean =>
  accepted.some((pattern) => {
    const [before = '', after] = pattern.split(TENANT)
    if (after === undefined || !issuer.startsWith(before) || !issuer.endsWith(after)) return false
    return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(
      issuer.slice(before.length, issuer.length - after.length),
    )
  })
