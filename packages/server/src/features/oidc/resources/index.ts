/**
 * Resources: the APIs that access tokens are for (RFC 8707), and the scopes that exist there. Owns every change of the table
 * `resources`. Leaves finding one for a request to core/clients.
 */
export { resourceFeature } from './feature.ts'
export { selectScopesAmong } from './sql.ts'
