/**
 * Emails: proving that an address is a person's. Owns verification, its letter and what follows from it for
 * the user and for rival registrations. Leaves the letter's delivery to core/mail, links to core/links.
 */
export { changeAddress, unverifyAddress } from './change.ts'
export {
  claimAddress,
  emailJobs,
  isCrowded,
  mayWriteTo,
  requestVerification,
  sendVerification,
} from './emails.ts'
export { checkYourMail, emailPages } from './pages.tsx'
export { emailRoutes, LinkToken } from './routes.ts'
export { lockAddress, ownerOtherThan } from './sql.ts'
