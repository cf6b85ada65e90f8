/**
 * The count and the checksum of a table. The checksum is the sum of the SHA-256 of each row (of its first 120 bits, as
 * two numbers) and depends neither on the order of the rows nor on a collation: it is read in one pass, without a
 * sort, and is the same on both databases if, and only if, the same rows are there.
 */
import { createHash } from 'node:crypto'
import type { Connection } from '../../base/db/connection.ts'
import type { MovedTable } from './catalog.ts'
import { quoted, tableIn } from './pages.ts'

export interface TableDigest {
  rows: number
  checksum: string
}
/** By the name of the table. */
export type Digests = Readonly<Record<string, TableDigest>>

export async function digestOf(connection: Connection, table: MovedTable): Promise<TableDigest> {
  const columns = table.columns.map(({ name }) => quoted(name)).join(', ')
  const part = (from: number) =>
    `coalesce(sum(('x' || substr(digest, ${from}, 15))::bit(60)::bigint), 0)::text`
  const { rows } = await connection.send<{ rows: string; checksum: string }>(
    `select count(*) as rows, ${part(1)} || '.' || ${part(16)} as checksum
     from (select encode(sha256(convert_to(row(${columns})::text, 'UTF8')), 'hex') as digest from ${tableIn(table)}) r`,
    [],
    'system',
  )
  return { rows: Number(rows[0]?.rows), checksum: rows[0]?.checksum ?? '' }
}

/** One checksum of all tables. */
export const digestOfAll = (digests: Digests): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(digests).sort()))
    .digest('hex')
