/** `users import`: reads the file, sends it in batches, and reports. What an import does is the import feature's. */
import { readFileSync } from 'node:fs'
import { type ImportOptions, type ImportResult, ON_CONFLICT } from '../features/accounts/import/index.ts'
import { type Args, type Command, type CommandOutcome, Failure, stringOf, UsageError } from './command.ts'
import { ImportLedger } from './import/ledger.ts'
import { PRESETS } from './import/presets/index.ts'
import type { FirebaseParameters, ImportPreset, PresetOptions } from './import/presets/preset.ts'
import { createReporter, type Reporter, reportText } from './import/report.ts'
import { type ImportRow, readCredentials, readUsers } from './import/rows.ts'
import type { FileFormat } from './import/source.ts'
import { type CommandSession, openSession, type Portable } from './through.ts'
import { importCredentialsStep, importUsersStep, ownerlessStep, withPayload } from './users-import-steps.ts'

/** Records of a batch, and characters, so that a message of the control socket holds it. */
const BATCH_ROWS = 500
const BATCH_CHARACTERS = 300_000

export const usersImport: Command = {
  name: 'users import',
  summary: 'Import accounts from a file',
  about:
    'Reads JSON lines, JSON and CSV, of Latchkey or of another system; `-` is standard input. A record that was imported before and is the same changes nothing, so that an interrupted import is continued by repeating it. No e-mail is sent. The exit code is 1 where a record was refused. The guide is docs/guides/import.md.',
  positionals: ['<file>'],
  options: {
    from: {
      type: 'string',
      value: '<system>',
      about: `The system: ${PRESETS.map(({ name }) => name).join(', ')}`,
    },
    passwords: {
      type: 'string',
      value: '<file>',
      about:
        'A second file with the hashes, as Auth0 and Better Auth have it; that of Better Auth has connected accounts, too',
    },
    'dry-run': { type: 'boolean', about: 'Report what an import would do, and write nothing' },
    'on-conflict': {
      type: 'string',
      value: '<what>',
      about: 'Where the account exists: skip (default), update, or fail',
    },
    'map-roles': {
      type: 'string',
      value: '<a=b,…>',
      about: 'Roles of the source, and what they are called here; `a=` leaves one out',
    },
    'unknown-roles': {
      type: 'string',
      value: '<what>',
      about: 'Records with unknown roles: refuse (default) or leave_out',
    },
    'refused-hashes': {
      type: 'string',
      value: '<what>',
      about: 'Records whose hash is refused: refuse (default), or leave_out the password',
    },
    'map-connections': {
      type: 'string',
      value: '<a=b,…>',
      about: 'Identity providers of the source, and the connections that they are here; `a=` leaves one out',
    },
    'unknown-connections': {
      type: 'string',
      value: '<what>',
      about:
        'Records with accounts at providers that have no connection here: refuse (default) or leave_out the account',
    },
    'groups-as-organizations': { type: 'boolean', about: 'Groups of Keycloak become organizations' },
    'firebase-hash-config': {
      type: 'string',
      value: '<file>',
      about: 'The hash parameters of a Firebase project',
    },
    source: {
      type: 'string',
      value: '<name>',
      about: 'A name for the source, where several of one system are imported',
    },
    format: {
      type: 'string',
      value: '<format>',
      about: 'csv or json, where the name of the file does not say it',
    },
    report: {
      type: 'string',
      value: '<file>',
      about: 'Write every note of the report to a file, as JSON lines',
    },
  },
  examples: [
    'latchkey users import users.jsonl --dry-run',
    'latchkey users import realm.json --from keycloak --map-roles admin=super_admin',
    'psql -c "copy (…) to stdout" | latchkey users import - --from gatehouse',
  ],
  on: 'machine',
  run: importFile,
}

interface Job {
  path: string
  preset: ImportPreset
  presetOptions: PresetOptions
  passwords: string | null
  format: FileFormat | null
  options: ImportOptions
}

async function importFile(args: Args): Promise<CommandOutcome> {
  const job = readJob(args)
  const reporter = await createReporter(stringOf(args, 'report'), job.options.dry_run)
  const session = openSession()
  const ledger = new ImportLedger()
  try {
    const users = readUsers(job.path, job.preset, job.presetOptions, job.format)
    await send(session, importUsersStep, users, job.options, reporter, ledger)
    if (job.passwords !== null) {
      const credentials = readCredentials(job.passwords, job.preset, job.presetOptions, job.format)
      await send(session, importCredentialsStep, credentials, job.options, reporter, ledger)
    }
    reporter.report.ownerless.push(...(await ownerlessOf(session, job.options, ledger)))
  } finally {
    await reporter.close()
    await session.close()
  }
  const { report } = reporter
  return { exit: report.counts.refused > 0 ? 1 : 0, json: report, text: reportText(report) }
}

/** Of the organizations that the import has created, or would create, those without an owner. */
async function ownerlessOf(
  session: CommandSession,
  { dry_run: isDry }: ImportOptions,
  { slugs, owned }: ImportLedger,
): Promise<string[]> {
  const ownerless: string[] = []
  for (let at = 0; at < slugs.length; at += BATCH_ROWS) {
    const some = slugs.slice(at, at + BATCH_ROWS)
    if (isDry) ownerless.push(...some.filter((slug) => !owned.has(slug)).sort())
    else ownerless.push(...((await session.run(ownerlessStep, withPayload(some))).json as string[]))
  }
  return ownerless
}

/** Sends rows in batches, and counts what became of them. */
async function send(
  session: CommandSession,
  step: Portable,
  rows: AsyncIterable<ImportRow>,
  options: ImportOptions,
  reporter: Reporter,
  ledger: ImportLedger,
): Promise<void> {
  let [batch, size] = [[] as { line: number; record: unknown }[], 0]
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const before = options.dry_run ? ledger.before(batch.map(({ record }) => record)) : {}
    const { json } = await session.run(step, withPayload({ options, ...before, rows: batch }))
    const result = json as ImportResult
    ledger.enter(result)
    await reporter.count(result)
    ;[batch, size] = [[], 0]
  }
  for await (const row of rows) {
    reporter.report.counts.read += 1
    const { line } = row
    if ('fault' in row) {
      reporter.report.counts.refused += 1
      await reporter.note({ line, kind: 'refused', code: 'unreadable', message: row.fault })
    } else if ('ignored' in row) {
      reporter.report.counts.ignored += 1
      await reporter.note({ line, kind: 'warning', code: 'ignored', message: row.ignored })
    } else {
      for (const what of row.left)
        await reporter.note({ line, kind: 'warning', code: 'left_out', message: `Left out: ${what}.` })
      const length = JSON.stringify(row.record).length
      if (batch.length >= BATCH_ROWS || size + length > BATCH_CHARACTERS) await flush()
      batch.push({ line, record: row.record })
      size += length
    }
  }
  await flush()
}

/** @throws UsageError */
function readJob(args: Args): Job {
  const [path = ''] = args.positionals
  const from = stringOf(args, 'from') ?? 'latchkey'
  const preset = PRESETS.find(({ name }) => name === from)
  if (!preset) throw new UsageError(`--from takes one of: ${PRESETS.map(({ name }) => name).join(', ')}.`)
  const passwords = stringOf(args, 'passwords')
  if (passwords !== null && !preset.readCredential)
    throw new UsageError(`Users of ${preset.system} have their passwords in the first file.`)
  const source = stringOf(args, 'source') ?? preset.name
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(source))
    throw new UsageError('--source takes small letters, digits, dots, hyphens and underscores.')
  return {
    path,
    preset,
    passwords,
    presetOptions: {
      firebase: firebaseParameters(stringOf(args, 'firebase-hash-config')),
      groupsAsOrganizations: args.values['groups-as-organizations'] === true,
      connections: pairsOf(args, 'map-connections', 'acme-okta=acme,yahoo='),
    },
    format: oneOf(args, 'format', ['csv', 'json'] as const),
    options: {
      source,
      dry_run: args.values['dry-run'] === true,
      on_conflict: oneOf(args, 'on-conflict', ON_CONFLICT) ?? 'skip',
      roles: pairsOf(args, 'map-roles', 'admin=super_admin,editor=staff'),
      unknown_roles: oneOf(args, 'unknown-roles', ['refuse', 'leave_out'] as const) ?? 'refuse',
      refused_hashes: oneOf(args, 'refused-hashes', ['refuse', 'leave_out'] as const) ?? 'refuse',
      unknown_connections: oneOf(args, 'unknown-connections', ['refuse', 'leave_out'] as const) ?? 'refuse',
    },
  }
}

function oneOf<T extends string>(args: Args, name: string, values: readonly T[]): T | null {
  const given = stringOf(args, name)
  if (given === null) return null
  const found = values.find((value) => value === given)
  if (found === undefined) throw new UsageError(`--${name} takes one of: ${values.join(', ')}.`)
  return found
}

/** Names of the source, and what they are here. */
function pairsOf(args: Args, name: string, example: string): Record<string, string> {
  const pairs = (stringOf(args, name) ?? '').split(',').filter((pair) => pair.trim() !== '')
  return Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`--${name} takes pairs as in ${example}.`)
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    }),
  )
}

/** The parameters as the Firebase console shows them (`hash_config { … }`), or as JSON. */
function firebaseParameters(path: string | null): FirebaseParameters | null {
  if (path === null) return null
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(`${path} cannot be read: ${(error as Error).message}.`, 'FILE_UNREADABLE')
  }
  const value = (name: string): string | undefined =>
    new RegExp(`["']?${name}["']?\\s*:\\s*["']?([^"',\\s}]+)`).exec(text)?.[1]
  const [signerKey, rounds, memoryCost] = [value('base64_signer_key'), value('rounds'), value('mem_cost')]
  if (!signerKey || !rounds || !memoryCost)
    throw new UsageError(`${path} lacks base64_signer_key, rounds or mem_cost.`)
  return {
    signerKey,
    saltSeparator: value('base64_salt_separator') ?? '',
    rounds: Number(rounds),
    memoryCost: Number(memoryCost),
  }
}
