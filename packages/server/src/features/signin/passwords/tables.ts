/** The tables of passwords and their history. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    passwords: PasswordsTable
    password_history: PasswordHistoryTable
  }
}

export interface PasswordsTable {
  user_id: string
  hash: string
  changed_at: Date
  /** The rules that it was accepted under (`rulesKey`); null for hashes from elsewhere, until they sign in. */
  profile: string | null
  /** When it was chosen by a link from an e-mail: the mailbox then is no second factor beside it for an hour. */
  reset_at: Date | null
}
export interface PasswordHistoryTable {
  user_id: string
  hash: string
  replaced_at: Date
}
