/** The tables of revocations. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    revocations: RevocationsTable
  }
}

/** What is refused though it has not expired. Ids sort by time. */
export interface RevocationsTable {
  id: string
  at: Date
  kind: 'jti' | 'sid' | 'sub' | 'key' | 'role' | 'org'
  value: string
  before: Date | null
  until: Date
}
