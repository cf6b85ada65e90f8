/**
 * The OpenID provider as a whole: every feature of this wing put together for app.ts, and what pages have to know of the apps that
 * their forms lead to.
 */
export { applicationSection } from '../applications/index.ts'
export { formTargetsOf } from '../authorize/index.ts'
export { appAt } from './app-ahead.ts'
export { providerFeatures } from './features.ts'
