/**
 * Nonces of proofs (RFC 9449 §8): derived from the server's secret and the time, so that any process accepts those of every other,
 * and none is stored. Each is valid for five to ten minutes.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Keyring } from '../../../base/crypto.ts'

const WINDOW = 5 * 60_000
const BYTES = 16

const windowOf = (now: Date): number => Math.floor(now.getTime() / WINDOW)

export const currentNonce = (keyring: Keyring, now: Date): string =>
  keyring
    .mac('dpop_nonces', String(windowOf(now)))
    .subarray(0, BYTES)
    .toString('base64url')

/** Also that of the next window: the clock of another process may be ahead. */
export function isCurrentNonce(keyring: Keyring, nonce: string, now: Date): boolean {
  const sent = Buffer.from(nonce, 'base64url')
  if (sent.length !== BYTES) return false
  const at = windowOf(now)
  return [at, at - 1, at + 1].some((window) =>
    keyring.macs('dpop_nonces', String(window)).some((mac) => timingSafeEqual(mac.subarray(0, BYTES), sent)),
  )
}

/** How long after a use a nonce could still be accepted. */
export const NONCE_LIFETIME = 3 * WINDOW
