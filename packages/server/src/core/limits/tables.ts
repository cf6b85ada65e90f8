/** The table of rate limits that are exact over several nodes without Redis. */
import type { Json } from '../../base/db/tables.ts'

declare module '../../base/db/tables.ts' {
  interface Tables {
    limit_windows: LimitWindowsTable
  }
}

/** Requests of a rolling window. Unlogged: empty after a crash of the database. */
export interface LimitWindowsTable {
  /** SHA-256 of what is counted, for whom, in which window. */
  key: Buffer
  /** First use, last use and number of each entry, oldest first, as JSON. */
  entries: Json<number[]>
  /** When the window has passed. */
  over: Date
}
