/**
 * Watched connections: a WebSocket outlives the check of its upgrade, so that its credential is checked again at an
 * interval, and the connection is ended when the credential has expired or was revoked. A check and an end are
 * callbacks of the app: neither can end the process, nor keep a round from the other connections.
 */
import { type Awaitable, callSafely, within } from '../methods/callback.ts'
import { asProblem, type Problem, problem } from '../problem.ts'

/** Checks the credential of a connection again. @throws Problem where it is no longer valid */
export type Recheck = () => Awaitable<unknown>

export interface Watcher {
  /** @returns stops watching */
  watch(recheck: Recheck, end: (problem: Problem) => void): () => void
  /** Checks every connection, with checks that begin after this call. */
  recheck(): Promise<void>
  close(): void
}

interface WatchedConnection {
  recheck: Recheck
  end: (problem: Problem) => void
  /** Consecutive checks for which a server or database could not be reached. */
  unreachable: number
}

/** A shorter outage ends no connection; a longer one may hide a revocation. */
const TOLERATED_OUTAGES = 1
const AT_ONCE = 16

/**
 * @param seconds the interval
 * @param timeout the time in which a check must have finished, in milliseconds
 */
export function openWatcher(seconds: number, timeout: number): Watcher {
  const all = new Set<WatchedConnection>()
  let timer: ReturnType<typeof setInterval> | undefined
  let running: Promise<void> | null = null
  let queued: Promise<void> | null = null

  const late = (): Problem => problem('UNAVAILABLE', { reason: `no check within ${timeout} ms` })

  async function check(connection: WatchedConnection): Promise<void> {
    const checked = Promise.resolve().then(connection.recheck)
    const found = await within(checked, timeout, late).then(() => null, asProblem)
    if (!all.has(connection)) return
    connection.unreachable = found !== null && found.status >= 500 ? connection.unreachable + 1 : 0
    if (found === null || (connection.unreachable > 0 && connection.unreachable <= TOLERATED_OUTAGES)) return
    remove(connection)
    callSafely(() => connection.end(found))
  }

  async function checkAll(): Promise<void> {
    const waiting = [...all]
    const worker = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await check(next)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  /** One round at a time. */
  function round(): Promise<void> {
    running ??= checkAll().finally(() => {
      running = null
    })
    return running
  }

  /** A round under way may have passed a connection already: one more follows it, for all calls meanwhile. */
  function recheck(): Promise<void> {
    if (running === null) return round()
    queued ??= running.then(() => {
      queued = null
      return round()
    })
    return queued
  }

  function remove(connection: WatchedConnection): void {
    all.delete(connection)
    if (all.size === 0) stop()
  }
  function stop(): void {
    clearInterval(timer)
    timer = undefined
  }

  return {
    watch(recheck, end) {
      const connection = { recheck, end, unreachable: 0 }
      all.add(connection)
      if (timer === undefined) {
        timer = setInterval(() => void round(), seconds * 1000)
        timer.unref()
      }
      return () => remove(connection)
    },
    recheck,
    close() {
      all.clear()
      stop()
    },
  }
}
