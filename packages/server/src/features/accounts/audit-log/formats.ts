/**
 * The log as a file: JSON lines, exactly as the API tells an event, and CSV (RFC 4180) that a spreadsheet may open. A cell
 * that would be a formula there is text by a leading apostrophe: names and agents were written by strangers.
 */
import type { EventView } from './view.ts'

export const FORMATS = ['jsonl', 'csv'] as const
export type Format = (typeof FORMATS)[number]

export const TYPES: Readonly<Record<Format, string>> = {
  jsonl: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
}

// biome-ignore format: the order of the columns
const COLUMNS = [
  'id', 'timestamp', 'event_type', 'user_id', 'username', 'ip_address', 'user_agent', 'session_id', 'organization_id',
  'request_id', 'details',
] as const satisfies readonly (keyof EventView)[]

/** What begins a formula in one spreadsheet or another, full-width forms included. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

function cell(value: unknown): string {
  const plain = value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  const text = FORMULA.test(plain) ? `'${plain}` : plain
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const line = (cells: readonly string[]): string => `${cells.join(',')}\r\n`

/** What stands before the first event. */
export const headOf = (format: Format, bom: boolean): string =>
  format === 'csv' ? `${bom ? '\ufeff' : ''}${line(COLUMNS)}` : ''

export const textOf = (format: Format, events: readonly EventView[]): string =>
  events
    .map((event) =>
      format === 'csv' ? line(COLUMNS.map((column) => cell(event[column]))) : `${JSON.stringify(event)}\n`,
    )
    .join('')
