/**
 * Forward-auth: telling others whom a credential speaks for. Owns `GET auth/validate`, its `X-Auth-*` headers and
 * where a proxy sends browsers that are not signed in. Leaves checking credentials to their rooms: it only says
 * what base/http found. What a proxy writes into `X-Forwarded-*` is never believed about who somebody is.
 */
export { forwardAuthRoutes } from './routes.ts'
