/**
 * Moving all data to another database: from the embedded one to PostgreSQL, and back. The target is migrated as any
 * database is, then filled table by table in pages, by the role of the server's own statements, and compared with the
 * source by count and checksum. What was copied is kept in the target (progress.ts), so that a move that was
 * interrupted at any point continues, or begins again where the source has changed in between.
 *
 * Invariant: no server starts on a target before every table is equal to that of the source, and the canaries of
 * row-level security and of LATCHKEY_SECRET were read there. Leaves to the commands which database becomes which.
 */
import type { Connection } from '../../base/db/connection.ts'
import type { Database } from '../../base/db/database.ts'
import { assertIsolation, migrateUp, migrationStatus } from '../../base/db/index.ts'
import { migrationsChecksum } from '../../base/db/migrate.ts'
import { describeTables, differentTables, type MovedTable } from './catalog.ts'
import { type Digests, digestOf, digestOfAll, type TableDigest } from './digest.ts'
import { readPage, tableIn, writePage } from './pages.ts'
import {
  beginMove,
  distrustMove,
  endMove,
  inTransaction,
  keepProgress,
  type MoveHeader,
  progressOf,
} from './progress.ts'
import { inspectTarget, MoveRefused, type TargetState } from './target.ts'

export { MoveRefused } from './target.ts'

export interface MoveOptions {
  /** Where the data comes from, for people; a move is continued only from the same place. */
  from: string
  /** Whether a target role that bypasses row-level security is refused, as production does. */
  isStrict: boolean
  /** Where the source was moved before; null: nowhere. Only an unfinished move is then continued. */
  movedTo: string | null
  /** Whether the server's secret opens what is sealed in the database. */
  opensCanary(sealed: string): boolean
  /** After each page: the rows of the table that the target has, and those of the source. */
  onProgress?(table: string, rows: number, of: number): void
}

export interface MoveReport {
  /** Rows by table, without empty tables. */
  tables: Readonly<Record<string, number>>
  rows: number
  /** `resumed`: continued where an earlier run ended; `again`: the source had changed since, or the tables differed. */
  begun: 'new' | 'resumed' | 'again'
}

/** What a move would do: every check that comes before it, and nothing written. @throws MoveRefused */
export async function planMove(
  source: Database,
  target: Database,
  options: MoveOptions,
): Promise<MoveReport> {
  await assertMigrated(source)
  return await fromSnapshot(source, options, async (_, tables, digests) => {
    const { unfinished } = await target.asOwner((writer) => inspectTarget(writer, options))
    return report(tables, digests, begunBy(unfinished, headerOf(options, digests)))
  })
}

/**
 * Copies everything. Afterwards no server starts on the target before `finishMove`.
 * @throws MoveRefused
 */
export async function moveDatabase(
  source: Database,
  target: Database,
  options: MoveOptions,
): Promise<MoveReport> {
  await assertMigrated(source)
  const done = await fromSnapshot(source, options, async (reader, tables, digests) =>
    target.asOwner(async (writer) => {
      await lockTarget(writer, target)
      const state = await inspectTarget(writer, options)
      const header = headerOf(options, digests)
      const begun = await begin(writer, header, state)
      await migrateUp(migratedBy(writer, target), { isMoving: true })
      const different = differentTables(tables, await describeTables(writer))
      if (different.length > 0)
        throw new MoveRefused(
          'SCHEMA_DIFFERS',
          `The schema of the source is not what the migrations create (${different.join(', ')}), so that it cannot be copied.`,
        )
      if (begun !== 'resumed') await writer.plain(`truncate ${tables.map(tableIn).join(', ')}`)
      await copyTables(reader, writer, { tables, digests, ...options })
      await compareTables(writer, { tables, digests, header })
      for (const table of tables) await writer.plain(`analyze ${tableIn(table)}`)
      return report(tables, digests, begun)
    }),
  )
  await assertIsolation(target)
  await assertCanary(target, options)
  return done
}

/** The last step: servers may start on the target. */
export const finishMove = (target: Database): Promise<void> => target.asOwner(endMove)

const headerOf = ({ from }: MoveOptions, digests: Digests): MoveHeader => ({
  from,
  digest: digestOfAll(digests),
  migrations: migrationsChecksum(),
})

async function assertMigrated(source: Database): Promise<void> {
  const status = await migrationStatus(source)
  const odd = status.filter(({ state }) => state !== 'applied')
  if (odd.length === 0) return
  throw new MoveRefused(
    'MIGRATIONS_PENDING',
    odd.every(({ state }) => state === 'pending')
      ? `The source has ${odd.length} pending migrations: run \`latchkey migrate up\` on it first.`
      : 'The source does not have the migrations of this version (`latchkey migrate status`): use the version that it was used with.',
  )
}

/** Reads the source as it is at one moment. */
async function fromSnapshot<T>(
  source: Database,
  options: MoveOptions,
  work: (reader: Connection, tables: readonly MovedTable[], digests: Digests) => Promise<T>,
): Promise<T> {
  return await source.asOwner(async (reader) => {
    await reader.plain(
      'set idle_in_transaction_session_timeout = 0; begin isolation level repeatable read read only; set local role latchkey_system',
    )
    try {
      const { rows } = await reader.plain('select sealed from latchkey.secret_canary')
      for (const { sealed } of rows as { sealed: string }[])
        if (!options.opensCanary(sealed)) throw otherSecret()
      const tables = await describeTables(reader)
      const digests: Record<string, TableDigest> = {}
      for (const table of tables) digests[table.name] = await digestOf(reader, table)
      return await work(reader, tables, digests)
    } finally {
      await reader.plain('rollback').catch(() => {})
    }
  })
}

const otherSecret = (): MoveRefused =>
  new MoveRefused(
    'OTHER_SECRET',
    'LATCHKEY_SECRET is not the secret that this database was used with, so that no server could start on the copy: set that secret.',
  )

/** The key of the advisory lock of a target: 'lk-moves' in ASCII, as a bigint. */
const LOCK = '7812736637318817139'

/** A second move into the same target is refused. The lock ends with the connection. */
async function lockTarget(writer: Connection, { kind }: Database): Promise<void> {
  await writer.plain('set idle_in_transaction_session_timeout = 0')
  if (kind === 'pglite') return
  const { rows } = await writer.plain(`select pg_try_advisory_lock(${LOCK}) as locked`)
  if (!(rows[0] as { locked: boolean }).locked)
    throw new MoveRefused('MOVE_RUNNING', 'Another command is moving data into the target at this moment.')
}

/** Migrates on the connection that has the lock; what compares connections gets another one. */
function migratedBy(writer: Connection, target: Database): Pick<Database, 'kind' | 'asOwner'> {
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

const begunBy = (unfinished: MoveHeader | null, header: MoveHeader): MoveReport['begun'] => {
  if (!unfinished) return 'new'
  return unfinished.digest === header.digest && unfinished.migrations === header.migrations
    ? 'resumed'
    : 'again'
}

async function begin(
  writer: Connection,
  header: MoveHeader,
  { unfinished }: TargetState,
): Promise<MoveReport['begun']> {
  const begun = begunBy(unfinished, header)
  if (begun !== 'resumed') await beginMove(writer, header)
  return begun
}

interface Copying extends Pick<MoveOptions, 'onProgress'> {
  tables: readonly MovedTable[]
  digests: Digests
}

async function copyTables(
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
      await within(writer, () =>
        inTransaction(writer, async () => {
          await writer.plain('set local role latchkey_system')
          await writePage(writer, table, page)
          await writer.plain('reset role')
          await keepProgress(writer, table.name, { rows, after, isComplete: false })
        }),
      )
      onProgress?.(table.name, rows, of)
    }
    await keepProgress(writer, table.name, { rows, after, isComplete: true })
  }
}

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

async function compareTables(
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

/** Sealed under the secret with which the server will start there. */
async function assertCanary(target: Database, { opensCanary }: MoveOptions): Promise<void> {
  const row = await target.hot.selectFrom('secret_canary').select('sealed').executeTakeFirst()
  if (row && !opensCanary(row.sealed)) throw otherSecret()
}

function report(tables: readonly MovedTable[], digests: Digests, begun: MoveReport['begun']): MoveReport {
  const counts = tables.flatMap(({ name }): [string, number][] => {
    const rows = digests[name]?.rows ?? 0
    return rows === 0 ? [] : [[name, rows]]
  })
  return {
    tables: Object.fromEntries(counts),
    rows: counts.reduce((sum, [, rows]) => sum + rows, 0),
    begun,
  }
}
