/**
 * Export formats: JSON lines with the API's events, and CSV that is safe to open in a spreadsheet,
 * because names and user agents are untrusted input.
 */
import { csvLine } from '../../../base/csv.ts'
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

/** The text before the first event. */
export const headOf = (format: Format, bom: boolean): string =>
  format === 'csv' ? `${bom ? '\ufeff' : ''}${csvLine(COLUMNS)}` : ''

export const textOf = (format: Format, events: readonly EventView[]): string =>
  events
    .map((event) =>
      format === 'csv' ? csvLine(COLUMNS.map((column) => event[column])) : `${JSON.stringify(event)}\n`,
    )
    .join('')
