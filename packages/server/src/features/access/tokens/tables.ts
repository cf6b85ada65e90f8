/** The tables of refresh tokens and their families. */
import type { StoredProof } from '../../../base/assurance.ts'
import type { Json } from '../../../base/db/tables.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    token_families: TokenFamiliesTable
    refresh_tokens: RefreshTokensTable
  }
}

/** The fields from `client_id` on are those of an app's family; null in a family of our own. */
export interface TokenFamiliesTable {
  id: string
  user_id: string
  /** Null in a family that outlives the session it began in. */
  session_id: string | null
  created_at: Date
  revoked_at: Date | null
  revoke_reason: 'reuse' | 'revoked' | 'signed_out' | null
  client_id: string | null
  grant_id: string | null
  scopes: string[] | null
  resources: string[] | null
  claims: Json<RequestedClaims> | null
  /** The digest of the key that its tokens are bound to (RFC 9449 §6.1, RFC 7638). */
  dpop_jkt: string | null
  /** Of a family without a session: its end, and what a session would say of the user. */
  expires_at: Date | null
  /** When the user was authenticated for the authorization, and how. */
  authenticated_at: Date | null
  acr: 'aal1' | 'aal2' | 'aal2-phr' | null
  amr: string[] | null
  proofs: Json<StoredProof[]> | null
  /** The organization in which an app's tokens act; those of our own act in that of the session. */
  organization_id: string | null
}
export interface RefreshTokensTable {
  token_hash: Buffer
  family_id: string
  created_at: Date
  used_at: Date | null
}

/** What the parameter `claims` names (OpenID Connect Core §5.5), of the claims that this server knows. */
export interface RequestedClaims {
  userinfo?: string[]
  id_token?: string[]
}
