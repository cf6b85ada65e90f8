/** The tables of the server's secret. */
import type { Generated } from 'kysely'

declare module '../../base/db/tables.ts' {
  interface Tables {
    secret_canary: SecretCanaryTable
  }
}

/** At most one row. */
export interface SecretCanaryTable {
  id: Generated<boolean>
  sealed: string
  sealed_at: Date
}
