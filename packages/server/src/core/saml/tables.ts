/** The tables of the keys of connections, of fetched metadata, and of the warnings about certificates. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    connection_keys: ConnectionKeysTable
    saml_metadata: SamlMetadataTable
    certificate_warnings: CertificateWarningsTable
  }
}

/** A key of this server as a service provider. */
export interface ConnectionKeysTable {
  id: string
  connection_id: string
  use: 'signing' | 'encryption'
  stage: 'current' | 'next' | 'previous'
  /** X.509, DER in base64. */
  certificate: string
  /** Encrypted: PKCS #8, DER in base64. */
  private_key: string
  created_at: Date
  staged_at: Date
  not_after: Date
}

/** When the metadata of an identity provider was fetched last. */
export interface SamlMetadataTable {
  connection_id: string
  checked_at: Date
  /** Null: the last fetch succeeded. */
  fault: string | null
  detail: string | null
  changed_at: Date | null
}

export interface CertificateWarningsTable {
  connection_id: string
  fingerprint: string
  days: number
  sent_at: Date
}
