/** The tables of sign-in attempts. */
import type { Json } from '../../../base/db/tables.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    attempts: AttemptsTable
  }
}

/** A sign-in under way: its step, its proofs and open requirements, and what follows it. */
export interface AttemptsTable {
  id: string
  secret_hash: Buffer
  user_id: string | null
  step: string
  proofs: Json<unknown[]>
  requirements: Json<unknown[]>
  remember: boolean
  return_to: string | null
  tokens: boolean
  created_at: Date
  expires_at: Date
  finished_at: Date | null
}
