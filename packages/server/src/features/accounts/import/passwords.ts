/**
 * Imports the passwords of users who were imported before, for systems that keep or export them apart from their
 * users. A user who has a password keeps it, so that a repetition changes nothing.
 */
import { systemCall } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { HashRefused } from '../../../base/hashing/index.ts'
import { fieldErrors } from '../../../base/http/request/fields.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { ImportBatch, type ImportNote, type ImportResult, PasswordRecord } from './fields.ts'
import { Plan } from './plan.ts'
import { insertPasswords, lockImports, selectImported } from './sql.ts'

/** Counts a password that is set as `updated`. @throws Problem VALIDATION_ERROR for malformed options */
export async function importPasswords(
  tools: Pick<Tools, 'db' | 'hashing' | 'clock'>,
  input: unknown,
): Promise<ImportResult> {
  const parsed = ImportBatch.safeParse(input)
  if (!parsed.success) throw problem('VALIDATION_ERROR', { message: 'This batch is malformed.' })
  const { options, rows } = parsed.data
  const plan = options.dry_run ? new Plan(parsed.data.planned, []) : null
  const undone = new Error('the import was a dry run')
  const notes: ImportNote[] = []
  const read = new Map<string, { line: number; record: PasswordRecord }>()
  for (const { line, record } of rows) {
    const password = await readPassword(tools, line, record, notes)
    if (password) read.set(password.external_id, { line, record: password })
  }
  const call = systemCall(tools.clock.now())
  const counts = { created: 0, updated: 0, unchanged: 0, skipped: 0, refused: 0 }
  await tools.db
    .tx('system', async (tx) => {
      await lockImports(tx)
      const users = await selectImported(tx, options.source, [...read.keys()])
      const ids = new Map(users.map((row) => [row.external_id, row.user_id]))
      for (const [id, { line }] of read)
        if (!ids.has(id) && !plan?.find(`imported ${id}`))
          notes.push({
            line,
            kind: 'refused',
            code: 'unknown_user',
            message: `No user ${id} was imported before.`,
          })
      const wanted = users.flatMap(({ external_id: externalId, user_id }) => {
        const record = read.get(externalId)?.record
        const at = record?.password_changed_at ?? call.now
        return record ? { user_id, hash: record.password_hash, changed_at: at, profile: null } : []
      })
      const changed = await insertPasswords(tx, wanted)
      counts.updated = changed.size
      counts.unchanged = wanted.length - changed.size
      if (plan) {
        planPasswords(plan, [...read.keys()], changed, counts, ids)
        throw undone
      }
      if (changed.size === 0) return
      await audit(
        tx,
        call,
        ...users
          .filter(({ user_id: id }) => changed.has(id))
          .map(({ user_id: userId, external_id }) => ({
            type: 'user.imported' as const,
            userId,
            username: null,
            details: { by: 'operator', source: options.source, external_id, outcome: 'updated' },
          })),
      )
    })
    .catch((error) => {
      if (error !== undone) throw error
    })
  counts.refused = notes.filter(({ kind }) => kind === 'refused').length
  return { counts, notes, organizations: [], planned: [...(plan?.changed ?? [])] }
}

/** The passwords of users whom the plan creates or changes. @param changed who had none in the tables */
function planPasswords(
  plan: Plan,
  externalIds: readonly string[],
  changed: ReadonlySet<string>,
  counts: ImportResult['counts'],
  ids: ReadonlyMap<string, string>,
): void {
  for (const externalId of externalIds) {
    const user = plan.find(`imported ${externalId}`)
    if (!user) continue
    const isCounted = ids.has(externalId)
    if (isCounted && !(user.has_password && changed.has(user.user_id))) continue
    // an earlier record has given the user a password, so that this one changes nothing
    if (isCounted) counts.updated -= 1
    if (user.has_password) counts.unchanged += 1
    else counts.updated += 1
    user.has_password = true
    plan.changed.add(user)
  }
}

async function readPassword(
  { hashing }: Pick<Tools, 'hashing'>,
  line: number,
  raw: unknown,
  notes: ImportNote[],
): Promise<PasswordRecord | null> {
  const { data, error } = PasswordRecord.safeParse(raw)
  const refuse = (code: string, message: string): null => {
    notes.push({ line, kind: 'refused', code, message })
    return null
  }
  if (!data) {
    const faults = fieldErrors(error, raw).slice(0, 5)
    return refuse('invalid', faults.map(({ field, message }) => `${field || 'record'}: ${message}`).join(' '))
  }
  try {
    const { form, weak } = await hashing.examine(data.password_hash)
    const message = `The hash (${form}) is weak until the user signs in.`
    if (weak) notes.push({ line, kind: 'warning', code: 'weak_hash', message })
    return data
  } catch (fault) {
    if (fault instanceof HashRefused) return refuse(`hash_${fault.code}`, fault.message)
    throw fault
  }
}
