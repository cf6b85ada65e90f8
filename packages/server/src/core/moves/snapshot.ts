/**
 * The source of a move or a backup: all tables as they are at one moment, with their digests, read by the role of the
 * server's own statements. Refuses a source that is not migrated, and one that is sealed under another secret.
 */
import type { Connection } from '../../base/db/connection.ts'
import type { Database } from '../../base/db/database.ts'
import { migrationStatus } from '../../base/db/index.ts'
import { describeTables, type MovedTable } from './catalog.ts'
import { type Digests, digestOf, type TableDigest } from './digest.ts'
import { MoveRefused } from './target.ts'

/** Whether the server's secret opens what is sealed in the database. */
export interface SecretCheck {
  opensCanary(sealed: string): boolean
}

export async function assertMigrated(source: Database): Promise<void> {
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
export async function fromSnapshot<T>(
  source: Database,
  { opensCanary }: SecretCheck,
  work: (reader: Connection, tables: readonly MovedTable[], digests: Digests) => Promise<T>,
): Promise<T> {
  return await source.asOwner(async (reader) => {
    await reader.plain(
      'set idle_in_transaction_session_timeout = 0; begin isolation level repeatable read read only; set local role latchkey_system',
    )
    try {
      const { rows } = await reader.plain('select sealed from latchkey.secret_canary')
      for (const { sealed } of rows as { sealed: string }[]) if (!opensCanary(sealed)) throw otherSecret()
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

/** Sealed under the secret with which the server will start there. */
export async function assertCanary(target: Database, { opensCanary }: SecretCheck): Promise<void> {
  const row = await target.hot.selectFrom('secret_canary').select('sealed').executeTakeFirst()
  if (row && !opensCanary(row.sealed)) throw otherSecret()
}
