/** The table of round trips to providers. */
import type { Json } from '../../../base/db/tables.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    round_trips: RoundTripsTable
  }
}

/** A round trip to a provider: what its answer is checked against, once, in the browser that began it. */
export interface RoundTripsTable {
  id: string
  connection_id: string
  flow: 'login' | 'register' | 'link' | 'continue' | 'test' | 'logout'
  state_hash: Buffer
  browser_hash: Buffer
  /** Encrypted: the nonce and the code verifier, or the id of the SAML request. */
  expected: string
  /** What follows the sign-in; `session`: what the provider calls its session, while an identity waits. */
  after: Json<unknown>
  /** Who links, or whose identity waits. */
  user_id: string | null
  /** The session or the attempt that is continued. */
  session_id: string | null
  attempt_id: string | null
  /** Encrypted: an answer that was posted from another site, until the browser comes for it. */
  answer: string | null
  /** Encrypted: the identity of an answer that needs a decision of the user. */
  identity: string | null
  created_at: Date
  expires_at: Date
  answered_at: Date | null
  decided_at: Date | null
}
