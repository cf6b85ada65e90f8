/**
 * Logout: signing out at the request of an app (RP-initiated), and messages to apps that a session with them has ended
 * (back-channel). Owns the queue of the messages. Leaves ending a session to `sessions`, and signing out to `signin/responses`.
 * Invariant: the messages are queued in the transaction that ends the session, by triggers (migration 0044).
 */
export { logoutFeature, logoutsDue } from './feature.ts'
export { queueLogouts, type SessionAtApp } from './sql.ts'
