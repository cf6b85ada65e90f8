/** Any identity provider of SAML 2.0; its protocol is in signin/saml. */
import { GENERIC_SETTINGS, type SamlProvider } from '../provider.ts'

const OF_TOKENS = new Set(['scopes', 'keeps_tokens'])

export const saml: SamlProvider = {
  id: 'saml',
  kind: 'saml',
  name: 'SAML 2.0',
  settings: [...GENERIC_SETTINGS.filter((setting) => !OF_TOKENS.has(setting)), 'saml'],
  required: ['saml'],
  secret: 'none',
}
