/** The report of an import: counts, and a bounded number of notes; all of them go to a file where one is named. */

import type { ImportNote, ImportResult } from '../../features/accounts/import/index.ts'
import { openFileOutput } from '../file-output.ts'
import { paint, pairs, plain } from '../terminal.ts'

const MOST_NOTES = 100

export interface ImportReport {
  counts: ImportResult['counts'] & { read: number; ignored: number; warnings: number }
  /** How often each code was noted. */
  codes: Record<string, number>
  notes: ImportNote[]
  notes_omitted: number
  organizations_created: number
  /** Organizations of this import that have no owner. */
  ownerless: string[]
  dry_run: boolean
}

export interface Reporter {
  report: ImportReport
  count(result: ImportResult): Promise<void>
  note(note: ImportNote): Promise<void>
  close(): Promise<void>
}

/** @param path where every note goes, as JSON lines; null: nowhere. @throws Failure where the file cannot be written */
export async function createReporter(path: string | null, dryRun: boolean): Promise<Reporter> {
  const file = path === null ? null : await openFileOutput(path, 'w')
  const report: ImportReport = {
    counts: {
      read: 0,
      created: 0,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      refused: 0,
      ignored: 0,
      warnings: 0,
    },
    codes: {},
    notes: [],
    notes_omitted: 0,
    organizations_created: 0,
    ownerless: [],
    dry_run: dryRun,
  }
  const note = async (one: ImportNote): Promise<void> => {
    report.codes[one.code] = (report.codes[one.code] ?? 0) + 1
    if (one.kind === 'warning') report.counts.warnings += 1
    if (report.notes.length < MOST_NOTES) report.notes.push(one)
    else report.notes_omitted += 1
    await file?.write(`${JSON.stringify(one)}\n`)
  }
  return {
    report,
    note,
    async count({ counts, notes, organizations }) {
      for (const name of Object.keys(counts) as (keyof ImportResult['counts'])[])
        report.counts[name] += counts[name]
      report.organizations_created += organizations.length
      for (const one of notes) await note(one)
    },
    close: async () => await file?.close(),
  }
}

/** The report as text. */
export function reportText({ counts, codes, notes, notes_omitted, ...rest }: ImportReport): string {
  const lines = notes.map(({ line, kind, code, message }) => {
    const text = `line ${line}: ${kind} ${code}: ${plain(message)}`
    return kind === 'warning' ? paint('yellow', text) : paint('red', text)
  })
  if (notes_omitted > 0) lines.push(`${notes_omitted} further notes; --report writes all of them to a file.`)
  const rows: [string, string][] = Object.entries(counts).map(([name, count]) => [name, String(count)])
  if (rest.organizations_created > 0) rows.push(['organizations', String(rest.organizations_created)])
  const ownerless = rest.ownerless.map((slug) => `The organization ${slug} has no owner.`)
  const summary = rest.dry_run ? 'Dry run: nothing was written. What an import would do:' : 'Imported:'
  const noted = Object.entries(codes).map(([code, count]): [string, string] => [code, String(count)])
  return [
    ...lines,
    ...ownerless,
    summary,
    pairs(rows),
    ...(noted.length > 0 ? ['Notes by code:', pairs(noted)] : []),
  ].join('\n')
}
