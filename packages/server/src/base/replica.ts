/**
 * A replica: a copy of a table in the memory of every process, kept current by NOTIFY. Owns when the copy is loaded
 * and whether it is current: single-flight loads, the state of the LISTEN connection, retries. Leaves the copy to its
 * owner, who reads it as a plain variable, without a promise or an allocation.
 *
 * Invariant: while `isCurrent()`, the copy has every change whose notification has reached this process. A load counts
 * only if it began after the last change that this process knows of.
 */
import type { Db } from './db/types.ts'
import type { Log } from './log/index.ts'

/** Milliseconds between a failed load and the next. */
const RETRY_AFTER = 500

export interface ReplicaOptions {
  db: Pick<Db, 'listen'>
  log: Pick<Log, 'warn'>
  /** The rows of the table, for the log: `signing keys`. */
  name: string
  /** The NOTIFY channel of the table. */
  channel: string
  /** Reads the whole table, then replaces the copy in one step; with `apply`, adds to the copy. */
  load(): Promise<void>
  /**
   * Applies one notification to the copy. Idempotent, and commutes with `load`, since the two run at the same time. If
   * it throws, the table is loaded. Absent: every notification loads the table.
   */
  apply?(payload: string): void
}

export interface Replica {
  /** Whether the copy is current; otherwise callers have to query the database. */
  isCurrent(): boolean
  /** Null if the copy is current; otherwise a promise to await before using the copy. */
  fresh(): Promise<void> | null
  /** A load that begins after this call. At any time one load runs and at most one waits, for all callers. */
  reload(): Promise<void>
  /** Calls `listener` when `isCurrent()` changes. @returns a function that removes the listener */
  onCurrent(listener: (isCurrent: boolean) => void): () => void
  /** Listens, then loads. If it throws, nothing keeps running. */
  open(): Promise<void>
  /** Stops listening and waits for loads under way; leaves no timer. Idempotent. */
  close(): Promise<void>
}

export function createReplica({ db, log, name, channel, load, apply }: ReplicaOptions): Replica {
  const listeners = new Set<(isCurrent: boolean) => void>()
  let isListening = false
  let isStale = true
  /** Counts the changes that only a load can bring in: a load that began before such a change does not count. */
  let changes = 0
  let wasCurrent = false
  let running: Promise<void> | null = null
  let waiting: Promise<void> | null = null
  let retry: NodeJS.Timeout | null = null
  let stop: (() => Promise<void>) | null = null
  let isClosed = false

  const isCurrent = (): boolean => isListening && !isStale

  function announce(): void {
    if (isCurrent() === wasCurrent) return
    wasCurrent = !wasCurrent
    for (const listener of listeners) listener(wasCurrent)
  }

  async function read(): Promise<void> {
    const before = changes
    try {
      await load()
    } catch (err) {
      // while the connection is down, no retry: its return triggers a load
      if (isListening && !isClosed) {
        log.warn({ err, retry_ms: RETRY_AFTER }, `loading ${name} failed`)
        retry ??= setTimeout(again, RETRY_AFTER).unref()
      }
      throw err
    }
    if (before !== changes) return
    isStale = false
    announce()
  }

  function again(): void {
    retry = null
    if (isStale && isListening) loadInBackground()
  }

  function reload(): Promise<void> {
    if (running === null) {
      running = read().finally(() => {
        running = null
      })
      return running
    }
    waiting ??= running
      .catch(() => {})
      .then(() => {
        waiting = null
        return reload()
      })
    return waiting
  }

  /** `read` logs its failure and retries. */
  const loadInBackground = (): void => void reload().catch(() => {})

  function change(): void {
    changes += 1
    isStale = true
    announce()
    loadInBackground()
  }

  function hear(payload: string): void {
    try {
      if (apply) apply(payload)
      else change()
    } catch (err) {
      log.warn({ err }, `applying a notification about ${name} failed; loading all of them`)
      change()
    }
  }

  async function close(): Promise<void> {
    isClosed = true
    isListening = false
    if (retry) clearTimeout(retry)
    retry = null
    const ended = stop
    stop = null
    await ended?.()
    await (waiting ?? running)?.catch(() => {})
  }

  return {
    isCurrent,
    fresh: () => (isCurrent() ? null : reload()),
    reload,
    onCurrent(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    async open() {
      try {
        isListening = true
        stop = await db.listen(channel, hear, {
          onLost() {
            isListening = false
            announce()
          },
          onBack() {
            isListening = true
            change()
          },
        })
        await reload()
      } catch (error) {
        await close()
        throw error
      }
    },
    close,
  }
}
