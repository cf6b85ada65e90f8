/** The tables of links of single use. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    links: LinksTable
  }
}

/** Links of single use that a letter or the terminal carries: `id.secret`, only the secret's hash is stored. */
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
