/** `users export`: all accounts as JSON lines or CSV, in a file that only its owner can read, or on standard output. */
import { csvLine } from '../base/csv.ts'
import { FIELDS } from '../features/accounts/import/index.ts'
import { type Args, type Command, type CommandOutcome, done, stringOf, UsageError } from './command.ts'
import { openFileOutput, standardOutput } from './file-output.ts'
import { openSession } from './through.ts'
import { beginExportStep, exportPageStep, withPayload } from './users-import-steps.ts'

/** Users of a page: a message of the control socket holds them with their profiles and all of their memberships. */
const PAGE = 50

export const usersExport: Command = {
  name: 'users export',
  summary: 'Export all accounts to a file',
  about:
    'Writes JSON lines, or CSV where the name of the file ends in .csv; `users import` reads both. Without a file, to standard output. The file is new and readable only by its owner. The export is recorded in the audit log.',
  positionals: ['[file]'],
  options: {
    'include-password-hashes': {
      type: 'boolean',
      about: 'Include the hashes of passwords: who has the file can guess at them',
    },
    format: {
      type: 'string',
      value: '<format>',
      about: 'jsonl or csv, where the name of the file does not say it',
    },
  },
  examples: ['latchkey users export users.jsonl', 'latchkey users export users.csv'],
  on: 'machine',
  async run(args, terminal) {
    const [path = null] = args.positionals
    if (path === null && terminal.json)
      throw new UsageError('With --json the accounts go to a file: name one.')
    return await exportTo(args, path)
  },
}

async function exportTo(args: Args, path: string | null): Promise<CommandOutcome> {
  const format = stringOf(args, 'format') ?? (path?.toLowerCase().endsWith('.csv') ? 'csv' : 'jsonl')
  if (format !== 'jsonl' && format !== 'csv') throw new UsageError('--format takes jsonl or csv.')
  const hashes = args.values['include-password-hashes'] === true
  const session = openSession()
  const out = path === null ? standardOutput : await openFileOutput(path, 'wx')
  let isComplete = false
  try {
    await session.run(beginExportStep, withPayload({ format, password_hashes: hashes }))
    const columns = FIELDS.filter(
      (name) => name !== 'external_id' && (hashes || !name.startsWith('password_')),
    )
    if (format === 'csv') await out.write(csvLine(columns))
    let exported = 0
    for (let after = ''; ; ) {
      const { json } = await session.run(exportPageStep, withPayload({ after, limit: PAGE, hashes }))
      const page = json as Record<string, unknown>[]
      const lines = page.map((record) =>
        format === 'csv' ? csvLine(columns.map((name) => record[name])) : `${JSON.stringify(record)}\n`,
      )
      await out.write(lines.join(''))
      exported += page.length
      after = String(page.at(-1)?.id ?? '')
      if (page.length < PAGE) break
    }
    isComplete = true
    const where = path === null ? [] : [`Exported ${exported} accounts to ${path}.`]
    return done({ exported, file: path, format, password_hashes: hashes }, where.join(''))
  } finally {
    await (isComplete ? out.close() : out.discard())
    await session.close()
  }
}
