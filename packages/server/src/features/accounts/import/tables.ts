/** The table of imported users. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    imported_users: ImportedUsersTable
  }
}

export interface ImportedUsersTable {
  /** The system that the user comes from. */
  source: string
  /** The user's id there; without one, the canonical address. */
  external_id: string
  user_id: string
  /** SHA-256 of the record as it was read. */
  digest: Buffer
  imported_at: Date
}
