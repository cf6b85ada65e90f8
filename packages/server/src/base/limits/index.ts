/**
 * Rate limits: how many requests a key may make in a rolling window. The store counts; it is this process's memory, or
 * one that several nodes share. While a shared store is unreachable, each node counts by itself, in a window that has
 * been counting all along: a limit is never lifted because of a failing store, and no request fails for it.
 */
import type { Log } from '../log/index.ts'
import { limitsInMemory } from './memory.ts'

export interface LimitVerdict {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until a place is free again. */
  resetSeconds: number
  /** Seconds of the window. */
  windowSeconds: number
}

export interface LimitStore {
  /**
   * Takes one place under the key, or says that none is left. A store in this process answers at once; one elsewhere
   * with a promise, which it rejects in good time where it gets no answer.
   */
  take(key: string, max: number, windowMilliseconds: number, now: Date): LimitVerdict | Promise<LimitVerdict>
}

/** A store that always answers: nothing is thrown and nothing rejects. */
export type Limits = LimitStore

export function createLimits({ store, log }: { store: LimitStore; log: Pick<Log, 'warn' | 'info'> }): Limits {
  const local = limitsInMemory()
  let isDown = false
  const answered = (verdict: LimitVerdict): LimitVerdict => {
    if (isDown) log.info({}, 'the store of the rate limits answers again')
    isDown = false
    return verdict
  }
  return {
    take(key, max, milliseconds, now) {
      const taken = store.take(key, max, milliseconds, now)
      if (!(taken instanceof Promise)) return taken
      const here = local.take(key, max, milliseconds, now)
      return taken.then(answered, (err: unknown) => {
        if (!isDown)
          log.warn({ err }, 'the store of the rate limits does not answer: each node counts by itself')
        isDown = true
        return here
      })
    },
  }
}
