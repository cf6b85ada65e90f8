/**
 * Discovery: the metadata of this server as an OpenID provider and an authorization server. Leaves the keys to `access/tokens`, which
 * publishes them.
 */
export { discoveryRoutes } from './routes.ts'
