/** The table of identities. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    identities: IdentitiesTable
  }
}

/** An account at a provider that is linked to a user. */
export interface IdentitiesTable {
  id: string
  user_id: string
  /** Null where the connection was deleted. */
  connection_id: string | null
  organization_id: string | null
  /** The organization whose connections assert it; '' for the server's. */
  scope: string
  issuer: string
  subject: string
  /** A ProviderId. */
  provider: string
  email: string | null
  email_verified: boolean
  name: string | null
  /** Encrypted. */
  tokens: string | null
  /** The connection by which the tokens came, once they are kept no longer, until a job revokes them there. */
  tokens_from: Generated<string | null>
  linked_at: Date
  last_used_at: Date | null
}
