/**
 * Reads the records of an import before anything is written: what each lacks, what is left out of it, and whether its
 * hash can ever be verified.
 */
import { createHash } from 'node:crypto'
import { type Call, LOCALES, type Locale } from '../../../base/call.ts'
import { HashRefused } from '../../../base/hashing/index.ts'
import { fieldErrors } from '../../../base/http/request/fields.ts'
import { canonical, FullName, Username } from '../../../base/identifiers.ts'
import { isBuiltIn } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { readProfile, type UserProfile } from '../../../core/user-profile.ts'
import { OrganizationName } from '../../organizations/organization/index.ts'
import type { IdentityFault, ReadIdentity } from '../import-identities/index.ts'
import { type ImportCounts, type ImportNote, type ImportOptions, UserRecord } from './fields.ts'

export type ImportTools = Pick<Tools, 'db' | 'config' | 'hashing' | 'clock' | 'outbound' | 'roles'>

/** What writing a batch needs. */
export interface ImportContext {
  tools: ImportTools
  call: Call
  source: string
  /** By slug. */
  organizations: ReadonlyMap<string, { id: string }>
}

/** A record that may be written. */
export interface ReadRecord {
  line: number
  record: UserRecord
  /** Identifies it in its source. */
  externalId: string
  digest: Buffer
  addressKey: string
  username: string | null
  fullName: string | null
  locale: Locale | null
  /** Of what it states what is valid. */
  profile: UserProfile
  /** Null: the record names none. */
  roles: string[] | null
  organizations: { slug: string; name: string; role: string; joinedAt: Date | null }[]
  /** Empty until the connections of the batch are known. */
  identities: ReadIdentity[]
}

export type AddNote = (kind: ImportNote['kind'], code: string, message: string) => void

export const noCounts = (): ImportCounts => ({ created: 0, updated: 0, unchanged: 0, skipped: 0, refused: 0 })

export const noteAt =
  (notes: ImportNote[], line: number): AddNote =>
  (kind, code, message) =>
    notes.push({ line, kind, code, message })

/** @returns null for a refused record, which has a note that says why */
export async function readRecord(
  tools: Pick<Tools, 'hashing' | 'roles'>,
  { line, record: raw }: { line: number; record?: unknown },
  options: ImportOptions,
  note: AddNote,
): Promise<ReadRecord | null> {
  const parsed = UserRecord.safeParse(raw)
  if (!parsed.success) {
    const faults = fieldErrors(parsed.error, raw).slice(0, 5)
    const text = faults.map(({ field, message }) => `${field || 'record'}: ${message}`).join(' ')
    note('refused', 'invalid', text)
    return null
  }
  const record = parsed.data
  const before = { refused: false }
  const watched: AddNote = (kind, code, message) => {
    if (kind === 'refused') before.refused = true
    note(kind, code, message)
  }
  const read: ReadRecord = {
    line,
    record,
    externalId: record.external_id ?? record.id ?? canonical(record.email),
    digest: createHash('sha256').update(stable(raw)).digest(),
    addressKey: canonical(record.email),
    username: keptIf(Username, record.username, 'username', watched),
    fullName: keptIf(FullName, record.full_name, 'full_name', watched),
    locale: localeOf(record.locale, watched),
    profile: profileOf(record.profile, watched),
    roles: rolesOf(tools, record.roles, options, watched),
    organizations: (record.organizations ?? []).map(({ slug, name, role, joined_at }) => ({
      slug,
      name: OrganizationName.safeParse(name ?? slug).data ?? slug,
      role: role ?? 'member',
      joinedAt: joined_at ?? null,
    })),
    identities: [],
  }
  await examineHashes(tools, read, options, watched)
  return before.refused ? null : read
}

/** JSON with the members of objects in one order. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** A name that this server does not permit is left out: the user signs in with the address. */
function keptIf(
  schema: typeof Username | typeof FullName,
  text: string | undefined,
  field: string,
  note: AddNote,
): string | null {
  if (text === undefined) return null
  const { data } = schema.safeParse(text)
  if (data === undefined)
    note('warning', `${field}_left_out`, `The ${field} is not valid here: it was left out.`)
  return data ?? null
}

function profileOf(stated: UserRecord['profile'], note: AddNote): UserProfile {
  const { profile, refused } = readProfile(stated ?? {})
  for (const field of refused)
    note('warning', 'profile_left_out', `The ${field} of the profile is not valid here: it was left out.`)
  return profile
}

/** `de-AT` and `de_AT` are `de`. */
function localeOf(text: string | undefined, note: AddNote): Locale | null {
  if (text === undefined) return null
  const language = text.toLowerCase().split(/[-_]/)[0]
  const locale = LOCALES.find((known) => known === language)
  if (!locale) note('warning', 'locale_left_out', `The language ${text} is not supported: it was left out.`)
  return locale ?? null
}

function rolesOf(
  { roles }: Pick<Tools, 'roles'>,
  names: readonly string[] | undefined,
  options: ImportOptions,
  note: AddNote,
): string[] | null {
  if (names === undefined) return null
  const mapped = names
    .map((name) => (Object.hasOwn(options.roles, name) ? (options.roles[name] ?? name) : name))
    .filter((name) => name !== '')
  const unknown = mapped.filter((name) => !roles.find(name))
  const severity = options.unknown_roles === 'refuse' ? 'refused' : 'warning'
  for (const name of unknown) note(severity, 'unknown_role', `There is no role ${name}.`)
  const known = new Set(mapped.filter((name) => roles.find(name)))
  return known.size === 0 ? null : roles.all().flatMap(({ name }) => (known.has(name) ? [name] : []))
}

async function examineHashes(
  { hashing }: Pick<Tools, 'hashing'>,
  { record }: ReadRecord,
  options: ImportOptions,
  note: AddNote,
): Promise<void> {
  const old = record.password_history ?? []
  for (const stored of [record.password_hash, ...old.map(({ hash }) => hash)]) {
    if (stored === undefined) continue
    try {
      const { form, weak } = await hashing.examine(stored)
      if (weak) note('warning', 'weak_hash', `The hash (${form}) is weak until the user signs in.`)
    } catch (error) {
      if (!(error instanceof HashRefused)) throw error
      const isLeftOut = options.refused_hashes === 'leave_out'
      note(isLeftOut ? 'warning' : 'refused', `hash_${error.code}`, error.message)
      if (stored === record.password_hash) delete record.password_hash
      else record.password_history = record.password_history?.filter(({ hash }) => hash !== stored)
    }
  }
}

/** Notes for memberships whose role does not exist; they are left out or refuse the record, as other roles. */
export function checkOrganizationRoles(
  read: ReadRecord,
  isOwnRole: (slug: string, role: string) => boolean,
  options: ImportOptions,
  note: AddNote,
): boolean {
  const mayStay = options.unknown_roles === 'leave_out'
  const unknown = read.organizations.filter(({ slug, role }) => !isBuiltIn(role) && !isOwnRole(slug, role))
  for (const { slug, role } of unknown)
    note(mayStay ? 'warning' : 'refused', 'unknown_organization_role', `There is no role ${role} in ${slug}.`)
  read.organizations = read.organizations.filter((one) => !unknown.includes(one))
  return unknown.length === 0 || mayStay
}

/** Notes identities that cannot be written; they are left out or refuse the record. @returns whether it may be written */
export function noteFaults(
  faults: readonly IdentityFault[],
  { unknown_connections: choice }: ImportOptions,
  note: AddNote,
): boolean {
  for (const { code, message } of faults) note(choice === 'refuse' ? 'refused' : 'warning', code, message)
  return faults.length === 0 || choice === 'leave_out'
}

export const takenIdentity = ({ connection, subject }: ReadIdentity): string =>
  `The account ${subject} at ${connection.slug} is connected to another user.`

/** By slug, in the order of the slugs: two imports take the locks in the same order. */
export function wantedOrganizations(records: readonly ReadRecord[]): { slug: string; name: string }[] {
  const names = new Map<string, string>()
  for (const { organizations } of records)
    for (const { slug, name } of organizations) if (!names.has(slug)) names.set(slug, name)
  return [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([slug, name]) => ({ slug, name }))
}
