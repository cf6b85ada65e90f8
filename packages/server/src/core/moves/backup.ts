/**
 * Backups: all data in one file (backup-file.ts), and a database made of it. A restored database is migrated to the
 * version of the backup, filled, compared with the counts and checksums of the file, and then migrated to this version.
 *
 * Invariant: no server starts on a target before the end of the file was read, and its MAC and every table are right.
 */
import type { Connection } from '../../base/db/connection.ts'
import type { Database } from '../../base/db/database.ts'
import { assertIsolation, migrateUp } from '../../base/db/index.ts'
import { knownMigrations, type Migration } from '../../base/db/migration-files.ts'
import { BACKUP_FORMAT, type BackupHeader, type BackupMacs, readBackup, writeBackup } from './backup-file.ts'
import { describeTables, differentTables, type MovedTable } from './catalog.ts'
import { type Copying, compareTables, insertPage, lockTarget, migratedBy } from './copy.ts'
import type { Digests } from './digest.ts'
import { readPage, tableIn } from './pages.ts'
import { beginMove, type MoveHeader } from './progress.ts'
import { assertCanary, assertMigrated, fromSnapshot, type SecretCheck } from './snapshot.ts'
import { inspectTarget, MoveRefused } from './target.ts'

export interface BackupOptions extends SecretCheck, Pick<Copying, 'onProgress'> {
  path: string
  macs: BackupMacs
}

/** Rows by table, without empty tables. */
export type BackupCounts = Readonly<Record<string, number>>

/** Writes the data as it is at one moment. @throws MoveRefused, or an error of the file system */
export async function backupDatabase(
  source: Database,
  { path, macs, onProgress, opensCanary }: BackupOptions,
  { at, version }: Pick<BackupHeader, 'at' | 'version'>,
): Promise<BackupCounts> {
  await assertMigrated(source)
  const writer = await writeBackup(path, macs)
  try {
    return await fromSnapshot(source, { opensCanary }, async (reader, tables, digests) => {
      const migrations = knownMigrations().map(({ name, checksum }) => ({ name, checksum }))
      await writer.header({ format: BACKUP_FORMAT, at, version, migrations, tables })
      for (const table of tables) {
        let rows = 0
        for (
          let page = await readPage(reader, table, null);
          page.last;
          page = await readPage(reader, table, page.last)
        ) {
          rows += page.rows
          await writer.page({ table: table.name, ...page })
          onProgress?.(table.name, rows, digests[table.name]?.rows ?? 0)
        }
      }
      await writer.end(digests)
      return countsOf(digests)
    })
  } catch (error) {
    await writer.discard()
    throw error
  }
}

/** A target is filled by one restoration: its source is the same for every file, which begins again. */
const FROM = 'a backup'

/**
 * Fills an empty database from a backup. Afterwards no server starts on it before `finishMove`.
 * @throws MoveRefused
 */
export async function restoreDatabase(
  target: Database,
  options: BackupOptions & { isStrict: boolean },
): Promise<BackupCounts> {
  const { path, macs, isStrict } = options
  const header: MoveHeader = { from: FROM, digest: '', migrations: '' }
  const digests = await target.asOwner(async (writer) => {
    await lockTarget(writer, target)
    await inspectTarget(writer, { from: FROM, isStrict, movedTo: null })
    const filling = filler(writer, target, options, header)
    const found = await readBackup(path, macs, filling)
    const tables = await describeTables(writer)
    await compareTables(writer, { tables, digests: found, header })
    await migrateUp(migratedBy(writer, target), { isMoving: true })
    for (const table of await describeTables(writer)) await writer.plain(`analyze ${tableIn(table)}`)
    return found
  })
  await assertIsolation(target)
  await assertCanary(target, options)
  return countsOf(digests)
}

function filler(
  writer: Connection,
  target: Database,
  { path, onProgress }: BackupOptions,
  header: MoveHeader,
) {
  const tables = new Map<string, { table: MovedTable; rows: number }>()
  return {
    async header(backup: BackupHeader): Promise<void> {
      const migrations = migrationsOf(backup)
      await beginMove(writer, header)
      await migrateUp(migratedBy(writer, target), { migrations, isMoving: true })
      const made = await describeTables(writer)
      const different = differentTables(backup.tables, made)
      if (different.length > 0)
        throw new MoveRefused(
          'SCHEMA_DIFFERS',
          `The tables of the backup are not those that its migrations make here (${different.join(', ')}): restore it into a new database.`,
        )
      await writer.plain(`truncate ${made.map(tableIn).join(', ')}`)
      for (const table of made) tables.set(table.name, { table, rows: 0 })
    },
    async page({
      table: name,
      ...page
    }: {
      table: string
      rows: number
      columns: readonly string[]
      last: readonly string[] | null
    }): Promise<void> {
      // of the catalogue, not of the file: nothing that a file says becomes SQL
      const found = tables.get(name)
      if (!found || !Array.isArray(page.columns))
        throw new MoveRefused(
          'BACKUP_DAMAGED',
          `The backup ${path} has rows of a table that it does not describe.`,
        )
      found.rows += Number(page.rows)
      await insertPage(writer, found.table, page, { rows: found.rows, after: page.last, isComplete: false })
      onProgress?.(name, found.rows, found.rows)
    },
  }
}

/** @throws MoveRefused for the backup of a newer version */
function migrationsOf({ migrations, version }: BackupHeader): Migration[] {
  const known = knownMigrations()
  const first = known.slice(0, migrations.length)
  const isKnown = migrations.every(
    ({ name, checksum }, at) => first[at]?.name === name && first[at]?.checksum === checksum,
  )
  if (isKnown && migrations.length > 0) return first
  throw new MoveRefused(
    'BACKUP_NEWER',
    `The backup was made by another version of Latchkey (${version}), which has migrations that this one does not know: restore it with that version or a later one.`,
  )
}

const countsOf = (digests: Digests): BackupCounts =>
  Object.fromEntries(
    Object.entries(digests).flatMap(([name, { rows }]) => (rows === 0 ? [] : [[name, rows]])),
  )
