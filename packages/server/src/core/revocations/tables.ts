/** The tables of revocations. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    revocations: RevocationsTable
  }
}

/** Credentials that are refused before they expire. Ids sort by time. */
export interface RevocationsTable {
  id: string
  at: Date
  kind: 'jti' | 'sid' | 'sub' | 'key' | 'role' | 'org' | 'family' | 'client'
  value: string
  before: Date | null
  until: Date
}
