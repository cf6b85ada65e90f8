/**
 * Last-seen timestamps: collected in memory and flushed in batches, so that no request writes a row. Owns the memory,
 * its bound and the timer; leaves the statement to its owner. A crash loses at most the timestamps of one interval.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Log } from './log/index.ts'

/** The most timestamps in memory while the database is unreachable; further ones are dropped, with a log line. */
export const MOST_SIGHTINGS = 100_000
/** Rows of one statement, which stay locked until its transaction ends. */
const BATCH = 5000

export interface SightingsOptions {
  /** The objects, for the log: `sessions`. */
  name: string
  /** The longest time that a timestamp stays in memory, in milliseconds. */
  every: number
  /** Stores the timestamps. The ids are in ascending order, the order in which the statement has to lock the rows. */
  write(ids: string[], at: Date[]): Promise<void>
  log: Pick<Log, 'warn'>
}

/**
 * A row with two arrays for the statement: `ids`, and `times` in milliseconds since the Unix epoch. Each is sent as one text,
 * which takes a fraction of the time that an array of the driver takes; ids contain no comma.
 */
export const sightingsOf = (ids: readonly string[], at: readonly Date[]): RawBuilder<unknown> =>
  sql`select string_to_array(${ids.join(',')}, ',') as ids,
    string_to_array(${at.map((time) => time.getTime()).join(',')}, ',')::float8[] as times`

export interface Sightings {
  see(id: string, at: Date): void
  /** The later of the stored timestamp and the one in memory. */
  latest<T extends Date | null>(id: string, stored: T): Date | T
  /** Drops the timestamp of a deleted object. */
  forget(id: string): void
  /** Writes all timestamps and stops the timer until the next one. If it throws, unwritten timestamps stay in memory. */
  flush(): Promise<void>
}

export function createSightings({ name, every, write, log }: SightingsOptions): Sightings {
  let seen = new Map<string, Date>()
  /** The batch that is being written, which `latest` still reads. */
  let flushing: Map<string, Date> | null = null
  let dropped = 0
  let timer: NodeJS.Timeout | null = null
  let flushed: Promise<void> = Promise.resolve()

  function remember(id: string, at: Date): void {
    if (seen.size < MOST_SIGHTINGS || seen.has(id)) seen.set(id, at)
    else dropped += 1
  }

  const startTimer = (): void => {
    timer ??= setTimeout(flushByTimer, every).unref()
  }

  function flushByTimer(): void {
    flush().catch((err: unknown) => {
      log.warn({ err }, `flushing last-seen timestamps of ${name} failed`)
      startTimer()
    })
  }

  /** Flushes run one after another; what one could not write is in the next. */
  function flush(): Promise<void> {
    flushed = flushed.catch(() => {}).then(writeAll)
    return flushed
  }

  async function writeAll(): Promise<void> {
    if (timer) clearTimeout(timer)
    timer = null
    if (dropped > 0) log.warn({ dropped }, `too many last-seen timestamps of ${name}: some were dropped`)
    dropped = 0
    const batch = seen
    flushing = batch
    seen = new Map()
    try {
      const ids = [...batch.keys()].sort()
      for (let from = 0; from < ids.length; from += BATCH) {
        const part = ids.slice(from, from + BATCH).flatMap((id) => {
          const at = batch.get(id)
          return at ? [{ id, at }] : []
        })
        await write(
          part.map(({ id }) => id),
          part.map(({ at }) => at),
        )
        for (const { id } of part) batch.delete(id)
      }
    } catch (error) {
      for (const [id, at] of batch) if (!seen.has(id)) remember(id, at)
      throw error
    } finally {
      flushing = null
    }
  }

  return {
    see(id, at) {
      remember(id, at)
      startTimer()
    },
    latest(id, stored) {
      const here = seen.get(id) ?? flushing?.get(id)
      return here && (!stored || here > stored) ? here : stored
    },
    forget(id) {
      seen.delete(id)
      flushing?.delete(id)
    },
    flush,
  }
}
