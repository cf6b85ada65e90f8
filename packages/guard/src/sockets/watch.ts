/**
 * Watched connections: a WebSocket outlives the check of its upgrade, so that its credential is checked again at an
 * interval, and the connection is ended when the credential has expired or was revoked.
 */
import type { Problem } from '../problem.ts'
import { asProblem } from '../problem.ts'

/** Checks the credential of a connection again. @throws Problem where it is no longer valid */
export type Recheck = () => Promise<unknown>

export interface Watcher {
  /** @returns stops watching */
  watch(recheck: Recheck, end: (problem: Problem) => void): () => void
  /** Checks every connection now. */
  recheck(): Promise<void>
  close(): void
}

interface Watched {
  recheck: Recheck
  end: (problem: Problem) => void
  /** Consecutive checks for which a server or database could not be reached. */
  unreachable: number
}

/** A shorter outage ends no connection; a longer one may hide a revocation. */
const TOLERATED_OUTAGES = 1
const AT_ONCE = 16

export function openWatcher(seconds: number): Watcher {
  const all = new Set<Watched>()
  let timer: ReturnType<typeof setInterval> | undefined
  let running: Promise<void> | null = null

  async function check(watched: Watched): Promise<void> {
    const found = await watched.recheck().then(() => null, asProblem)
    if (!all.has(watched)) return
    watched.unreachable = found !== null && found.status >= 500 ? watched.unreachable + 1 : 0
    if (found === null || (watched.unreachable > 0 && watched.unreachable <= TOLERATED_OUTAGES)) return
    remove(watched)
    watched.end(found)
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

  function remove(watched: Watched): void {
    all.delete(watched)
    if (all.size === 0) stop()
  }
  function stop(): void {
    clearInterval(timer)
    timer = undefined
  }

  return {
    watch(recheck, end) {
      const watched = { recheck, end, unreachable: 0 }
      all.add(watched)
      if (timer === undefined) {
        timer = setInterval(() => void round(), seconds * 1000)
        timer.unref()
      }
      return () => remove(watched)
    },
    recheck: round,
    close() {
      all.clear()
      stop()
    },
  }
}
