/**
 * The pages of set-up links: the IT of a customer chooses the provider, enters what belongs together, tests the sign-in, proves
 * the domain and activates the connection, without an account. Leaves the link and what it may change to
 * organizations/setup-links, and the test to signin/connection-tests.
 */
export { connectionSetupFeature } from './feature.ts'
