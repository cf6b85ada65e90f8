/**
 * Signing in by e-mail: a magic link, or a six-digit code, which is a second factor too. Owns the table `email_codes`.
 * Leaves single-use links to core/links, counting guesses and starting sessions to `door`, and the rate of e-mails to
 * identity/emails. A proof of the mailbox never replaces an enrolled factor: that is `nextStep`.
 */
export { continuingEmailCode } from './factor.tsx'
export { emailFactorSection } from './factor-pages.tsx'
export { mailCodeFeature } from './feature.ts'
