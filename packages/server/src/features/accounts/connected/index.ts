/**
 * Connected accounts: the accounts at identity providers that sign a user in, as the user and administrators see and
 * disconnect them. Leaves connecting one to `signin/federation`, what an identity is to `identity/identities`, and what counts
 * as a way to sign in to `core/factors`.
 *
 * Invariants: a user keeps a way to sign in, judged under the lock of their row; no identity moves to another user, because
 * no operation edits one.
 */
export { connectedFeature } from './feature.ts'
export { connectedSection } from './pages.tsx'
