/**
 * Rate limits: how many requests a key may make in a rolling window. The store counts; it is this process's memory, or
 * one that several nodes share. While a shared store is unreachable, each node counts by itself, in a window that has
 * been counting all along: a limit is never lifted because of a failing store, and no request fails for it.
 */
import type { Log } from '../log/index.ts'
import { limitsInMemory } from './memory.ts'
import type { LimitStore, LimitVerdict } from './store.ts'

export type { LimitStore, LimitVerdict } from './store.ts'

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
