/** The tables of clients, their secrets and resources. */
import type { Json } from '../../base/db/tables.ts'

declare module '../../base/db/tables.ts' {
  interface Tables {
    clients: ClientsTable
    client_secrets: ClientSecretsTable
    resources: ResourcesTable
  }
}

/** An app that signs users in here, or calls APIs with tokens of this server. */
export interface ClientsTable {
  /** As the app sends it: generated (`cli_…`), chosen by an operator, or the URL of a metadata document. */
  id: string
  /** Null: of the server. */
  organization_id: string | null
  source: 'operator' | 'organization' | 'registration' | 'document'
  name: string
  status: 'active' | 'disabled'
  /** ClientSettings. */
  settings: Json<unknown>
  created_by: string | null
  created_at: Date
  updated_at: Date
  last_used_at: Date | null
  /** Of clients that registered themselves. */
  expires_at: Date | null
}

export interface ClientSecretsTable {
  id: string
  client_id: string
  /** SHA-256. */
  hash: Buffer
  hint: string
  created_at: Date
  expires_at: Date | null
  last_used_at: Date | null
}

/** An API that access tokens are for (RFC 8707). */
export interface ResourcesTable {
  id: string
  /** The absolute URI in the parameter `resource` and in the claim `aud`. */
  identifier: string
  /** Null: of the server. */
  organization_id: string | null
  name: string
  scopes: Json<{ name: string; description: string }[]>
  claims: 'minimal' | 'full'
  token_lifetime_seconds: number | null
  created_at: Date
  updated_at: Date
}
