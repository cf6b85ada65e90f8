/** Every provider, once. */
import { FederationFault } from './identity.ts'
import type { Provider, ProviderId } from './provider.ts'
import { apple } from './rows/apple.ts'
import { auth0 } from './rows/auth0.ts'
import { discord } from './rows/discord.ts'
import { entra } from './rows/entra.ts'
import { facebook } from './rows/facebook.ts'
import { github } from './rows/github.ts'
import { gitlab } from './rows/gitlab.ts'
import { google } from './rows/google.ts'
import { keycloak } from './rows/keycloak.ts'
import { linkedin } from './rows/linkedin.ts'
import { microsoft } from './rows/microsoft.ts'
import { oidc } from './rows/oidc.ts'
import { okta } from './rows/okta.ts'
import { saml } from './rows/saml.ts'
import { slack } from './rows/slack.ts'
import { twitch } from './rows/twitch.ts'
import { x } from './rows/x.ts'
import type { ConnectionSettings } from './settings.ts'

// biome-ignore format: a list
const PROVIDERS: { readonly [Id in ProviderId]: Provider } = {
  google, microsoft, github, apple, gitlab, discord, slack, linkedin, facebook, x, twitch,
  okta, auth0, keycloak, entra, oidc, saml,
}

export const providerOf = (id: ProviderId): Provider => PROVIDERS[id]

/**
 * The issuers of the identities that a connection with these settings asserts, as far as the settings name them: those of
 * Microsoft's shared authorities depend on the user. Empty where the settings are incomplete.
 */
export function identityIssuersOf(id: ProviderId, settings: ConnectionSettings): readonly string[] {
  const provider = providerOf(id)
  if (provider.kind === 'saml') return settings.saml?.entity_id === undefined ? [] : [settings.saml.entity_id]
  if (provider.required.some((setting) => settings[setting] === undefined)) return []
  try {
    return provider.kind === 'oauth2' ? [provider.issuer(settings)] : provider.documentIssuers(settings)
  } catch (error) {
    if (error instanceof FederationFault) return []
    throw error
  }
}
