/**
 * Export formats: JSON lines with the API's events, and CSV (RFC 4180) that is safe to open in a spreadsheet. A cell
 * that would be a formula gets a leading apostrophe (CSV injection): names and user agents are untrusted input.
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

/** Characters that begin a formula in a spreadsheet, full-width forms included. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

function cell(value: unknown): string {
  const plain = value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  const text = FORMULA.test(plain) ? `'${plain}` : plain
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const line = (cells: readonly string[]): string => `${cells.join(',')}\r\n`

/** The text before the first event. */
export const headOf = (format: Format, bom: boolean): string =>
  format === 'csv' ? `${bom ? '\ufeff' : ''}${line(COLUMNS)}` : ''

export const textOf = (format: Format, events: readonly EventView[]): string =>
  events
    .map((event) =>
      format === 'csv' ? line(COLUMNS.map((column) => cell(event[column]))) : `${JSON.stringify(event)}\n`,
    )
    .join('')
