/** The tables of authorization: requests across the sign-in, and codes. */
import type { Json } from '../../../base/db/tables.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'
import type { AuthorizationParameters } from './request.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    authorization_requests: AuthorizationRequestsTable
    authorization_codes: AuthorizationCodesTable
  }
}

export interface AuthorizationRequestsTable {
  hash: Buffer
  client_id: string
  parameters: Json<AuthorizationParameters>
  /** The app itself has sent it (RFC 9126). */
  is_pushed: boolean
  /** The digest of the secret in a cookie of the browser that it belongs to. */
  browser: Buffer | null
  created_at: Date
  expires_at: Date
  used_at: Date | null
}

export interface AuthorizationCodesTable {
  hash: Buffer
  client_id: string
  grant_id: string
  user_id: string
  session_id: string
  redirect_uri: string
  challenge: string | null
  scopes: string[]
  resources: string[]
  nonce: string | null
  claims: Json<RequestedClaims> | null
  dpop_jkt: string | null
  authenticated_at: Date
  acr: 'aal1' | 'aal2' | 'aal2-phr'
  amr: string[]
  organization_id: string | null
  created_at: Date
  expires_at: Date
  used_at: Date | null
  family_id: string | null
  /** When it was used a second time. */
  reused_at: Date | null
}
