/**
 * Consents: what users have permitted apps, and when that has to be allowed again. Owns the table `grants`; leaves the question to
 * `authorize`.
 */
export { isUnprovenApp, needsConsent } from './consents.ts'
