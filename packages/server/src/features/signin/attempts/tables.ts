/** The tables of sign-in attempts. */
import type { Generated } from 'kysely'
import type { Json } from '../../../base/db/tables.ts'
import type { ConnectedSession } from '../../../core/providers/index.ts'

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
  /** Counts the steps taken. */
  version: Generated<number>
  purpose: 'sign_in' | 'step_up'
  /** The session that a step-up raises. */
  session_id: string | null
  /** What a step-up must reach. */
  demand: Json<unknown>
  /** The form that waits for a step-up, encrypted. */
  held_form: string | null
  /** The lifetime of a session for a program. */
  program_seconds: number | null
  /** The hash of a cookie of the browser that asked for a link or a code. */
  browser_hash: Buffer | null
  /** What the provider calls the session with which it began; null where it did not begin with SAML, and once it has ended. */
  provider_session: Json<ConnectedSession> | null
}
