/**
 * Apps that make themselves known: by a metadata document at their `client_id`. Owns what they may state, and when a document is
 * fetched. Leaves their rows to oidc/clients.
 */
export { type ClientDocuments, createClientDocuments } from './documents.ts'
