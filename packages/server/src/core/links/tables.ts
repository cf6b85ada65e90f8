/** The table of single-use links. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    links: LinksTable
  }
}

/** Single-use links in emails or at the terminal: `id.secret`; only the hash of the secret is stored. */
export interface LinksTable {
  id: string
  // biome-ignore format: one line, which a test compares with the migrations
  purpose: 'verify_email' | 'reset_password' | 'setup' | 'change_email' | 'undo_email' | 'magic_link' | 'unlock' | 'not_me'
  user_id: string | null
  email_id: string | null
  /** The sign-in under way that asked for it. */
  attempt_id: string | null
  /** The address that the link confirms, where it is not yet one of the user. */
  address: string | null
  address_key: string | null
  secret_hash: Buffer
  created_at: Date
  expires_at: Date
  used_at: Date | null
}
