/**
 * E-mail addresses: verifying and changing them. Owns verification, its e-mails, and its consequences for the user and
 * for rival registrations. Leaves delivery of e-mails to core/mail and single-use links to core/links.
 */
export { changeAddress, unverifyAddress } from './change.ts'
export {
  claimAddress,
  isCrowded,
  mayWriteTo,
  requestVerification,
  sendVerification,
} from './emails.ts'
export { emailFeature } from './feature.ts'
export { moveAddress, restoreAddress } from './moves.ts'
export { checkYourMail } from './pages.tsx'
export { LinkToken } from './routes.ts'
export { lockAddress, ownerOtherThan, ownersLocale } from './sql.ts'
