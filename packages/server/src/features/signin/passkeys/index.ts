/**
 * Passkeys: signing in with WebAuthn credentials, and a user's own ones. Owns their public keys, the challenges that were
 * used, and the ceremonies. Leaves which proofs suffice to `door`, and that a user has a factor at all to core/factors.
 */
export { continuingPasskey } from './continuing.tsx'
export { passkeyFeature } from './feature.ts'
export { passkeySection } from './pages.tsx'
