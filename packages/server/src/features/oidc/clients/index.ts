/**
 * The administration of OAuth clients: of the server and of organizations. Owns every change of the tables `clients` and
 * `client_secrets`. Leaves what their settings may be, and finding one for a request, to core/clients; the APIs that tokens
 * are for to oidc/resources, and the protocol to the modules beside it.
 */
export { getClient, prepareIdTokens } from './clients.ts'
export { clientFeature } from './feature.ts'
export { ClientId } from './fields.ts'
export { clientsByOperator } from './operator.ts'
export { keepRegistered, type RegisteredClient, registerClient, storeDocumentClient } from './registered.ts'
export type { ClientView } from './view.ts'
