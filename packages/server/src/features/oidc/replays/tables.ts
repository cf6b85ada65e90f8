/** The table of what was used. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    used_proofs: UsedProofsTable
  }
}

/** Unlogged: empty after a crash of the database, so that what was used in the minutes before could be used again. */
export interface UsedProofsTable {
  /** The digest of what it is, of the app or the key that it belongs to, and of its id. */
  hash: Buffer
  /** When it is refused by its time. */
  expires_at: Date
}
