/**
 * Imports the passwords and identities of users who were imported before, for systems that keep or export them apart from
 * their users. A user who has a password keeps it, and an identity stays with the user who has it, so that a repetition
 * changes nothing.
 */
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { HashRefused } from '../../../base/hashing/index.ts'
import { fieldErrors } from '../../../base/http/request/fields.ts'
import { type AuditEntry, audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  createIdentityReader,
  insertIdentities,
  type ReadIdentity,
  selectIdentityOwners,
} from '../import-identities/index.ts'
import { importEvent } from './creation.ts'
import {
  CredentialRecord,
  ImportBatch,
  type ImportCounts,
  type ImportNote,
  type ImportOptions,
  type ImportResult,
} from './fields.ts'
import { Plan } from './plan.ts'
import { type AddNote, type ImportTools, noCounts, noteAt, noteFaults, takenIdentity } from './records.ts'
import { insertPasswords, lockImports, retryIfTaken, selectImported } from './sql.ts'

/** A record that may be written. */
interface ReadCredential {
  line: number
  record: CredentialRecord
  identities: ReadIdentity[]
}

interface Batch {
  options: ImportOptions
  plan: Plan | null
  read: readonly ReadCredential[]
}

/** Undoes the transaction of a dry run. */
class Undone extends Error {}

/**
 * Counts a record that gives its user a password or an identity as `updated`.
 * @throws Problem VALIDATION_ERROR for malformed options; CONFLICT
 */
export async function importCredentials(tools: ImportTools, input: unknown): Promise<ImportResult> {
  const parsed = ImportBatch.safeParse(input)
  if (!parsed.success) throw problem('VALIDATION_ERROR', { message: 'This batch is malformed.' })
  const { options, rows } = parsed.data
  const plan = options.dry_run ? new Plan(parsed.data.planned, []) : null
  const notes: ImportNote[] = []
  const read = await readCredentials(tools, rows, options, notes)
  const written = await retryIfTaken(() => writeBatch(tools, { options, plan, read }))
  written.counts.refused += rows.length - read.length
  return {
    counts: written.counts,
    notes: [...notes, ...written.notes],
    organizations: [],
    planned: [...(plan?.changed ?? [])],
  }
}

async function writeBatch(
  tools: ImportTools,
  batch: Batch,
): Promise<{ counts: ImportCounts; notes: ImportNote[] }> {
  const written = { counts: noCounts(), notes: [] as ImportNote[] }
  await tools.db
    .tx('system', async (tx) => {
      await lockImports(tx)
      await write(tx, systemCall(tools.clock.now()), batch, written)
      if (batch.plan) throw new Undone('the import was a dry run')
    })
    .catch((error) => {
      if (!(error instanceof Undone)) throw error
    })
  return written
}

/** What a batch gives a user, and by which records. */
interface UserCredentials {
  userId: string
  externalId: string
  /** Whether the user is in the tables; otherwise in the plan alone. */
  isStored: boolean
  /** The first of the batch. */
  password: { hash: string; changedAt: Date } | null
  connected: ReadIdentity[]
  /** Whether each record gives an identity. */
  records: { hasPassword: boolean; connects: boolean }[]
}

async function write(
  tx: Tx,
  call: Call,
  batch: Batch,
  { counts, notes }: { counts: ImportCounts; notes: ImportNote[] },
): Promise<void> {
  const users = await assign(tx, call.now, batch, counts, notes)
  const stored = users.filter(({ isStored }) => isStored)
  const identities = stored.flatMap(({ userId, connected }) =>
    connected.map((identity) => ({ userId, identity })),
  )
  await insertIdentities(tx, identities, call.now)
  const gained = await writePasswords(tx, batch.plan, users)
  for (const { userId, connected, records } of users) {
    if (connected.length > 0) batch.plan?.connect(userId, connected)
    // the first record with a password is the one that gives it
    const first = gained.has(userId) ? records.find(({ hasPassword }) => hasPassword) : undefined
    for (const record of records) counts[record.connects || record === first ? 'updated' : 'unchanged'] += 1
  }
  const events = stored.flatMap(({ userId, externalId, connected }): AuditEntry[] =>
    connected.length > 0 || gained.has(userId)
      ? [importEvent(batch.options, { externalId, username: null }, userId, 'updated', connected)]
      : [],
  )
  if (events.length > 0) await audit(tx, call, ...events)
}

/** The users of the records. A record whose identity is of another user is a conflict, whole. */
async function assign(
  tx: Tx,
  now: Date,
  { options, plan, read }: Batch,
  counts: ImportCounts,
  notes: ImportNote[],
): Promise<UserCredentials[]> {
  const ids = [...new Set(read.map(({ record }) => record.external_id))]
  const imported = await selectImported(tx, options.source, ids)
  const stored = new Map(imported.map((row) => [row.external_id, row.user_id]))
  const all = read.flatMap(({ identities }) => identities)
  const owners = await selectIdentityOwners(tx, all)
  const ownerOf = (key: string): string | undefined =>
    owners.get(key) ?? plan?.find(`identity ${key}`)?.user_id
  const users = new Map<string, UserCredentials>()
  for (const { line, record, identities } of read) {
    const { external_id: externalId, password_hash: hash } = record
    const userId = stored.get(externalId) ?? plan?.find(`imported ${externalId}`)?.user_id
    const taken = identities.find(({ key }) => (ownerOf(key) ?? userId) !== userId)
    if (userId === undefined) {
      counts.refused += 1
      const message = `No user ${externalId} was imported before.`
      notes.push({ line, kind: 'refused', code: 'unknown_user', message })
    } else if (taken) {
      const message = takenIdentity(taken)
      if (options.on_conflict === 'fail') throw problem('CONFLICT', { message: `Line ${line}: ${message}` })
      counts.skipped += 1
      notes.push({ line, kind: 'conflict', code: 'identity_taken', message })
    } else {
      const isStored = stored.has(externalId)
      const none = { userId, externalId, isStored, password: null, connected: [], records: [] }
      const user: UserCredentials = users.get(userId) ?? none
      users.set(userId, user)
      const missing = identities.filter(({ key }) => ownerOf(key) === undefined)
      for (const { key } of missing) owners.set(key, userId)
      user.connected.push(...missing)
      if (hash !== undefined) user.password ??= { hash, changedAt: record.password_changed_at ?? now }
      user.records.push({ hasPassword: hash !== undefined, connects: missing.length > 0 })
    }
  }
  return [...users.values()]
}

/** @returns the users who had no password, neither in the tables nor by the plan */
async function writePasswords(
  tx: Tx,
  plan: Plan | null,
  users: readonly UserCredentials[],
): Promise<Set<string>> {
  const rows = users.flatMap(({ userId, isStored, password }) =>
    isStored && password
      ? { user_id: userId, hash: password.hash, changed_at: password.changedAt, profile: null }
      : [],
  )
  const inserted = await insertPasswords(tx, rows)
  const gaining = users.filter(
    ({ userId, isStored, password }) =>
      password !== null &&
      (!isStored || inserted.has(userId)) &&
      plan?.find(`id ${userId}`)?.has_password !== true,
  )
  for (const { userId } of gaining) plan?.setPassword(userId)
  return new Set(gaining.map(({ userId }) => userId))
}

async function readCredentials(
  tools: ImportTools,
  rows: readonly { line: number; record?: unknown }[],
  options: ImportOptions,
  notes: ImportNote[],
): Promise<ReadCredential[]> {
  const records: { line: number; record: CredentialRecord }[] = []
  for (const { line, record: raw } of rows) {
    const record = await readRecord(tools, raw, noteAt(notes, line))
    if (record) records.push({ line, record })
  }
  const all = records.flatMap(({ record }) => record.identities ?? [])
  const readIdentities = await createIdentityReader(tools, all)
  const read: ReadCredential[] = []
  for (const { line, record } of records) {
    const { identities, faults } = await readIdentities(record.identities ?? [])
    if (noteFaults(faults, options, noteAt(notes, line))) read.push({ line, record, identities })
  }
  return read
}

async function readRecord(
  { hashing }: Pick<Tools, 'hashing'>,
  raw: unknown,
  note: AddNote,
): Promise<CredentialRecord | null> {
  const { data, error } = CredentialRecord.safeParse(raw)
  if (!data) {
    const faults = fieldErrors(error, raw).slice(0, 5)
    note(
      'refused',
      'invalid',
      faults.map(({ field, message }) => `${field || 'record'}: ${message}`).join(' '),
    )
    return null
  }
  if (data.password_hash === undefined) return data
  try {
    const { form, weak } = await hashing.examine(data.password_hash)
    if (weak) note('warning', 'weak_hash', `The hash (${form}) is weak until the user signs in.`)
    return data
  } catch (fault) {
    if (!(fault instanceof HashRefused)) throw fault
    note('refused', `hash_${fault.code}`, fault.message)
    return null
  }
}
