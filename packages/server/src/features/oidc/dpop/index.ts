/**
 * DPoP (RFC 9449): the proof that who sends a request holds a key, and the nonces that make it a recent one. Leaves what a key means
 * to the endpoints (a token is bound to it, a refresh token, a code), and using a proof up to `replays`.
 */

export { demandNonce, dpopProofOf, NONCE_DEMANDED, nonceHeader } from './endpoints.ts'
export { currentNonce } from './nonces.ts'
export { DPOP_ALGORITHMS, type DpopProof, type ProofFault, readProof } from './proof.ts'
