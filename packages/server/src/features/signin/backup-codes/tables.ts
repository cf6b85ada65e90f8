/** The table of backup codes. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    backup_codes: BackupCodesTable
  }
}

export interface BackupCodesTable {
  /** The set; of codes that are not valid yet, the authenticator that they were made with. */
  factor_id: string
  hash: Buffer
  salt: Buffer
  used_at: Date | null
}
