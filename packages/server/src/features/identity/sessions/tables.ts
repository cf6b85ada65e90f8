/** The tables of sessions. */
import type { StoredProof } from '../../../base/assurance.ts'
import type { Json } from '../../../base/db/tables.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    sessions: SessionsTable
  }
}

export interface SessionsTable {
  id: string
  user_id: string
  token_hash: Buffer
  created_at: Date
  authenticated_at: Date
  last_seen_at: Date
  expires_at: Date
  idle_seconds: number
  remember: boolean
  amr: string[]
  /** The level that its proofs reach together. */
  acr: 'aal1' | 'aal2' | 'aal2-phr'
  /** What was proven, the latest proof of each method; empty in sessions of earlier versions. */
  proofs: Json<StoredProof[]>
  /** Written by earlier versions; such sessions are refused. */
  limited_to: 'password_change' | null
  /** The organization that the session acts in; each check reads its permissions from the membership. */
  organization_id: string | null
  ip_address: string | null
  user_agent: string | null
  ended_at: Date | null
  // biome-ignore format: one line, as the test of this file reads it
  end_reason: 'expired' | 'signed_out' | 'revoked' | 'password_changed' | 'disabled' | 'locked' | 'email_changed' | null
}
