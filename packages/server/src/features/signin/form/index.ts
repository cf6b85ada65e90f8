/**
 * The sign-in page: its forms, and the ways to sign in that it offers. Where the domain of an address decides how a sign-in
 * continues, it begins with the identifier alone. Leaves verifying a credential to the methods, and where a domain leads to
 * `routing`.
 */
export { signInFormFeature } from './feature.ts'
export { showSignIn, signInPage } from './pages.tsx'
export { type OrganizationSignIn, passwordPath } from './views.tsx'
