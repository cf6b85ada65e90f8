/**
 * The authentication of apps at the endpoints that they request, and the words of OAuth for what is refused there. Leaves what apps
 * are to core/clients.
 */
export { appNamedIn } from './assertions.ts'
export {
  type AuthenticatedClient,
  authenticateClient,
  type ClientCredentials,
} from './client-authentication.ts'
export { Credentials, parameter } from './credentials.ts'
export { invalidGrant, refusal } from './refusals.ts'
