/**
 * Rate limits: how many requests a key may make in a rolling window. A store counts: the memory of this process, the
 * primary process of several workers, or a store that nodes share (Redis, the database). Beside a shared store this
 * process always counts what was allowed: while the store is unreachable that count decides, so that a failing store never
 * disables a limit and never fails a request; and what it knows to be full is refused without asking, so that a flood
 * does not reach the store. The count of one process is never more than the shared one.
 */
import type { Log } from '../log/index.ts'
import { limitsInMemory, type MemoryLimits } from './memory.ts'
import type { LimitStore, Limits, LimitVerdict } from './store.ts'

export type { LimitStore, Limits, LimitVerdict, LimitWindow } from './store.ts'

/** The limits of a server: those of sensitive operations may have another store, which counts for the whole fleet. */
export interface RateLimits {
  usual: Limits
  exact: Limits
}

export function createLimits({
  store,
  log,
}: {
  /** null: the memory of this process counts. */
  store: LimitStore | null
  log: Pick<Log, 'warn' | 'info'>
}): Limits {
  const local = limitsInMemory()
  return store === null ? local : shared(store, local, log)
}

export const isRefused = (verdicts: readonly LimitVerdict[]): boolean => verdicts.at(-1)?.allowed === false

function shared(store: LimitStore, local: MemoryLimits, log: Pick<Log, 'warn' | 'info'>): Limits {
  let isDown = false
  const reached = (): void => {
    if (isDown) log.info({}, 'the rate limit store is reachable again')
    isDown = false
  }
  const missed = (err: unknown): void => {
    if (!isDown) log.warn({ err }, 'the rate limit store is unreachable: each node counts separately')
    isDown = true
  }
  return {
    look: local.look,
    isShared: () => !isDown,
    take(windows, now) {
      const known = local.look(windows, now)
      if (isRefused(known)) return known
      return store.take(windows, now).then(
        (verdicts) => {
          // a refusal writes nothing: a store that is full or read-only may still give one
          if (isRefused(verdicts)) return verdicts
          reached()
          // a store that was emptied meanwhile does not open a window that is full here
          const here = local.take(windows, now)
          return isRefused(here) ? here : verdicts
        },
        (err: unknown) => {
          missed(err)
          return local.take(windows, now)
        },
      )
    },
  }
}
