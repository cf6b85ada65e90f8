/** Reads a file of users, or of passwords, as rows for the server: by its format and by the preset of its system. */
import { type CsvRow, parseCsv, unescapeFormula } from '../../base/csv.ts'
import { Failure } from '../command.ts'
import { withConnections } from './connections.ts'
import { jsonElements, jsonLines } from './json-values.ts'
import {
  type ImportPreset,
  itemsOf,
  type PresetOptions,
  type PresetResult,
  type Raw,
} from './presets/preset.ts'
import { type FileFormat, formatOf, LONGEST_RECORD, readText, withFirstCharacter } from './source.ts'

/** A record of the file; a fault says why it cannot be read. */
type FileRow = { line: number } & ({ raw: Raw } | { fault: string })

export type ImportRow = { line: number } & (
  | { record: unknown; left: readonly string[] }
  | { fault: string }
  | { ignored: string }
)

/** @throws Failure where the file cannot be read, or its header lacks a name */
export async function* readUsers(
  path: string,
  preset: ImportPreset,
  options: PresetOptions,
  format: FileFormat | null,
): AsyncGenerator<ImportRow> {
  for await (const row of readFile(path, preset, format)) {
    if ('fault' in row) {
      yield row
      continue
    }
    const result: PresetResult = preset.read(row.raw, options)
    if ('ignored' in result) yield { line: row.line, ignored: result.ignored }
    else {
      const { record, left } = withConnections(result.record, preset, options)
      yield { line: row.line, record, left: [...(result.left ?? []), ...left] }
    }
  }
}

/** The passwords and connected accounts of a second file; rows without one are none. */
export async function* readCredentials(
  path: string,
  preset: ImportPreset,
  options: PresetOptions,
  format: FileFormat | null,
): AsyncGenerator<ImportRow> {
  for await (const row of readFile(path, preset, format)) {
    if ('fault' in row) yield row
    else {
      const entry = preset.readCredential?.(row.raw)
      if (!entry) continue
      const { record, left } = withConnections({ ...entry }, preset, options)
      const isEmpty = entry.password_hash === undefined && itemsOf(record.identities).length === 0
      if (!isEmpty) yield { line: row.line, record, left }
      else if (left.length > 0) yield { line: row.line, ignored: `It is ${left.join(', ')}.` }
    }
  }
}

async function* readFile(
  path: string,
  preset: ImportPreset,
  format: FileFormat | null,
): AsyncGenerator<FileRow> {
  const { first, text } = await withFirstCharacter(readText(path))
  if ((format ?? formatOf(path, first)) === 'csv') {
    yield* fromCsv(parseCsv(text, LONGEST_RECORD), preset.name === 'latchkey')
    return
  }
  const isList = first === '[' || (first === '{' && preset.list !== null)
  const values = isList
    ? jsonElements(text, LONGEST_RECORD, first === '[' ? null : preset.list)
    : jsonLines(text, LONGEST_RECORD)
  for await (const value of values) yield { line: value.line, ...parsed(value.text) }
}

function parsed(text: string | null): { raw: Raw } | { fault: string } {
  if (text === null) return { fault: `The record is longer than ${LONGEST_RECORD} characters.` }
  try {
    const raw: unknown = JSON.parse(text)
    if (raw !== null && typeof raw === 'object' && !Array.isArray(raw)) return { raw: raw as Raw }
    return { fault: 'The record is no JSON object.' }
  } catch {
    return { fault: 'The record is no valid JSON.' }
  }
}

/** @param isOwn cells were written by this server, which escapes formulas */
async function* fromCsv(rows: AsyncIterable<CsvRow>, isOwn: boolean): AsyncGenerator<FileRow> {
  let header: string[] | null = null
  for await (const { line, cells } of rows) {
    if (header === null) {
      header = cells?.map((name) => name.trim()) ?? []
      if (header.length === 0 || header.includes('') || new Set(header).size !== header.length)
        throw new Failure('The first line of a CSV file names every column, each once.', 'CSV_HEADER')
      continue
    }
    if (cells === null) {
      yield {
        line,
        fault: `The row is longer than ${LONGEST_RECORD} characters, or a quotation mark is not closed.`,
      }
    } else if (cells.length !== header.length) {
      yield { line, fault: `The row has ${cells.length} cells, the header ${header.length}.` }
    } else {
      const entries = header.map((name, at): [string, string] => {
        const cell = cells[at] ?? ''
        return [name, isOwn ? unescapeFormula(cell) : cell]
      })
      yield { line, raw: Object.fromEntries(entries) }
    }
  }
}
