/**
 * Pages of a table on their way from one database to another, in the text form of each type, which PostgreSQL reads
 * back to the same value: microseconds, nulls, empty strings and bytes are kept. The source aggregates each column to
 * one array, and the target unnests them, so that no value is parsed here.
 */
import type { Connection } from '../../base/db/connection.ts'
import type { MovedTable } from './catalog.ts'

export interface Page {
  rows: number
  /** An array of text for each column that is written, as PostgreSQL spells it. */
  columns: readonly string[]
  /** The primary key of its last row; null for an empty page. */
  last: readonly string[] | null
}

/** The most rows of a page. */
const PAGE_ROWS = 5000
/** Rows that are together larger, as they are stored, are read one page after the other; a single row is always read. */
const PAGE_BYTES = 4 * 1024 * 1024

/** Where a table and its columns are written in SQL. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
export const tableIn = ({ name }: Pick<MovedTable, 'name'>): string => `latchkey.${quoted(name)}`
const writtenOf = ({ columns }: MovedTable) => columns.filter(({ isGenerated }) => !isGenerated)

/** @param after the primary key of the last row that is there already; null: from the beginning */
export async function readPage(
  connection: Connection,
  table: MovedTable,
  after: readonly string[] | null,
): Promise<Page> {
  const key = table.key.map(quoted).join(', ')
  const typeOf = (name: string) => table.columns.find((column) => column.name === name)?.type
  const place = table.key.map((name, at) => `$${at + 1}::${typeOf(name)}`).join(', ')
  const arrays = writtenOf(table).map(({ name }, at) => `array_agg(${quoted(name)}::text)::text as q${at}`)
  const last = table.key.map((name) => `(array_agg(${quoted(name)}::text))[count(*)]`).join(', ')
  const { rows } = await connection.send<Record<string, unknown>>(
    `with page as materialized (
       select t.*, coalesce(sum(pg_column_size(t.*)) over (order by ${key} rows between unbounded preceding and 1 preceding), 0) as "bytes before"
       from (select * from ${tableIn(table)} ${after ? `where (${key}) > (${place})` : ''} order by ${key} limit ${PAGE_ROWS}) t)
     select count(*)::int as rows, array[${last}] as last, ${arrays.join(', ')} from page where "bytes before" < ${PAGE_BYTES}`,
    after ?? [],
    'system',
  )
  const [found = {}] = rows
  const count = Number(found.rows)
  return {
    rows: count,
    columns: arrays.map((_, at) => String(found[`q${at}`])),
    last: count === 0 ? null : (found.last as string[]),
  }
}

/** Inserts a page. Rows that a trigger has derived from those of another table are there already, and stay. */
export async function writePage(connection: Connection, table: MovedTable, page: Page): Promise<void> {
  const columns = writtenOf(table)
  const list = columns.map(({ name }) => quoted(name)).join(', ')
  const values = columns
    .map(({ type }, at) => (type === 'text' ? `u.q${at}` : `u.q${at}::${type}`))
    .join(', ')
  const arrays = columns.map((_, at) => `$${at + 1}::text[]`).join(', ')
  const names = columns.map((_, at) => `q${at}`).join(', ')
  await connection.send(
    `insert into ${tableIn(table)} (${list}) overriding system value select ${values} from unnest(${arrays}) as u (${names}) on conflict do nothing`,
    page.columns,
    'system',
  )
}
