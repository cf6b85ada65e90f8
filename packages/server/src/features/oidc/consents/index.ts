/**
 * Consents: what users have permitted apps, and when that has to be allowed again. Owns what is in the table `grants`; leaves
 * the question and its answer to `authorize` and `device`, and taking it back to `applications`.
 */
export { type Allowed, allowedBy, isUnprovenApp, unionOf } from './consents.ts'
export { type ShownQuestion, sealOf, wasShown } from './shown.ts'
export { AccessList, WantedAccess, type WantedAccessProps } from './views.tsx'
export { ownerNameOf, resourceScopesOf, type WantedScope } from './wanted.ts'
