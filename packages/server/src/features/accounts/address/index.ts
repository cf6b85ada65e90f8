/**
 * Changing one's own e-mail address: the request, its confirmation by a link to the new address, and its undoing by a
 * link to the old one. Leaves the rows of addresses to `emails`, checking the password to `passwords`, and an
 * administrator's change to `administration`.
 */
export { ownAddress } from './change.ts'
export { addressFeature } from './feature.ts'
export { emailSection } from './pages.tsx'
