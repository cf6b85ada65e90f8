/**
 * Second factors in a sign-in: `POST auth/mfa/verify`, and the pages on which a browser proves a second factor or sets one
 * up. Leaves what a factor is and how it is verified to its method (totp, passkeys, passwords …), which app.ts hands over.
 */

export { beginDemandedEnrolment } from './demanded.ts'
export { secondFactorFeature } from './feature.ts'
export type { Continuation, ContinuingMethod, Enrolled, Panel, ShownAttempt } from './method.ts'
export { assertMayEnrol, mayEnrol } from './offered.ts'
export { secondFactorOperations } from './operations.ts'
export { type ContinuationPage, continuationRows, ENROL, enrolling, PROVE } from './pages.tsx'
