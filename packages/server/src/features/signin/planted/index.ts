/**
 * What another person may have planted in an account, and ending it: for a user who disowns a sign-in, undoes a change of
 * address, or is the first to prove the mailbox of the account. Owns no table. Leaves the password to `passwords`, and the
 * removal of one factor to `mfa`.
 */
export { type ForeseenAccount, isUnproven, listForeseen, proveMailbox } from './first-proof.ts'
export { endIdentitiesOfRegistration, endIdentity } from './identities.ts'
export { type Ended, endedDetails, endPlanted } from './planted.ts'
export { EndedList } from './views.tsx'
