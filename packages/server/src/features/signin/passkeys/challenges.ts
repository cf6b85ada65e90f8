/**
 * Challenges of WebAuthn: stateless, so that showing a sign-in page writes no row. A challenge is `expiry ‖ nonce ‖ MAC`;
 * the MAC binds it to its purpose and to what it was issued for: a session, an attempt, or a browser that is not signed in.
 * Invariant: a challenge is used once. `consumeChallenge` is one conditional insert, in the transaction of its effect.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { later } from '../../../base/clock.ts'
import { type Keyring, sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'

/** How long a challenge is valid, in milliseconds: a person fetches a phone or a key meanwhile. */
export const CHALLENGE_LIFETIME = 10 * 60_000

/**
 * What a challenge is for, and whom it was issued to.
 * `register`: the id of the session or attempt that adds a passkey. `second_factor`: the id of the attempt.
 * `sign_in`: the secret of the browser's cookie; `named` if the user named an account before.
 */
export type ChallengeFor =
  | { purpose: 'register'; boundTo: string }
  | { purpose: 'second_factor'; boundTo: string }
  | { purpose: 'sign_in' | 'sign_in_named'; boundTo: string }

const EXPIRY = 8
const NONCE = 16
const MAC = 32
const LENGTH = EXPIRY + NONCE + MAC

const signedText = ({ purpose, boundTo }: ChallengeFor, head: Buffer): string =>
  `webauthn\n${purpose}\n${boundTo}\n${head.toString('base64url')}`

export function issueChallenge(keyring: Keyring, issuedFor: ChallengeFor, now: Date): Buffer {
  const expiry = Buffer.alloc(EXPIRY)
  expiry.writeBigUInt64BE(BigInt(later(now, CHALLENGE_LIFETIME).getTime()))
  const head = Buffer.concat([expiry, randomBytes(NONCE)])
  return Buffer.concat([head, keyring.mac('challenges', signedText(issuedFor, head))])
}

/** Whether the server issued the challenge for this, and it has not expired. It may have been used. */
export function isChallengeFor(
  keyring: Keyring,
  issuedFor: ChallengeFor,
  challenge: string,
  now: Date,
): boolean {
  const bytes = Buffer.from(challenge, 'base64url')
  // one spelling only, because the text is what is used up
  if (bytes.length !== LENGTH || bytes.toString('base64url') !== challenge) return false
  const [head, mac] = [bytes.subarray(0, EXPIRY + NONCE), bytes.subarray(EXPIRY + NONCE)]
  const isIssued = keyring
    .macs('challenges', signedText(issuedFor, head))
    .some((accepted) => timingSafeEqual(accepted, mac))
  return isIssued && expiryOf(bytes) > now.getTime()
}

const expiryOf = (bytes: Buffer): number => Number(bytes.readBigUInt64BE())

/** Uses up a challenge that `isChallengeFor` has accepted. @returns false if it was used before */
export async function consumeChallenge(tx: Tx, challenge: string): Promise<boolean> {
  const row = await tx
    .insertInto('used_challenges')
    .values({
      hash: sha256(challenge),
      expires_at: new Date(expiryOf(Buffer.from(challenge, 'base64url'))),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('hash')
    .executeTakeFirst()
  return row !== undefined
}

/** Forgets used challenges that have expired by then. */
export async function purgeChallenges(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('used_challenges').where('expires_at', '<', before).execute()
}
