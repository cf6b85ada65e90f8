/**
 * Authenticator apps: time-based one-time passwords as a second factor. Owns their secrets, setting one up, and the
 * sign-in method. Leaves which factors a user has to core/factors, removing one to `mfa`, and counting guesses to `door`.
 */
export { continuingTotp } from './continuing.tsx'
export { totpFeature } from './feature.ts'
export { totpSection } from './pages.tsx'
export { sealedTotpSecrets } from './sealed.ts'
