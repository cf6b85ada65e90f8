/** The tables of passkeys. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    passkey_credentials: PasskeyCredentialsTable
    passkey_handles: PasskeyHandlesTable
    used_challenges: UsedChallengesTable
  }
}

/** A signature counter has 32 bits without a sign. */
type int8 = number

/** The public key of a passkey; its factor has the name and the times. */
export interface PasskeyCredentialsTable {
  factor_id: string
  user_id: string
  credential_id: Buffer
  public_key: Buffer
  algorithm: number
  counter: int8
  transports: string[]
  device_type: 'singleDevice' | 'multiDevice'
  backed_up: boolean
  user_verified: boolean
  aaguid: string | null
  rp_id: string
  origin: string
  flagged_at: Date | null
}

/** The user handle: what authenticators know a user by. */
export interface PasskeyHandlesTable {
  user_id: string
  handle: Buffer
}

/** Challenges that were used, until they expire. */
export interface UsedChallengesTable {
  hash: Buffer
  expires_at: Date
}
