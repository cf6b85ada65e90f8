/** The table of second factors. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    factors: FactorsTable
  }
}

/** Something that a user has enrolled to prove their identity with. Its secrets are in a table of its kind. */
export interface FactorsTable {
  id: string
  user_id: string
  kind: 'totp' | 'passkey' | 'backup_codes' | 'email'
  /** What the user calls it. */
  name: string | null
  created_at: Date
  /** Since then it counts; null while it is being enrolled. */
  confirmed_at: Date | null
  last_used_at: Date | null
}
