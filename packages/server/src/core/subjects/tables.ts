/** The table of pairwise subjects. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    pairwise_subjects: PairwiseSubjectsTable
  }
}

/** By what the apps of a sector know a user. */
export interface PairwiseSubjectsTable {
  user_id: string
  /** `sectorOf` an app. */
  sector: string
  /** Random, of no other user or sector. */
  subject: string
  created_at: Date
}
