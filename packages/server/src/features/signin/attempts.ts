/**
 * Attempts: a sign-in under way, stored: what is asked next, what is proven so far, where to go after.
 * Invariant: a step is taken by one statement that compares the step it leaves; of two answers to the same
 * question one wins, and a finished attempt is finished.
 */
import { later } from '../../base/clock.ts'
import { randomSecret, sha256 } from '../../base/crypto.ts'
import type { Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Proof, Step } from './next-step.ts'

const LIFETIME = 15 * 60_000

export interface Attempt {
  id: string
  /** `sgn_….secret`, for the browser or client that goes on with it. */
  token: string
  step: Step
  proofs: readonly Proof[]
  remember: boolean
  returnTo: string | null
  expiresAt: Date
}

export async function beginAttempt(
  tx: Tx,
  wish: { remember: boolean; returnTo: string | null },
  now: Date,
): Promise<Attempt> {
  const id = newId('sgn')
  const secret = randomSecret()
  const attempt: Attempt = {
    id,
    token: `${id}.${secret}`,
    step: 'identify',
    proofs: [],
    ...wish,
    expiresAt: later(now, LIFETIME),
  }
  await tx
    .insertInto('attempts')
    .values({
      id,
      secret_hash: sha256(secret),
      user_id: null,
      step: attempt.step,
      proofs: '[]',
      remember: wish.remember,
      return_to: wish.returnTo,
      created_at: now,
      expires_at: attempt.expiresAt,
      finished_at: null,
    })
    .execute()
  return attempt
}

/** Moves an attempt on. @returns false where it is finished, expired, or somebody answered first */
export async function moveAttempt(
  tx: Tx,
  attempt: Attempt,
  to: { step: Step; userId: string; proofs: readonly Proof[]; finished: boolean },
  now: Date,
): Promise<boolean> {
  const row = await tx
    .updateTable('attempts')
    .set({
      step: to.step,
      user_id: to.userId,
      proofs: JSON.stringify(to.proofs),
      finished_at: to.finished ? now : null,
    })
    .where('id', '=', attempt.id)
    .where('step', '=', attempt.step)
    .where('finished_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

export async function purgeAttempts(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('attempts').where('expires_at', '<', before).execute()
}
