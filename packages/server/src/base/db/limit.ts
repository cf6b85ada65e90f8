/**
 * Limits as part of a statement's text. As a parameter a limit is any number to the plan that is kept of a prepared
 * statement: PostgreSQL takes a tenth of the table for it, finds that plan dear, and plans the statement anew at every
 * run, which takes longer than to run it.
 */
import { type RawBuilder, sql } from 'kysely'

/** @param rows a whole number, of few different ones: each makes a statement of its own */
export function limitOf(rows: number): RawBuilder<number> {
  if (!Number.isSafeInteger(rows) || rows < 0) throw new RangeError(`no limit: ${rows}`)
  return sql.lit(rows)
}
