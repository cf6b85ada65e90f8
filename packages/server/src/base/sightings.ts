/**
 * Sightings: when things were last seen, gathered in memory and flushed in batches, so that no request writes a row.
 * Owns the memory, its bound and the timer; leaves the statement to its owner. A crash loses the sightings of one
 * interval and no more.
 */
import type { Log } from './log/index.ts'

/** How many are remembered while the database cannot be reached; further ones are dropped, and the log says so. */
export const MOST_SIGHTINGS = 100_000
/** Rows of one write, whose locks are held until its transaction ends. */
const BATCH = 5000

export interface SightingsOptions {
  /** What is seen, for the log: `sessions`. */
  name: string
  /** The longest that a sighting waits, in milliseconds. */
  every: number
  /** Stores these, each with its instant. Called with the ids in ascending order, in which it has to lock the rows. */
  write(ids: string[], at: Date[]): Promise<void>
  log: Pick<Log, 'warn'>
}

export interface Sightings {
  see(id: string, at: Date): void
  /** The later of what is stored and what is known here. */
  latest<T extends Date | null>(id: string, stored: T): Date | T
  /** Drops what is remembered of one that exists no more. */
  forget(id: string): void
  /** Writes what was gathered and stops the timer until the next sighting. Where it throws, what is not written is kept. */
  flush(): Promise<void>
}

export function createSightings({ name, every, write, log }: SightingsOptions): Sightings {
  let seen = new Map<string, Date>()
  /** What is being written; still the latest that is known. */
  let leaving: Map<string, Date> | null = null
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

  /** One after the other: what the one before could not write is in the next. */
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
    leaving = batch
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
      leaving = null
    }
  }

  return {
    see(id, at) {
      remember(id, at)
      startTimer()
    },
    latest(id, stored) {
      const here = seen.get(id) ?? leaving?.get(id)
      return here && (!stored || here > stored) ? here : stored
    },
    forget(id) {
      seen.delete(id)
      leaving?.delete(id)
    },
    flush,
  }
}
