/**
 * The step-ups that are open in a session. A request that requires one continues the one that is open for the same demand, so
 * that repeating it writes no further row, and their number in a session is bounded.
 */
import { sql } from 'kysely'
import { sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { Attempt, StepUp } from './attempts.ts'
import { heldForms } from './held-forms.ts'

/** A browser has the cookie of the last one; further ones are of the JSON API. */
const MOST_OPEN = 10

/** Locks the step-ups of a session until the end of the transaction (advisory lock), so that concurrent ones are counted. */
async function lock(tx: Tx, sessionId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`step-ups ${sessionId}`}, 0))`.execute(tx)
}

/** Makes room for one more: of the open ones of the session the oldest are deleted. */
async function makeRoom(tx: Tx, sessionId: string, now: Date): Promise<void> {
  await sql`
    delete from attempts where id in (
      select id from attempts
      where session_id = ${sessionId} and purpose = 'step_up' and finished_at is null and expires_at > ${now}
      order by created_at desc, id desc offset ${MOST_OPEN - 1}
      for update skip locked)`.execute(tx)
}

/**
 * Continues the open step-up of the session for the same demand, of which nothing is proven and which holds no form: with
 * the time, the aim and the former proofs of the new one.
 * @param tokenOf the token of an attempt of this session
 * @returns null where there is none
 */
async function reuse(
  tx: Tx,
  wanted: Attempt & { stepUp: StepUp },
  tokenOf: (id: string) => string,
): Promise<Attempt | null> {
  const { step, stepUp, after, createdAt: now, expiresAt } = wanted
  const { former: _, ...demand } = stepUp.demand
  const { rows } = await sql<{ id: string }>`
    select id from attempts
    where session_id = ${stepUp.sessionId} and purpose = 'step_up' and step = ${step} and version = 0
      and held_form is null and finished_at is null and expires_at > ${now}
      and demand - 'former' = ${JSON.stringify(demand)}::jsonb
    order by created_at desc limit 1
    for update`.execute(tx)
  const [open] = rows
  if (!open) return null
  const attempt = { ...wanted, id: open.id, token: tokenOf(open.id) }
  await tx
    .updateTable('attempts')
    .set({
      // the same, unless the server's secret was rotated
      secret_hash: sha256(attempt.token.slice(open.id.length + 1)),
      demand: JSON.stringify(stepUp.demand),
      return_to: after.returnTo,
      expires_at: expiresAt,
    })
    .where('id', '=', open.id)
    .execute()
  return attempt
}

export const stepUps = { lock, makeRoom, reuse, forms: heldForms }
