/**
 * Imports users in batches: new users of a batch in one transaction, and one for each update. A record that was
 * imported before and is the same changes nothing, so that an interrupted import is continued by repeating it. No
 * e-mail is sent.
 *
 * Invariants: an identifier that has an owner is never given to another user; a record is written whole or not at all;
 * each user and each membership that is written has an audit event; locks are taken in the order organizations, roles,
 * users.
 */
import { systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { defaultRole, lockRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { ensureOrganizations } from '../../organizations/organization/index.ts'
import { createIdentityReader, selectIdentityOwners } from '../import-identities/index.ts'
import { createUsers } from './creation.ts'
import {
  ImportBatch,
  type ImportCounts,
  type ImportNote,
  type ImportOptions,
  type ImportResult,
  type PlannedUser,
} from './fields.ts'
import { keysOfRead, Plan } from './plan.ts'
import {
  checkOrganizationRoles,
  type ImportTools,
  noCounts,
  noteAt,
  noteFaults,
  type ReadRecord,
  readRecord,
  takenIdentity,
  wantedOrganizations,
} from './records.ts'
import {
  lockImports,
  retryIfTaken,
  selectImported,
  selectOrganizationsBySlug,
  selectOwnerless,
  selectTaken,
} from './sql.ts'
import type { ImportedUsersTable } from './tables.ts'
import { UNVERIFIED, updateUserByImport } from './update.ts'

/** A record that differs from what was imported, or whose identifiers have an owner. */
interface Conflict {
  code: 'changed' | 'address_taken' | 'username_taken' | 'id_taken' | 'identity_taken'
  message: string
  /** The user that an update changes; null where none can be. */
  userId: string | null
}

/** A record that changes a user who exists. */
interface Update {
  read: ReadRecord
  userId: string
  before: ImportedUsersTable | null
}

/** What is to be done with a record. */
type Decision =
  | { does: 'create'; read: ReadRecord }
  | ({ does: 'update' } & Update)
  | { does: 'keep' | 'skip' | 'refuse' }

/**
 * Imports a batch. With `on_conflict: fail` the first conflict ends it; what was written before stays.
 * @throws Problem VALIDATION_ERROR for malformed options; CONFLICT
 */
export async function importUsers(tools: ImportTools, input: unknown): Promise<ImportResult> {
  const parsed = ImportBatch.safeParse(input)
  if (!parsed.success) throw problem('VALIDATION_ERROR', { message: 'This batch is malformed.' })
  const { options, rows } = parsed.data
  const result: ImportResult = { counts: noCounts(), notes: [], organizations: [], planned: [] }
  const plan = options.dry_run ? new Plan(parsed.data.planned, parsed.data.planned_organizations) : null
  const read: ReadRecord[] = []
  for (const row of rows) {
    const record = await readRecord(tools, row, options, noteAt(result.notes, row.line))
    if (record) read.push(record)
  }
  const records = await withIdentities(tools, read, options, result.notes)
  result.counts.refused += rows.length - records.length
  for (const part of withoutRepetitions(records)) await writePart(tools, part, options, plan, result)
  return { ...result, planned: [...(plan?.changed ?? [])] }
}

/** Reads the identities of records. @returns the records that are not refused for one */
async function withIdentities(
  tools: ImportTools,
  records: readonly ReadRecord[],
  options: ImportOptions,
  notes: ImportNote[],
): Promise<ReadRecord[]> {
  const all = records.flatMap(({ record }) => record.identities ?? [])
  const readIdentities = await createIdentityReader(tools, all)
  const kept: ReadRecord[] = []
  for (const one of records) {
    const { identities, faults } = await readIdentities(one.record.identities ?? [])
    one.identities = identities
    if (noteFaults(faults, options, noteAt(notes, one.line))) kept.push(one)
  }
  return kept
}

/** Cuts a batch before a record that repeats an identifier, so that it meets the first one in the tables, or the plan. */
function* withoutRepetitions(records: readonly ReadRecord[]): Generator<ReadRecord[]> {
  let part: ReadRecord[] = []
  let seen = new Set<string>()
  for (const one of records) {
    const keys = keysOfRead(one)
    if (keys.some((key) => seen.has(key))) {
      yield part
      part = []
      seen = new Set()
    }
    part.push(one)
    for (const key of keys) seen.add(key)
  }
  if (part.length > 0) yield part
}

async function writePart(
  tools: ImportTools,
  part: readonly ReadRecord[],
  options: ImportOptions,
  plan: Plan | null,
  result: ImportResult,
): Promise<void> {
  const own = await retryIfTaken(async () => {
    const own: ImportResult = { counts: noCounts(), notes: [], organizations: [], planned: [] }
    const updates = await tools.db.tx('system', (tx) => createRecords(tools, tx, part, options, plan, own))
    for (const update of updates) await updateRecord(tools, update, options, plan, own)
    return own
  })
  for (const name of Object.keys(own.counts) as (keyof ImportCounts)[])
    result.counts[name] += own.counts[name]
  result.notes.push(...own.notes)
  result.organizations.push(...own.organizations)
}

/** Creates the new users of a part. @returns the records that update a user, each in a transaction that follows */
async function createRecords(
  tools: ImportTools,
  tx: Tx,
  part: readonly ReadRecord[],
  options: ImportOptions,
  plan: Plan | null,
  result: ImportResult,
): Promise<Update[]> {
  const { counts, notes } = result
  const call = systemCall(tools.clock.now())
  await lockImports(tx)
  const decisions = await decide(tx, part, options, plan, notes, call.now)
  const creates = decisions.flatMap((one) => (one.does === 'create' ? one.read : []))
  const updates = decisions.flatMap((one) => (one.does === 'update' ? one : []))
  counts.unchanged += decisions.filter(({ does }) => does === 'keep').length
  counts.skipped += decisions.filter(({ does }) => does === 'skip').length
  counts.refused += decisions.filter(({ does }) => does === 'refuse').length
  counts.created += creates.length
  if (plan) {
    const slugs = wantedOrganizations(creates).map(({ slug }) => slug)
    result.organizations.push(...plan.found(slugs))
    for (const read of creates) plan.create(read)
    return updates
  }
  const organizations = await ensureOrganizations(tx, call, wantedOrganizations(creates))
  for (const [slug, { isNew }] of organizations) if (isNew) result.organizations.push(slug)
  if (creates.length > 0) await lockRoles(tx)
  const context = { tools, call, source: options.source, organizations }
  await createUsers(tx, context, creates, defaultRole(tools.config))
  return updates
}

async function updateRecord(
  tools: ImportTools,
  update: Update,
  options: ImportOptions,
  plan: Plan | null,
  { counts, notes, organizations }: ImportResult,
): Promise<void> {
  const { read, userId } = update
  const planned = plan?.find(`id ${userId}`)
  const { refused, created } = planned?.is_new
    ? updatePlanned(planned, update)
    : await updateUserByImport(tools, systemCall(tools.clock.now()), options, update)
  organizations.push(...(plan ? plan.found(created) : created))
  if (refused === null) {
    counts.updated += 1
    plan?.update(read, userId)
  } else {
    counts.refused += 1
    noteAt(notes, read.line)('refused', 'not_updated', refused)
  }
}

/** As `updateUserByImport`, of a user whom an earlier record of a dry run would create. */
const updatePlanned = (user: PlannedUser, { read, before }: Update) =>
  before === null && !user.verified
    ? { refused: UNVERIFIED, created: [] }
    : { refused: null, created: wantedOrganizations([read]).map(({ slug }) => slug) }

async function decide(
  tx: Tx,
  part: readonly ReadRecord[],
  options: ImportOptions,
  plan: Plan | null,
  notes: ImportNote[],
  now: Date,
): Promise<Decision[]> {
  const usernames = part.flatMap(({ username }) => (username === null ? [] : canonical(username)))
  const slugs = [...new Set(part.flatMap(({ organizations }) => organizations.map(({ slug }) => slug)))]
  const [imported, taken, organizations, connected] = await Promise.all([
    selectImported(
      tx,
      options.source,
      part.map(({ externalId }) => externalId),
    ),
    selectTaken(tx, {
      addresses: part.map(({ addressKey }) => addressKey),
      usernames,
      ids: part.flatMap(({ record }) => record.id ?? []),
    }),
    selectOrganizationsBySlug(tx, slugs),
    selectIdentityOwners(
      tx,
      part.flatMap(({ identities }) => identities),
    ),
  ])
  const before = new Map(imported.map((row) => [row.external_id, row]))
  const identities = [...connected].map(([key, user_id]) => ({ kind: 'identity', key, user_id }))
  const owned = [...taken, ...identities, ...part.flatMap((read) => plan?.taken(read) ?? [])]
  const owners = new Map(owned.map(({ kind, key, user_id }) => [`${kind} ${key}`, user_id]))
  const known = new Map(organizations.map((one) => [one.slug, one]))
  plan?.exist(slugs.filter((slug) => known.has(slug)))
  return part.map((read): Decision => {
    const note = noteAt(notes, read.line)
    const row = plan?.imported(read.externalId, options.source, now) ?? before.get(read.externalId) ?? null
    if (row?.digest.equals(read.digest)) return { does: 'keep' }
    const deleted = read.organizations.find(({ slug }) => known.get(slug)?.deleted)
    if (deleted) {
      note('refused', 'organization_deleted', `The organization ${deleted.slug} is deleted.`)
      return { does: 'refuse' }
    }
    const isOwnRole = (slug: string, role: string) => known.get(slug)?.roles.includes(role) ?? false
    if (!checkOrganizationRoles(read, isOwnRole, options, note)) return { does: 'refuse' }
    const conflict = conflictOf(read, row, owners)
    if (!conflict) return { does: 'create', read }
    if (options.on_conflict === 'fail')
      throw problem('CONFLICT', { message: `Line ${read.line}: ${conflict.message}` })
    if (options.on_conflict === 'update' && conflict.userId !== null)
      return { does: 'update', read, userId: conflict.userId, before: row }
    note('conflict', conflict.code, conflict.message)
    return { does: 'skip' }
  })
}

function conflictOf(
  read: ReadRecord,
  before: ImportedUsersTable | null,
  owners: ReadonlyMap<string, string>,
): Conflict | null {
  const byAddress = owners.get(`address ${read.addressKey}`)
  const byUsername = read.username === null ? undefined : owners.get(`username ${canonical(read.username)}`)
  const byId = read.record.id === undefined ? undefined : owners.get(`id ${read.record.id}`)
  const target = before?.user_id ?? byAddress ?? byId ?? null
  const isOther = (owner: string | undefined): boolean => owner !== undefined && owner !== target
  // an account that has left the address is not the one that the record means
  if (isOther(owners.get(`kept ${read.addressKey}`)))
    return {
      code: 'address_taken',
      message: `${read.record.email} is kept for an account that had it until a few days ago.`,
      userId: null,
    }
  if (isOther(byAddress))
    return { code: 'address_taken', message: `${read.record.email} belongs to another user.`, userId: null }
  if (isOther(byUsername) || (target === null && byUsername !== undefined))
    return { code: 'username_taken', message: `The username ${read.username} is taken.`, userId: null }
  const other = read.identities.find(({ key }) => isOther(owners.get(`identity ${key}`)))
  if (other) return { code: 'identity_taken', message: takenIdentity(other), userId: null }
  if (target === null) return null
  if (before)
    return { code: 'changed', message: 'The record differs from the one that was imported.', userId: target }
  if (byAddress) return { code: 'address_taken', message: `${read.record.email} is taken.`, userId: target }
  return { code: 'id_taken', message: `The id ${read.record.id} is taken.`, userId: target }
}

/** Of the organizations of an import, those that have no owner. */
export const listOwnerlessOrganizations = (
  tools: Pick<Tools, 'db'>,
  slugs: readonly string[],
): Promise<string[]> => tools.db.tx('system', (tx) => selectOwnerless(tx, slugs))
