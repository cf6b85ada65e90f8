/**
 * Passwords: a sign-in method. Owns the policy profiles, hashes and their history, signing in by password, replacing an
 * expired one, changing and resetting one. Leaves the cost and queue of hashing to base/hashing, counting failures to
 * `guesses`, and starting sessions to `door`.
 */
export { passwordOperations } from './operations.ts'
export { atPasswordField, passwordPages } from './pages.tsx'
export { acceptFirstPassword, acceptPassword, firstPasswordFaults, setFirstPassword } from './passwords.ts'
export { type Profile, pagePolicy, TypedPassword } from './policy.ts'
export { issueResetLink, resetJobs, resetPasswordByOperator, sendResetEmail } from './reset.ts'
export { passwordRoutes } from './routes.ts'
export { confirmPassword, passwordMethod, signInByPassword } from './sign-in.ts'
