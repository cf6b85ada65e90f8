/** The table of the secrets of authenticator apps. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    totp_secrets: TotpSecretsTable
  }
}

export interface TotpSecretsTable {
  factor_id: string
  user_id: string
  /** Base32, sealed under LATCHKEY_SECRET. */
  secret: string
  algorithm: Generated<'SHA1' | 'SHA256' | 'SHA512'>
  digits: Generated<number>
  period: Generated<number>
  last_step: number | null
}
