/** The tables of signing keys. */
import type { Json } from '../../base/db/tables.ts'

declare module '../../base/db/tables.ts' {
  interface Tables {
    signing_keys: SigningKeysTable
  }
}

/** A signing key: published before `active_at`, does not sign after `retired_at`, unpublished after `removed_at`. */
export interface SigningKeysTable {
  kid: string
  /** What it signs. Keys of ID tokens verify no access token. */
  line: 'access_token' | 'id_token'
  algorithm: 'ES256' | 'RS256' | 'EdDSA' | 'HS256'
  /** null for HS256, which has no public half. */
  public_jwk: Json<Record<string, unknown>> | null
  sealed_private: string
  created_at: Date
  active_at: Date
  retired_at: Date | null
  /** When the last token that it signed has expired. */
  keep_until: Date
  removed_at: Date | null
}
