/**
 * Filling the target of a move, page by page, and comparing it with the source. One connection has the lock of the
 * target from the first look to the last statement.
 */
import type { Connection } from '../../base/db/connection.ts'
import type { Database } from '../../base/db/database.ts'
import type { MovedTable } from './catalog.ts'
import { type Digests, digestOf } from './digest.ts'
import { type Page, readPage, writePage } from './pages.ts'
import {
  distrustMove,
  inTransaction,
  keepProgress,
  type MoveHeader,
  progressOf,
  type TableProgress,
} from './progress.ts'
import { MoveRefused } from './target.ts'

/** The key of the advisory lock of a target: 'lk-moves' in ASCII, as a bigint. */
const LOCK = '7812736637318817139'

/** A second move into the same target is refused. The lock ends with the connection. */
export async function lockTarget(writer: Connection, { kind }: Database): Promise<void> {
  await writer.plain('set idle_in_transaction_session_timeout = 0')
  if (kind === 'pglite') return
  const { rows } = await writer.plain(`select pg_try_advisory_lock(${LOCK}) as locked`)
  if (!(rows[0] as { locked: boolean }).locked)
    throw new MoveRefused('MOVE_RUNNING', 'Another command is moving data into the target at this moment.')
}

/** Migrates on the connection that has the lock; what compares connections gets another one. */
export function migratedBy(writer: Connection, target: Database): Pick<Database, 'kind' | 'asOwner'> {
  let isGiven = false
  return {
    kind: target.kind,
    asOwner(work) {
      if (isGiven) return target.asOwner(work)
      isGiven = true
      return work(writer)
    },
  }
}

export interface Copying {
  /** After each page: the rows of the table that the target has, and those of the source. */
  onProgress?(table: string, rows: number, of: number): void
  tables: readonly MovedTable[]
  digests: Digests
}

export async function copyTables(
  reader: Connection,
  writer: Connection,
  { tables, digests, onProgress }: Copying,
): Promise<void> {
  const before = await progressOf(writer)
  for (const table of tables) {
    const progress = before.get(table.name) ?? { rows: 0, after: null, isComplete: false }
    const of = digests[table.name]?.rows ?? 0
    if (progress.isComplete || of === 0) continue
    let { rows, after } = progress
    let next = readPage(reader, table, after)
    for (;;) {
      const page = await next
      if (page.last === null) break
      after = page.last
      rows += page.rows
      // read while the page is written
      next = readPage(reader, table, after)
      next.catch(() => {})
      await insertPage(writer, table, page, { rows, after, isComplete: false })
      onProgress?.(table.name, rows, of)
    }
    await keepProgress(writer, table.name, { rows, after, isComplete: true })
  }
}

/** Inserts a page, and commits it with how far its table is then. */
export const insertPage = (
  writer: Connection,
  table: MovedTable,
  page: Page,
  progress: TableProgress,
): Promise<void> =>
  within(writer, () =>
    inTransaction(writer, async () => {
      await writer.plain('set local role latchkey_system')
      await writePage(writer, table, page)
      await writer.plain('reset role')
      await keepProgress(writer, table.name, progress)
    }),
  )

/** A page is written in less than a second; a target that takes so long is frozen, or cannot be reached. */
const PATIENCE_MS = 60_000

async function within<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(
    () => connection.destroy(new Error(`no answer for ${PATIENCE_MS / 1000} seconds`)),
    PATIENCE_MS,
  )
  try {
    return await work()
  } finally {
    clearTimeout(timer)
  }
}

export async function compareTables(
  writer: Connection,
  { tables, digests, header }: Copying & { header: MoveHeader },
): Promise<void> {
  const different: string[] = []
  await inTransaction(writer, async () => {
    await writer.plain('set local role latchkey_system')
    for (const table of tables) {
      const { rows, checksum } = await digestOf(writer, table)
      const source = digests[table.name]
      if (source?.rows !== rows) different.push(`${table.name}: ${rows} rows instead of ${source?.rows}`)
      else if (source.checksum !== checksum) different.push(`${table.name}: another checksum`)
    }
  })
  if (different.length === 0) return
  await distrustMove(writer, header)
  throw new MoveRefused(
    'TABLES_DIFFER',
    `The copy is not equal to the source (${different.join('; ')}). Run the command again, which copies everything again; if it is the same then, report it.`,
  )
}
