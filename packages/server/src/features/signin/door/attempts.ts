/**
 * Attempts: a sign-in under way, stored: what is asked next, what is proven so far, where to go after.
 * An attempt is written with its first step, so one that is over in one step is one statement. Invariant: a step is taken by one statement that compares the step it leaves; of two answers to the same
 * question one wins, and a finished attempt is finished.
 */
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
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
  createdAt: Date
  expiresAt: Date
  /** Whether it has been written: nobody else can have answered one that has not. */
  isStored: boolean
}

export function beginAttempt(wish: { remember: boolean; returnTo: string | null }, now: Date): Attempt {
  const id = newId('sgn')
  return {
    id,
    token: `${id}.${randomSecret()}`,
    step: 'identify',
    proofs: [],
    ...wish,
    createdAt: now,
    expiresAt: later(now, LIFETIME),
    isStored: false,
  }
}

/** What a step makes of an attempt. */
export interface Taken {
  step: Step
  userId: string
  proofs: readonly Proof[]
  finished: boolean
}

/** Writes a new attempt with its first step taken. */
export async function insertAttempt(tx: Tx, attempt: Attempt, first: Taken): Promise<void> {
  await tx
    .insertInto('attempts')
    .values({
      id: attempt.id,
      secret_hash: sha256(attempt.token.slice(attempt.id.length + 1)),
      user_id: first.userId,
      step: first.step,
      proofs: JSON.stringify(first.proofs),
      remember: attempt.remember,
      return_to: attempt.returnTo,
      created_at: attempt.createdAt,
      expires_at: attempt.expiresAt,
      finished_at: first.finished ? attempt.createdAt : null,
    })
    .execute()
}

/** Moves a stored attempt on. @returns false where it is finished, expired, or somebody answered first */
export async function moveAttempt(tx: Tx, attempt: Attempt, to: Taken, now: Date): Promise<boolean> {
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
