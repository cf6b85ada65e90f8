/** The table of failed guesses. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    failures: FailuresTable
  }
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
  /** Of second factors: how many lock-outs there were, and how many failures, since one was right. */
  level: number
  total: number
}
