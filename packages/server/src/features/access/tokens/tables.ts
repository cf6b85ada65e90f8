/** The tables of refresh tokens and their families. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    token_families: TokenFamiliesTable
    refresh_tokens: RefreshTokensTable
  }
}

export interface TokenFamiliesTable {
  id: string
  user_id: string
  session_id: string
  created_at: Date
  revoked_at: Date | null
  revoke_reason: 'reuse' | 'revoked' | 'signed_out' | null
}
export interface RefreshTokensTable {
  token_hash: Buffer
  family_id: string
  created_at: Date
  used_at: Date | null
}
