/**
 * Passwords: one way to prove who one is. Owns the policy profiles, hashes and their history, signing in by
 * password, changing and resetting one. Leaves hashing's cost and queue to base/hashing, counting failures
 * and starting sessions to `signin`.
 */

export { atPasswordField, passwordPages } from './pages.tsx'
export {
  acceptFirstPassword,
  acceptPassword,
  auditPassword,
  firstPasswordFaults,
  replacePassword,
  setFirstPassword,
  storedPassword,
} from './passwords.ts'
export { type Profile, pagePolicy } from './policy.ts'
export { contextOf, issueResetLink, resetJobs, writeResetLetter } from './reset.ts'
export { passwordRoutes, TypedPassword } from './routes.ts'
export { confirmPassword, signInByPassword } from './sign-in.ts'
