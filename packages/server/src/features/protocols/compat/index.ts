/**
 * Compatibility routes for existing clients of older interfaces, disabled unless LATCHKEY_COMPAT names them. Owns the
 * shape of these routes only; sign-in and tokens are those of their features. The switches that only change a status
 * are implemented where the status is written (base/present, `tokens`).
 */
export { compatFeature } from './feature.ts'
