/** The tables of known devices and failed guesses. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    devices: DevicesTable
    failures: FailuresTable
  }
}

/** A browser that has signed in as this user before: its failures are counted apart from strangers'. */
export interface DevicesTable {
  id: string
  user_id: string
  secret_hash: Buffer
  created_at: Date
  last_used_at: Date
}
/** Failed proofs under a key (account and address, account, account and device). */
export interface FailuresTable {
  key: string
  /** Which counters are of one account, known or not: the key of the one for all addresses. */
  account: string | null
  count: number
  first_at: Date
  last_at: Date
  locked_until: Date | null
}
