/**
 * Required sign-in by an organization's connection: when it can be required, what happens when it cannot be any more, and
 * e-mails to the owners about that and about owners who bypass it. Leaves the setting to `policy`, and the judgement of a
 * session to core/policies.ts.
 */
export { assertSsoPossible } from './enforcement.ts'
export { ssoFeature } from './feature.ts'
export { countSsoEffect, isLastRequiredConnection, isLastRequiredDomain, type SsoEffect } from './sql.ts'
