/** Whether the word of a provider counts as two factors: where the connection trusts it, and its answer names them. */
import type { ExternalIdentity } from '../providers/index.ts'
import type { ProviderConnection } from './connections.ts'

/** Authentication Method References of several factors: RFC 8176 §2, and the one of Microsoft. */
const REFERENCES: readonly string[] = ['mfa', 'http://schemas.microsoft.com/claims/multipleauthn']

/** Authentication Context Classes that do: OpenID PAPE, REFEDS, Microsoft, SAML 2.0, NIST, and those of this server. */
const CLASSES: readonly string[] = [
  'http://schemas.openid.net/pape/policies/2007/06/multi-factor',
  'https://refeds.org/profile/mfa',
  'http://schemas.microsoft.com/claims/multipleauthn',
  'urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract',
  'urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered',
  'http://idmanagement.gov/ns/assurance/aal/2',
  'http://idmanagement.gov/ns/assurance/aal/3',
  'aal2',
  'aal2-phr',
]

export const isTwoFactor = (
  { settings }: Pick<ProviderConnection, 'settings'>,
  { amr, acr }: Pick<ExternalIdentity, 'amr' | 'acr'>,
): boolean =>
  settings.trusts_mfa === true &&
  (amr.some((one) => REFERENCES.includes(one)) || (acr !== null && CLASSES.includes(acr)))
