/**
 * Forward authentication for reverse proxies: owns `GET auth/validate`, its `X-Auth-*` headers and the redirect of
 * browsers that are not signed in. Leaves the check of credentials to their features: it reports the result of
 * base/http. Invariant: the identity never comes from headers that a proxy or client sets.
 */
export { forwardAuthFeature } from './feature.ts'
