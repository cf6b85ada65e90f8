/**
 * Pushed authorization requests (RFC 9126): an app sends its request from its server, and the browser brings a reference alone.
 * Leaves the checks of a request, storing it and what becomes of it to `authorize`.
 */
export { pushedFeature } from './feature.ts'
