/**
 * Set-up links: with one, the IT of a customer sets up the connection and the domains of an organization without an account.
 * Owns the table `setup_links`, issuing and checking links, and what a link changes. Leaves the pages to
 * signin/connection-setup, because they test the sign-in, and the connections and domains to their modules.
 */
export { choicesOf, type SetupChoice } from './choices.ts'
export { setupLinkFeature } from './feature.ts'
export { setupLinksByOperator } from './operator.ts'
export {
  addSetupDomain,
  type ConnectionSetup,
  checkSetupDomain,
  chooseSetup,
  completeSetup,
  readSetup,
  removeSetupDomain,
  saveSetup,
} from './setup.ts'
export { type OpenSetupLink, openSetupLink, type SetupRefusal } from './setup-links.ts'
