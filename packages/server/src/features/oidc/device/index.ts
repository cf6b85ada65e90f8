/**
 * Devices without a browser (RFC 8628): what they request, the page on which a user enters their code, and whether it was allowed.
 * Owns the table `device_authorizations`. Leaves who may sign in, and consents, to `authorize`, and tokens to `token`.
 * Invariant: one user decides, once; what is allowed is bound to the session in which it was.
 */
export { deviceGrantFeature } from './feature.ts'
export { assertDeviceAllowed, DEVICE_GRANT } from './requests.ts'
