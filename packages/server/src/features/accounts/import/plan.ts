/**
 * The plan of a dry run: what earlier records of the file would have written, which the tables do not have. Records
 * of a plan are looked up by the same keys as rows, so that a later record meets them as it would meet the rows. The
 * CLI keeps the plan from batch to batch, and sends what a batch can meet of it.
 */
import { canonical, EmailAddress } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import { type KeyedIdentity, keyOf } from '../import-identities/index.ts'
import type { PlannedUser } from './fields.ts'
import type { ReadRecord } from './records.ts'
import type { TakenIdentifier } from './sql.ts'
import type { ImportedUsersTable } from './tables.ts'

/** What identifies a record in its file: records that share a key must meet each other. */
export const keysOf = (one: {
  address: string | null
  externalIds: readonly string[]
  username: string | null
  id: string | null
  identities: readonly KeyedIdentity[]
}): string[] => [
  ...(one.address === null ? [] : [`address ${one.address}`]),
  ...one.externalIds.map((id) => `imported ${id}`),
  ...(one.username === null ? [] : [`username ${one.username}`]),
  ...(one.id === null ? [] : [`id ${one.id}`]),
  ...one.identities.map((identity) => `identity ${keyOf(identity)}`),
]

export const keysOfRead = ({ addressKey, externalId, username, record, identities }: ReadRecord): string[] =>
  keysOf({
    address: addressKey,
    externalIds: [externalId],
    username: username && canonical(username),
    id: record.id ?? null,
    identities,
  })

export const keysOfPlanned = ({
  address,
  imported,
  username,
  user_id: id,
  identities,
}: PlannedUser): string[] => [
  ...keysOf({
    address,
    externalIds: imported.map(({ external_id }) => external_id),
    username,
    id,
    identities,
  }),
  ...identities.map(({ subject }) => `subject ${subject}`),
]

/**
 * Of a record as it is in the file, before it is read; a malformed one may lack keys, and is refused. Of an identity the
 * subject: its whole key is known where the record is read.
 */
export function keysOfRaw(raw: unknown): string[] {
  const text = (name: string): string | null => {
    const value = (raw as Record<string, unknown> | null)?.[name]
    return typeof value === 'string' && value !== '' ? value : null
  }
  const email = EmailAddress.safeParse(text('email')).data
  const address = email === undefined ? null : canonical(email)
  const id = text('id')
  const externalId = text('external_id') ?? id ?? address
  const username = text('username')
  const { identities } = (raw ?? {}) as { identities?: unknown }
  const subjects = Array.isArray(identities) ? identities.map((one) => one?.subject) : []
  return [
    ...keysOf({
      address,
      externalIds: externalId === null ? [] : [externalId],
      username: username && canonical(username),
      id,
      identities: [],
    }),
    ...subjects.flatMap((subject) => (typeof subject === 'string' ? `subject ${subject}` : [])),
  ]
}

export class Plan {
  readonly #byKey = new Map<string, PlannedUser>()
  readonly #slugs: Set<string>
  /** What this batch adds or changes. */
  readonly changed = new Set<PlannedUser>()

  constructor(users: readonly PlannedUser[], slugs: readonly string[]) {
    this.#slugs = new Set(slugs)
    for (const user of users) this.#index(user)
  }

  find(key: string): PlannedUser | null {
    return this.#byKey.get(key) ?? null
  }

  imported(externalId: string, source: string, now: Date): ImportedUsersTable | null {
    const user = this.find(`imported ${externalId}`)
    const row = user?.imported.find((one) => one.external_id === externalId)
    if (!user || !row) return null
    const digest = Buffer.from(row.digest, 'hex')
    return { source, external_id: externalId, user_id: user.user_id, digest, imported_at: now }
  }

  /** The identifiers of a record that users of the plan own. */
  taken(read: ReadRecord): TakenIdentifier[] {
    return keysOfRead(read).flatMap((key) => {
      const [kind = '', ...rest] = key.split(' ')
      const user = kind === 'imported' ? null : this.find(key)
      return user ? { kind: kind as TakenIdentifier['kind'], key: rest.join(' '), user_id: user.user_id } : []
    })
  }

  /** These organizations are in the tables. */
  exist(slugs: readonly string[]): void {
    for (const slug of slugs) this.#slugs.add(slug)
  }

  /** @returns of these organizations, those that exist neither in the tables nor in the plan; from now on they do */
  found(slugs: readonly string[]): string[] {
    const made = [...new Set(slugs)].filter((slug) => !this.#slugs.has(slug))
    this.exist(made)
    return made
  }

  create(read: ReadRecord): void {
    const { record } = read
    const owns = record.status !== 'pending'
    this.#write(read, {
      user_id: record.id ?? newId('usr'),
      is_new: true,
      address: owns ? read.addressKey : null,
      username: owns && read.username !== null ? canonical(read.username) : null,
      verified: record.email_verified_at !== undefined || record.email_verified === true,
      has_password: record.password_hash !== undefined,
      imported: [],
      owner_of: [],
      identities: [],
    })
  }

  update(read: ReadRecord, userId: string): void {
    const user = this.#existing(userId)
    const { record } = read
    if (read.username !== null) user.username = canonical(read.username)
    user.verified ||= record.email_verified_at !== undefined || record.email_verified === true
    user.has_password ||= record.password_hash !== undefined
    this.#write(read, user)
  }

  /** Gives a user a password, who exists or is of the plan. */
  setPassword(userId: string): void {
    const user = this.#existing(userId)
    user.has_password = true
    this.#index(user)
    this.changed.add(user)
  }

  /** Gives a user identities, who exists or is of the plan. */
  connect(userId: string, identities: readonly KeyedIdentity[]): void {
    const user = this.#existing(userId)
    this.#link(user, identities)
    this.#index(user)
    this.changed.add(user)
  }

  #existing(userId: string): PlannedUser {
    const fresh = { address: null, username: null, verified: false, has_password: false }
    const lists = { imported: [], owner_of: [], identities: [] }
    return this.find(`id ${userId}`) ?? { user_id: userId, is_new: false, ...fresh, ...lists }
  }

  #link(user: PlannedUser, identities: readonly KeyedIdentity[]): void {
    const known = new Set(user.identities.map(keyOf))
    for (const { scope, issuer, subject } of identities)
      if (!known.has(keyOf({ scope, issuer, subject }))) user.identities.push({ scope, issuer, subject })
  }

  #write(read: ReadRecord, user: PlannedUser): void {
    const others = user.imported.filter(({ external_id }) => external_id !== read.externalId)
    user.imported = [...others, { external_id: read.externalId, digest: read.digest.toString('hex') }]
    const owned = read.organizations.flatMap(({ slug, role }) => (role === 'owner' ? slug : []))
    user.owner_of = [...new Set([...user.owner_of, ...owned])]
    this.#link(user, read.identities)
    this.#index(user)
    this.changed.add(user)
  }

  #index(user: PlannedUser): void {
    for (const key of keysOfPlanned(user)) this.#byKey.set(key, user)
  }
}
