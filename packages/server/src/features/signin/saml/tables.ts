/** The tables of SAML sign-ins: assertions that were used, and the sessions that they began. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    used_assertions: UsedAssertionsTable
    saml_sessions: SamlSessionsTable
  }
}

export interface UsedAssertionsTable {
  connection_id: string
  /** SHA-256 of its kind and ID. */
  hash: Buffer
  until: Date
}

/** What the identity provider calls a session of ours. Until there is one, an attempt has it (`provider_session`). */
export interface SamlSessionsTable {
  session_id: string
  connection_id: string
  name_id: string
  name_id_format: string | null
  name_qualifier: string | null
  sp_name_qualifier: string | null
  session_index: string | null
}
