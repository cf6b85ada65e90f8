/**
 * Rate limits: how many requests a key may make in a rolling window. A store counts: the memory of this process, or a
 * store that nodes share. While a shared store is unreachable, each node uses its local count, which is always kept: a
 * failing store never disables a limit, and never fails a request.
 */
import type { Log } from '../log/index.ts'
import { limitsInMemory } from './memory.ts'
import type { LimitStore, LimitVerdict } from './store.ts'

export type { LimitStore, LimitVerdict } from './store.ts'

/** A store that never throws or rejects. */
export type Limits = LimitStore

export function createLimits({ store, log }: { store: LimitStore; log: Pick<Log, 'warn' | 'info'> }): Limits {
  const local = limitsInMemory()
  let isDown = false
  const answered = (verdict: LimitVerdict): LimitVerdict => {
    if (isDown) log.info({}, 'the rate limit store is reachable again')
    isDown = false
    return verdict
  }
  return {
    take(key, max, milliseconds, now) {
      const taken = store.take(key, max, milliseconds, now)
      if (!(taken instanceof Promise)) return taken
      const here = local.take(key, max, milliseconds, now)
      return taken.then(answered, (err: unknown) => {
        if (!isDown) log.warn({ err }, 'the rate limit store is unreachable: each node counts separately')
        isDown = true
        return here
      })
    },
  }
}
