/** The tables of jobs and of recurring work. */
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
  /** Set when it was given up; the row stays for the operator to see. */
  failed_at: Date | null
  last_error: string | null
}
export interface RecurringTable {
  name: string
  next_at: Date
}
