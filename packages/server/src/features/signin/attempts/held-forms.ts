/** The statements of forms that wait for a step-up, encrypted in its attempt. A form is taken once, under the row's lock. */
import { sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { splitToken } from './attempts.ts'
import type { Step } from './steps.ts'

/**
 * Keeps the form that waits for a step-up, encrypted, and where the browser goes if it cannot be sent.
 * @returns whether the attempt waits for a step of the session
 */
async function hold(
  tx: Tx,
  { id, sessionId }: { id: string; sessionId: string },
  held: { form: string | null; returnTo: string },
): Promise<boolean> {
  const row = await tx
    .updateTable('attempts')
    .set({ held_form: held.form, return_to: held.returnTo })
    .where('id', '=', id)
    .where('session_id', '=', sessionId)
    .where('finished_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Where a step-up is, and what follows it. */
interface StepUpEnd {
  /** null where it has ended without being completed. */
  step: Step | null
  /** The form that it held, encrypted; null before it is done, and from the second time on. */
  form: string | null
  returnTo: string | null
}

/** Takes the form that a completed step-up of the session held, once. @returns null for a token of no such step-up */
async function take(
  tx: Tx,
  token: string,
  { sessionId, now }: { sessionId: string; now: Date },
): Promise<StepUpEnd | null> {
  const named = splitToken(token)
  if (!named) return null
  const row = await tx
    .selectFrom('attempts')
    .select(['held_form', 'return_to', 'step', 'finished_at', 'expires_at'])
    .where('id', '=', named.id)
    .where('secret_hash', '=', sha256(named.secret))
    .where('session_id', '=', sessionId)
    .forUpdate()
    .executeTakeFirst()
  if (!row) return null
  const isDone = row.step === 'done'
  if (isDone && row.held_form !== null)
    await tx.updateTable('attempts').set({ held_form: null }).where('id', '=', named.id).execute()
  const isOpen = row.finished_at === null && row.expires_at > now
  return {
    step: isDone || isOpen ? (row.step as Step) : null,
    form: isDone ? row.held_form : null,
    returnTo: row.return_to,
  }
}

export const heldForms = { hold, take }
