/** The table of single-use links. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    links: LinksTable
  }
}

/** Single-use links in emails or at the terminal: `id.secret`; only the hash of the secret is stored. */
export interface LinksTable {
  id: string
  purpose: 'verify_email' | 'reset_password' | 'setup'
  user_id: string | null
  email_id: string | null
  secret_hash: Buffer
  created_at: Date
  expires_at: Date
  used_at: Date | null
}
