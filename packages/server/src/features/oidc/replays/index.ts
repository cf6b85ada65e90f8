/**
 * What apps sign to prove something is used once: assertions (RFC 7523 §3) and proofs of keys (RFC 9449 §11.1), by the ids that
 * apps choose. One statement for all that a request has, over all processes. Leaves what they have to say to the modules that read them.
 */
export { replayFeature } from './feature.ts'
export { type SingleUse, useOnce } from './replays.ts'
