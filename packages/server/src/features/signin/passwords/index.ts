/**
 * Passwords: a sign-in method. Owns the policy profiles, hashes and their history, signing in by password, replacing an
 * expired one, changing and resetting one. Leaves the cost and queue of hashing to base/hashing, counting failures to
 * `guesses`, and starting sessions to `door`.
 */
export { passwordSection } from './change-pages.tsx'
export { passwordFeature } from './feature.ts'
export { checkPassword, confirmCaller, hasPassword, signInByPassword } from './method.ts'
export { passwordOperations } from './operations.ts'
export { continuingPassword } from './pages.tsx'
export {
  type AcceptedPassword,
  acceptFirstPassword,
  firstPassword,
  firstPasswordFaults,
  pagePolicy,
} from './passwords.ts'
export { resetLinks, resetPasswordByOperator } from './reset.ts'
