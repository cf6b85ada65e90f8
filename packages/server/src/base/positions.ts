/**
 * Positions: which transactions a statement of another process has seen, as PostgreSQL's snapshot of it, and what that means
 * here. Owns the comparison of snapshots and the marks of this process; leaves to changes.ts which change was the last.
 *
 * Invariant: where `sinceOf(position)` is a number of changes.ts, the statement of that position has seen every change with that
 * number or a lower one. With `isUnchanged(since, …)`, a row that another process has read is current here, by the same argument as
 * one that was read here.
 *
 * Why. The snapshots of one server are in one order: of two, one has seen all that the other has. A mark is a snapshot
 * that is taken after the change with its number has been heard, and PostgreSQL notifies of a transaction when every later snapshot
 * sees it. So a statement with the snapshot of a mark, or a later one, has seen the changes up to the number of the mark. What it has
 * not seen was committed after the mark, hence after this process began to listen, and is heard.
 * Ids of transactions may be used again after a crash or a failover, so that snapshots compare within one run of one server only:
 * each position names the run, by when PostgreSQL was started and when its statistics were emptied, which each recovery from a crash does.
 * It names the database as well: one that a backup was restored into is in the same order, and has other rows.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Changes } from './changes.ts'
import type { Clock } from './clock.ts'
import type { Db } from './db/types.ts'

/** A row with the position of the statement that has read it, where nodes share rows. */
export interface PositionedRow {
  position?: string
}

/** Selects the position of the statement, as its last column. */
export const positioned = (isShared: boolean): RawBuilder<unknown> =>
  isShared ? sql`, ${POSITION} as position` : sql``

/** The run of the server, the database, and the snapshot. */
const POSITION: RawBuilder<string> = sql<string>`(
  extract(epoch from pg_postmaster_start_time()) || '/' || coalesce(extract(epoch from pg_stat_get_bgwriter_stat_reset_time()), 0)
  || '/' || (select oid from pg_database where datname = current_database()) || ' ' || pg_current_snapshot())`

/** A snapshot: `ended` is above every transaction that has ended; of those below it, `running` have not. */
interface Snapshot {
  run: string
  ended: number
  running: readonly number[]
}

/** @returns null for a text that is no position */
export function readPosition(text: string): Snapshot | null {
  const found = /^(\S+) \d+:(\d+):([\d,]*)$/.exec(text)
  if (!found) return null
  const [, run = '', ended = '', running = ''] = found
  return { run, ended: Number(ended), running: running === '' ? [] : running.split(',').map(Number) }
}

/** Whether the first snapshot has seen every transaction that the second one has. */
export const hasSeen = (first: Snapshot, second: Snapshot): boolean =>
  first.run === second.run &&
  first.ended >= second.ended &&
  first.running.every((id) => id >= second.ended || second.running.includes(id))

export interface Positions {
  /** The highest number of a change up to which the statement of the position has certainly seen all; null where none is known. */
  sinceOf(position: string): number | null
  /** Takes a mark where a change was heard after the last one: positions after it mean that number. */
  mark(): Promise<void>
}

/** The most marks; beyond it every second one of the older half is dropped, so that older positions mean lower numbers. */
const MOST_MARKS = 128
/** At the least between two marks, in milliseconds. */
const MARK_EVERY = 100

interface Mark {
  number: number
  snapshot: Snapshot
}

export function createPositions({
  db,
  changes,
  clock,
}: {
  db: Pick<Db, 'hot' | 'run'>
  changes: Pick<Changes, 'last'>
  clock: Pick<Clock, 'ticks'>
}): Positions {
  const statement = sql<{ position: string }>`select ${POSITION} as position`.compile(db.hot)
  /** In ascending order of their numbers, all of one run of the server. */
  let marks: Mark[] = []
  let marking: Promise<void> | null = null
  let markedAt = Number.NEGATIVE_INFINITY

  function keep(mark: Mark): void {
    const newest = marks.at(-1)
    if (newest && newest.snapshot.run !== mark.snapshot.run) marks = []
    marks.push(mark)
    if (marks.length > MOST_MARKS) marks = marks.filter((_, at) => at % 2 === 0 || at > MOST_MARKS / 2)
  }

  async function take(): Promise<void> {
    const number = changes.last()
    const [row] = await db.run(statement, [])
    const snapshot = row ? readPosition(row.position) : null
    if (snapshot) keep({ number, snapshot })
  }

  return {
    sinceOf(position) {
      const snapshot = readPosition(position)
      return snapshot && (marks.findLast((mark) => hasSeen(snapshot, mark.snapshot))?.number ?? null)
    },
    async mark() {
      if (marking) return await marking
      const now = clock.ticks()
      if (marks.at(-1)?.number === changes.last() || now - markedAt < MARK_EVERY) return
      markedAt = now
      marking = take().finally(() => {
        marking = null
      })
      await marking
    },
  }
}
