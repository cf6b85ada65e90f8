/** Proofs at the endpoints of an authorization server, whose refusals are those of RFC 9449 §5 and §8. */
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import type { ProtocolRequest } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { currentNonce } from './nonces.ts'
import { type DpopProof, type ProofFault, readProof } from './proof.ts'

type DpopTools = Pick<Tools, 'config' | 'keyring'>

/** The proof of a request, which is not used up yet; null where it has none. @throws Problem `invalid_dpop_proof`, `use_dpop_nonce` */
export function dpopProofOf(
  { config: { publicUrl }, keyring }: DpopTools,
  { now }: Pick<Call, 'now'>,
  request: ProtocolRequest,
): DpopProof | null {
  const proof = readProof(request, { publicUrl, keyring, now, accessToken: null })
  if (proof !== null && 'error' in proof) throw refused({ keyring }, now, proof)
  return proof
}

/**
 * The proof of a public app has a nonce. Its key is in a browser or on a device, where a script that ran for a moment could have made
 * proofs for later times (§11.2). @throws Problem `use_dpop_nonce`
 */
export function demandNonce(
  { keyring }: Pick<Tools, 'keyring'>,
  { now }: Pick<Call, 'now'>,
  { isProven }: { isProven: boolean },
  proof: DpopProof | null,
): void {
  if (proof === null || proof.hasNonce || isProven) return
  throw refused({ keyring }, now, NONCE_DEMANDED)
}

export const NONCE_DEMANDED: ProofFault = {
  error: 'use_dpop_nonce',
  message: 'The DPoP proof of a public app requires a nonce.',
}

/** §8.2: an app that uses nonces gets the current one with each answer, so that it has one for its next request. */
export const nonceHeader = (
  { keyring }: Pick<Tools, 'keyring'>,
  { now }: Pick<Call, 'now'>,
  proof: DpopProof | null,
): { headers?: Readonly<Record<string, string>> } =>
  proof?.hasNonce ? { headers: { 'dpop-nonce': currentNonce(keyring, now) } } : {}

const refused = ({ keyring }: Pick<Tools, 'keyring'>, now: Date, { error, message }: ProofFault) =>
  problem('BAD_REQUEST', {
    protocolError: error,
    message,
    ...(error === 'use_dpop_nonce' && { headers: { 'dpop-nonce': currentNonce(keyring, now) } }),
  })
