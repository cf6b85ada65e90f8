/**
 * Clients of OAuth 2.0 and OpenID Connect, and the resources that their tokens are for. Owns their tables, what their settings
 * may be, and finding them for a request. Leaves changing them to oidc/clients, and the protocol to its modules beside that.
 */
export { mayBePrivateFor } from './addresses.ts'
export { type Client, type Clients, createClients, isUsableClient, type Resource } from './clients.ts'
export { mayBePrivateDocument, readsDocument } from './document-ids.ts'
export { shownLogo } from './logos.ts'
export { matchesRedirect } from './redirect-uris.ts'
export { checkClientSettings } from './rules.ts'
export { findClientSecret, makeClientSecret } from './secrets.ts'
export { STANDARD_SCOPES } from './settings.ts'
export { createClientUses } from './uses.ts'
