/** The statements of forms that wait for a step-up, encrypted in its attempt. A form is taken once, under the row's lock. */
import { sha256 } from '../../../base/crypto.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { SealedColumn } from '../../../core/secrets/index.ts'
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
    .set({ return_to: held.returnTo, ...(held.form !== null && { held_form: held.form }) })
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
  /** Whether it held a form that can no longer be sent: it has expired, was ended, or is of a former session of the user. */
  isLost: boolean
  returnTo: string | null
}

interface StepUpOwner {
  sessionId: string
  userId: string
  now: Date
}

/**
 * Takes the form that a completed step-up of the session held, or the fact that it was lost, once.
 * @returns null for a token of no step-up of the user
 */
async function take(tx: Tx, token: string, owner: StepUpOwner): Promise<StepUpEnd | null> {
  const named = splitToken(token)
  if (!named) return null
  const row = await tx
    .selectFrom('attempts')
    .select(['held_form', 'return_to', 'step', 'session_id', 'finished_at', 'expires_at'])
    .where('id', '=', named.id)
    .where('secret_hash', '=', sha256(named.secret))
    .where('purpose', '=', 'step_up')
    .where('user_id', '=', owner.userId)
    .forUpdate()
    .executeTakeFirst()
  if (!row) return null
  const isOwn = row.session_id === owner.sessionId
  const isDone = isOwn && row.step === 'done'
  const isOpen = isOwn && row.finished_at === null && row.expires_at > owner.now
  if (!isOpen && row.held_form !== null)
    await tx.updateTable('attempts').set({ held_form: null }).where('id', '=', named.id).execute()
  return {
    step: isDone || isOpen ? (row.step as Step) : null,
    form: isDone ? row.held_form : null,
    isLost: !isDone && !isOpen && row.held_form !== null,
    returnTo: row.return_to,
  }
}

/** Whether the token is of a step-up of the session that has ended without being completed, and has lost its form. */
async function isLost(
  db: Statements,
  token: string,
  { sessionId, userId, now }: StepUpOwner,
): Promise<boolean> {
  const named = splitToken(token)
  if (!named) return false
  const row = await db
    .selectFrom('attempts')
    .select('id')
    .where('id', '=', named.id)
    .where('secret_hash', '=', sha256(named.secret))
    .where('user_id', '=', userId)
    .where('session_id', '=', sessionId)
    .where('held_form', 'is not', null)
    .where('step', '<>', 'done')
    .where((row) => row.or([row('finished_at', 'is not', null), row('expires_at', '<=', now)]))
    .executeTakeFirst()
  return row !== undefined
}

/** The column, for a rotation of the server's secret. */
const column: SealedColumn = {
  purpose: 'forms',
  async list(db, after, limit) {
    const rows = await db
      .selectFrom('attempts')
      .select(['id', 'held_form'])
      .where('held_form', 'is not', null)
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id, held_form }) => ({ id, sealed: held_form ?? '' }))
  },
  async replace(db, id, from, to) {
    const { numUpdatedRows } = await db
      .updateTable('attempts')
      .set({ held_form: to })
      .where('id', '=', id)
      .where('held_form', '=', from)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },
}

export const heldForms = { hold, take, isLost, column }
