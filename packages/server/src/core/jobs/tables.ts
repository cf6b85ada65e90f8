/** The tables of one-off and recurring jobs. */
import type { Generated } from 'kysely'
import type { Json } from '../../base/db/tables.ts'

declare module '../../base/db/tables.ts' {
  interface Tables {
    jobs: JobsTable
    recurring: RecurringTable
  }
}

export interface JobsTable {
  id: string
  kind: string
  payload: Json<Record<string, unknown>>
  attempts: Generated<number>
  run_at: Date
  created_at: Date
  /** Set when the job failed permanently; the row stays for the operator. */
  failed_at: Date | null
  last_error: string | null
}
export interface RecurringTable {
  name: string
  next_at: Date
}
