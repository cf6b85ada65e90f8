/** The tables of API keys. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    api_keys: ApiKeysTable
  }
}

export interface ApiKeysTable {
  id: string
  user_id: string
  organization_id: string | null
  name: string
  description: string | null
  environment: 'live' | 'test'
  hint: string
  token_hash: Buffer
  /** The permissions of the key; null: those of its owner (sql.ts reads it as `['*']`). */
  scopes: string[] | null
  created_at: Date
  expires_at: Date | null
  last_used_at: Date | null
  rotated_from: string | null
  rotated_at: Date | null
  revoked_at: Date | null
}
