/**
 * Token exchange (RFC 8693): tokens for the API of another service, and administrators who act as users. Leaves signing what they get to
 * `token`. Invariants: an exchange gives at most what its subject token and its app have, names who acts, and is not repeated.
 */
export { EXCHANGE_GRANT, tokenExchangeGrant } from './exchange.ts'
