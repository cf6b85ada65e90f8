/**
 * Apps that make themselves known: by a registration (RFC 7591), and by a metadata document at their `client_id`. Owns who may register,
 * what apps may state, and when a document is fetched. Leaves their rows to oidc/clients.
 */
export { type ClientDocuments, createClientDocuments } from './documents.ts'
export { registrationOfClients } from './feature.ts'
