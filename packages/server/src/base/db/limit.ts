/**
 * LIMIT as a literal in the text of a statement. For a parameter, the generic plan of a prepared statement assumes a
 * tenth of the table; PostgreSQL estimates a high cost and plans the statement again for every execution, which takes
 * longer than the execution.
 */
import { type RawBuilder, sql } from 'kysely'

/** @param rows a whole number; there should be few different ones, because each makes a separate prepared statement */
export function limitOf(rows: number): RawBuilder<number> {
  if (!Number.isSafeInteger(rows) || rows < 0) throw new RangeError(`not a valid limit: ${rows}`)
  return sql.lit(rows)
}
