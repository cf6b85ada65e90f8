/**
 * Applications: the apps that have access to a user's account, as the user and administrators see and remove them. Leaves giving
 * access to `authorize`, what was allowed to `consents`, and messages to apps to `logout`.
 * Invariant: with the access of an app everything ends that it has got by it, tokens that are being issued included.
 */
export { applicationFeature } from './feature.ts'
export { applicationSection } from './pages.tsx'
