/**
 * What a preset is: how the records of another system become records of an import. Presets are data and pure
 * functions.
 */

/** A record as its file has it; cells of CSV are text. */
export type Raw = Readonly<Record<string, unknown>>

export interface PresetOptions {
  /** The parameters of a Firebase project. */
  firebase: FirebaseParameters | null
  groupsAsOrganizations: boolean
  /** Names of providers, and the connections that they are here; '' leaves one out. */
  connections: Readonly<Record<string, string>>
}

export interface FirebaseParameters {
  signerKey: string
  saltSeparator: string
  rounds: number
  memoryCost: number
}

/** A record for the server, with notes about what was left out; or why it is no user of this system. */
export type PresetResult = { record: Record<string, unknown>; left?: readonly string[] } | { ignored: string }

export interface ImportPreset {
  name: string
  system: string
  /** The member of a JSON document that lists the users; null: an array, or JSON lines. */
  list: string | null
  /**
   * The names of its providers, and the connections that they usually are here. Null: the id of an account is not the subject
   * that the provider's answers have, so that it is left out.
   */
  connections?: Readonly<Record<string, string | null>>
  read(raw: Raw, options: PresetOptions): PresetResult
  /** A record of a second file, with the hash or a connected account of a user of the first one. Null: neither. */
  readCredential?(raw: Raw): CredentialEntry | null
}

export interface CredentialEntry {
  external_id: string
  password_hash?: string
  password_changed_at?: string | undefined
  identities?: readonly ForeignIdentity[]
}

/** An account at a provider, by the provider's name in the source. */
export interface ForeignIdentity {
  connection: string | undefined
  subject: string | undefined
  /** Where the provider has several. */
  issuer?: string | undefined
  email?: string | undefined
  name?: string | undefined
  linked_at?: string | undefined
  last_used_at?: string | undefined
}

export const stringOrNone = (value: unknown): string | undefined => {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

export const flagOf = (value: unknown): boolean =>
  value === true || /^(?:true|t|yes|1)$/i.test(String(value ?? ''))

/** A list, or a cell of CSV that has one as JSON. */
export function itemsOf(value: unknown): readonly unknown[] {
  if (typeof value === 'string' && value.trim().startsWith('[')) {
    try {
      return itemsOf(JSON.parse(value))
    } catch {
      return []
    }
  }
  return Array.isArray(value) ? value : []
}

export const objectOf = (value: unknown): Raw => {
  if (typeof value === 'string' && value.trim().startsWith('{')) {
    try {
      return JSON.parse(value) as Raw
    } catch {
      return {}
    }
  }
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Raw) : {}
}

/** ISO 8601 from what databases and APIs write: without a zone it is UTC; numbers are milliseconds. */
export function timeOf(value: unknown): string | undefined {
  const text = stringOrNone(value)
  if (text === undefined) return undefined
  if (/^\d{9,14}$/.test(text)) return new Date(Number(text)).toISOString()
  const spaced = text.trim().replace(' ', 'T')
  const zoned = /(?:Z|[+-]\d\d(?::?\d\d)?)$/i.test(spaced.slice(10)) ? spaced : `${spaced}Z`
  const at = new Date(zoned.replace(/([+-]\d\d)$/, '$1:00'))
  return Number.isNaN(at.getTime()) ? text : at.toISOString()
}

export const fullNameOf = (...parts: readonly unknown[]): string | undefined =>
  parts.flatMap((part) => stringOrNone(part) ?? []).join(' ') || undefined

/** The profile of a record, of what the source has; absent where it has nothing. */
export function profileOf(said: Readonly<Record<string, unknown>>): Record<string, string> | undefined {
  const entries = Object.entries(said).flatMap(([name, value]) => {
    const text = stringOrNone(value)
    return text === undefined ? [] : [[name, text] as const]
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** The ids of Slack are unique in a workspace. */
export const slackIdOf = (team: unknown, user: string | undefined): string | undefined =>
  stringOrNone(team) && user && `${stringOrNone(team)}.${user}`

/** The claims of a token that the source has kept, which is not verified again; none where there is no token. */
export function claimsOf(token: unknown): Raw {
  const payload = (stringOrNone(token) ?? '').split('.')[1] ?? ''
  return objectOf(Buffer.from(payload, 'base64url').toString('utf8'))
}

/** A short name from a title: what an organization is matched by. */
export const slugOf = (title: string): string =>
  title
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 50)
