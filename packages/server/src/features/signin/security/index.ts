/**
 * The page of an account's security: one list, whose rows open. Leaves what a row says to the module it is about, which
 * makes it as a `SecuritySection`, and their order to app.ts.
 */
export { securityFeature } from './feature.ts'
export { emailSignInText, recoverySection } from './recovery.tsx'
export { type SecuritySection, securityPath } from './section.ts'
