/**
 * Backup codes: the second factor for when the others are not at hand. Owns the codes, their sets and the sign-in method.
 * Leaves which factors a user has to core/factors, and counting guesses to `door`.
 */
export { BACKUP_CODES } from './codes.ts'
export { continuingBackupCode } from './continuing.tsx'
export { adoptCodes, issueWhereNone } from './create.ts'
export { backupCodeFeature } from './feature.ts'
export { backupCodesSection, showCodes } from './pages.tsx'
export {
  countBackupCodes,
  keepWith,
  makeSet,
  makeSetWhereNone,
  type NewSet,
  type OfferedSet,
} from './sets.ts'
