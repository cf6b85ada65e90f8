/**
 * What is wrong with a test sign-in that succeeded: it has no address, or one for which the connection does not speak, so that
 * its users would not become members. Pure.
 */
import { domainOfAddress } from '../../../base/domain-names.ts'
import type { ProviderConnection } from '../../../core/connections/index.ts'
import { providerOf } from '../../../core/providers/index.ts'
import { addressOf } from '../../../core/providers/profile.ts'
import { mapAttributes } from '../../../core/saml/attributes.ts'

export type TestWarning = { kind: 'no_address' } | { kind: 'outside'; email: string; domains: string }

/** @param domains those that lead to the connection; none: there is nothing to compare with */
export function warningOf(email: string | null, domains: readonly string[]): TestWarning | null {
  if (email === null) return { kind: 'no_address' }
  const domain = domainOfAddress(email)
  if (domains.length === 0 || (domain !== null && domains.includes(domain))) return null
  return { kind: 'outside', email, domains: domains.join(', ') }
}

/**
 * The address in what a provider said at an earlier test, read as at a sign-in with the settings of now, which were those of the
 * test: the diagnostics have the claims that they name in any case.
 */
export function addressIn(
  { provider, settings }: Pick<ProviderConnection, 'provider' | 'settings'>,
  claims: Readonly<Record<string, unknown>>,
): string | null {
  const row = providerOf(provider)
  if (row.kind === 'oidc') return row.profile(claims, { settings, isOwnDomain: () => false }).email
  const attributes = Object.entries(claims).map(
    ([name, value]) => [name, [value].flat().map(String)] as const,
  )
  return mapAttributes(new Map(attributes), settings.attributes).email ?? addressOf(claims.NameID)
}
