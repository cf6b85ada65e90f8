/**
 * What the reader of a set-up link chooses from: a provider, by OpenID Connect or by SAML. Data. Which settings may come
 * through a link is here too: what identifies the provider, its client, and where it says what; never roles, never what the
 * connection is trusted with.
 */
import type { ConnectionSetting, ProviderId } from '../../../core/providers/index.ts'
import { ATTRIBUTE_PRESETS } from '../../../core/saml/index.ts'

export const SETUP_PROVIDERS = ['entra', 'okta', 'google', 'keycloak', 'oidc', 'saml'] as const
export type SetupProvider = (typeof SETUP_PROVIDERS)[number]

export interface SetupChoice {
  id: string
  of: SetupProvider
  kind: 'oidc' | 'saml'
  /** The row of its connections. */
  provider: ProviderId
  /** The names of attributes that the form is filled with; absent ones are found by themselves. */
  attributes: Readonly<Partial<Record<'email' | 'full_name' | 'groups', string>>>
}

const byOidc = (of: SetupProvider, provider: ProviderId): SetupChoice => ({
  id: of === 'oidc' ? of : `${of}-oidc`,
  of,
  kind: 'oidc',
  provider,
  attributes: provider === 'google' ? {} : { groups: 'groups' },
})

function bySaml(of: SetupProvider, preset: string | null): SetupChoice {
  const { email, full_name, groups } = (preset === null ? undefined : ATTRIBUTE_PRESETS[preset]) ?? {}
  return {
    id: of === 'saml' ? of : `${of}-saml`,
    of,
    kind: 'saml',
    provider: 'saml',
    attributes: {
      ...(email !== undefined && { email }),
      ...(full_name !== undefined && { full_name }),
      ...(groups !== undefined && { groups }),
    },
  }
}

export const SETUP_CHOICES: readonly SetupChoice[] = [
  byOidc('entra', 'entra'),
  bySaml('entra', 'entra'),
  byOidc('okta', 'okta'),
  bySaml('okta', 'okta'),
  byOidc('google', 'google'),
  bySaml('google', 'google'),
  byOidc('keycloak', 'keycloak'),
  bySaml('keycloak', null),
  byOidc('oidc', 'oidc'),
  bySaml('saml', null),
]

/** The choices of a link whose maker has chosen a provider, or of any. */
export const choicesOf = (provider: string | null): readonly SetupChoice[] =>
  SETUP_CHOICES.filter(({ of }) => provider === null || of === provider)

export const SETTINGS_OF_LINKS: ReadonlySet<ConnectionSetting> = new Set([
  'issuer',
  'tenant',
  'allowed',
  'attributes',
  'saml',
])
