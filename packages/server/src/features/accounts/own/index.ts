/**
 * The caller's own account (self-service): the profile's routes and pages, and deletion. Leaves sessions, passwords
 * and addresses to their features, whose pages are linked from the same navigation.
 */
export { ownAccountFeature } from './feature.ts'
