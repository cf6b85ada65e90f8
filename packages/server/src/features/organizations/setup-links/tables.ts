/** The table of set-up links. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    setup_links: SetupLinksTable
  }
}

/** A link with which people without an account set up a connection and domains of an organization. */
export interface SetupLinksTable {
  id: string
  organization_id: string
  intent: 'connection' | 'domain' | 'both'
  /** The provider that its maker has chosen; null: the reader chooses. */
  provider: string | null
  /** What the reader has chosen. */
  choice: string | null
  connection_id: string | null
  domain_ids: Generated<string[]>
  secret_hash: Buffer
  made_by: string
  created_at: Date
  expires_at: Date
  last_used_at: Date | null
  completed_at: Date | null
  revoked_at: Date | null
}
