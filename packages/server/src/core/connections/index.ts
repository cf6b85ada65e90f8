/**
 * Connections: the identity providers that people sign in with, of the server and of organizations. Owns their table.
 * Leaves their diagnostics to connection-events.ts, providers and the settings that they need to core/providers, changing connections to
 * organizations/connections, and their protocols to signin.
 */
export { callbackUrlOf, DEFAULT_SAML, samlAddressesOf } from './addresses.ts'
export {
  connectionOf,
  findConnection,
  findConnectionNamed,
  listActiveConnections,
  listConnectionsOf,
  listOwnConnections,
  markTested,
  type ProviderConnection,
  sealedConnectionSecrets,
  secretOf,
  type UsableConnection,
} from './connections.ts'
export { isTwoFactor } from './mfa.ts'
