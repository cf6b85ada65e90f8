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
import { assertIsolation, migrateUp } from '../../base/db/index.ts'
import { migrationsChecksum } from '../../base/db/migration-files.ts'
import { describeTables, differentTables, type MovedTable } from './catalog.ts'
import { type Copying, compareTables, copyTables, lockTarget, migratedBy } from './copy.ts'
import { type Digests, digestOfAll } from './digest.ts'
import { tableIn } from './pages.ts'
import { beginMove, endMove, type MoveHeader } from './progress.ts'
import { assertCanary, assertMigrated, fromSnapshot, type SecretCheck } from './snapshot.ts'
import { inspectTarget, MoveRefused, type TargetState } from './target.ts'

export { MoveRefused } from './target.ts'

export interface MoveOptions extends SecretCheck, Pick<Copying, 'onProgress'> {
  /** Where the data comes from, for people; a move is continued only from the same place. */
  from: string
  /** Whether a target role that bypasses row-level security is refused, as production does. */
  isStrict: boolean
  /** Where the source was moved before; null: nowhere. Only an unfinished move is then continued. */
  movedTo: string | null
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
