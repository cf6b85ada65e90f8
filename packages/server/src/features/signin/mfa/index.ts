/**
 * Second factors, whichever kind they are: listing, renaming, removing and resetting those of a user. Owns the rules of removal.
 * Leaves each kind's secrets and sign-in method to its module, and the table to core/factors.
 */
export { mfaFeature } from './feature.ts'
export { mfaOperations } from './operations.ts'
export { removeFactors, removeFactorsSince, resetFactors } from './removal.ts'
export { RemovalLink, removalPage } from './removal-pages.tsx'
export { RenameLink, renamePages } from './rename-pages.tsx'
export { FactorName, LONGEST_FACTOR_NAME, renameOwnFactor } from './renaming.ts'
export { FactorView, factorView } from './view.ts'
