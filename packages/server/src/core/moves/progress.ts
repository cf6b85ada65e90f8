/**
 * The state of a move, kept in the target: how far each table is, written in the transaction of each page. The table
 * exists from before the first migration until the end of the move; while it does, no server starts on the database
 * (base/db/migrate.ts). It is no table of a migration, and leaves nothing behind.
 */
import type { Connection } from '../../base/db/connection.ts'

/** What a move copies: a second run continues only with the same. */
export interface MoveHeader {
  /** Where the data comes from, for people. */
  from: string
  /** One checksum of all that is copied. */
  digest: string
  /** That of the migrations of the server that copies. */
  migrations: string
}

export interface TableProgress {
  rows: number
  /** The primary key of the last row that was copied. */
  after: readonly string[] | null
  isComplete: boolean
}

const HEADER = ''

/** @returns null where no move into this database has begun */
export async function findMove(connection: Connection): Promise<MoveHeader | null> {
  const { rows } = await connection.plain(`select to_regclass('latchkey.unfinished_move') as made`)
  if ((rows[0] as { made: string | null }).made === null) return null
  const found = await connection.plain(`select value from latchkey.unfinished_move where item = '${HEADER}'`)
  return (found.rows[0] as { value: MoveHeader } | undefined)?.value ?? null
}

/** Begins a move, or begins it again: what was copied before is forgotten. */
export async function beginMove(connection: Connection, header: MoveHeader): Promise<void> {
  await inTransaction(connection, async () => {
    const { rows } = await connection.plain(
      `select 1 from pg_catalog.pg_namespace where nspname = 'latchkey'`,
    )
    if (rows.length === 0) await connection.plain('create schema latchkey')
    await connection.plain(
      'create table if not exists latchkey.unfinished_move (item text primary key, value jsonb not null)',
    )
    await connection.plain('delete from latchkey.unfinished_move')
    await keep(connection, HEADER, header)
  })
}

/** The tables were found to differ: the next run copies all of them again. */
export const distrustMove = (connection: Connection, header: MoveHeader): Promise<void> =>
  keep(connection, HEADER, { ...header, digest: '' } satisfies MoveHeader)

export async function progressOf(connection: Connection): Promise<Map<string, TableProgress>> {
  const { rows } = await connection.plain(
    `select item, value from latchkey.unfinished_move where item <> '${HEADER}'`,
  )
  return new Map((rows as { item: string; value: TableProgress }[]).map(({ item, value }) => [item, value]))
}

export const keepProgress = (connection: Connection, table: string, progress: TableProgress): Promise<void> =>
  keep(connection, table, progress)

/** From here on servers start on the database. */
export const endMove = async (connection: Connection): Promise<void> =>
  void (await connection.plain('drop table latchkey.unfinished_move'))

async function keep(connection: Connection, item: string, value: object): Promise<void> {
  await connection.send(
    'insert into latchkey.unfinished_move (item, value) values ($1, $2::jsonb) on conflict (item) do update set value = excluded.value',
    [item, JSON.stringify(value)],
    'system',
  )
}

export async function inTransaction(connection: Connection, work: () => Promise<void>): Promise<void> {
  await connection.plain('begin')
  try {
    await work()
  } catch (error) {
    await connection.plain('rollback').catch(() => {})
    throw error
  }
  const { command } = await connection.plain('commit')
  if (command !== 'COMMIT') throw new Error('the transaction of a page was rolled back')
}
