/** The tables of identities, and of what their tokens are revoked with. */
import type { Generated } from 'kysely'
import type { Json } from '../../../base/db/tables.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    identities: IdentitiesTable
    released_connections: ReleasedConnectionsTable
  }
}

/** An account at a provider that is linked to a user. */
export interface IdentitiesTable {
  id: string
  user_id: string
  /** Of a connection that was deleted too; null where an earlier version deleted it. */
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
  /** Of an earlier version. */
  tokens_from: Generated<string | null>
  linked_at: Date
  last_used_at: Date | null
  /** Since when its user, who is no member of its organization, knows that it stays as their only way in. */
  kept_at: Generated<Date | null>
}

/** A connection as it was when it was deleted, or ceased to keep tokens. */
export interface ReleasedConnectionsTable {
  /** That of the connection; of a former one another. */
  id: string
  /** The connection, where it was released again since, with other settings. */
  former_of: Generated<string | null>
  organization_id: string | null
  provider: string
  client_id: string | null
  /** Encrypted. */
  client_secret: string | null
  settings: Json<unknown>
  released_at: Date
}
