/**
 * The rate limit store in memory. Memory is bounded: keys are deleted when their window has passed, and under a flood of
 * distinct keys those that were not used recently are evicted (second chance: a key in use is kept once more when its
 * turn comes).
 */
import { forget, type Rolling, stateOf, takeIn, verdictOf } from './rolling.ts'
import type { Limits, LimitVerdict, LimitWindow } from './store.ts'

interface HeldWindow extends Rolling {
  /** The end of the window of the last request, in milliseconds since the Unix epoch. */
  over: number
  /** Whether the key was used since its turn came last. */
  isUsed: boolean
}

/** Keys that each new key looks at. */
const TURNS = 4

/** A synchronous store. */
export interface MemoryLimits extends Limits {
  take(windows: readonly LimitWindow[], now: Date): readonly LimitVerdict[]
  size(): number
}

export function limitsInMemory(maxKeys = 50_000): MemoryLimits {
  const held = new Map<string, HeldWindow>()
  /** Where the turn is. It passes keys that are added meanwhile, too, and begins again after the last one. */
  let turn = held.entries()

  /** Each new key takes the turn a few keys further, so that expired keys do not accumulate. */
  function makeRoom(now: number): void {
    for (let looked = 0; looked < TURNS || held.size >= maxKeys; looked++) {
      const { value: next } = turn.next()
      if (next === undefined) {
        if (held.size === 0) return
        turn = held.entries()
        continue
      }
      const [key, window] = next
      if (window.over <= now || (held.size >= maxKeys && !window.isUsed)) held.delete(key)
      else window.isUsed = false
    }
  }

  function open({ key, milliseconds }: LimitWindow, now: number): Rolling {
    let window = held.get(key)
    if (window === undefined) {
      makeRoom(now)
      window = { entries: [], total: 0, over: 0, isUsed: false }
      held.set(key, window)
    } else window.isUsed = true
    window.over = Math.max(window.over, now + milliseconds)
    return window
  }

  return {
    size: () => held.size,
    isShared: () => true,
    take(windows, at) {
      const now = at.getTime()
      return takeIn(windows, (window) => open(window, now), now)
    },
    look(windows, at) {
      const now = at.getTime()
      const verdicts: LimitVerdict[] = []
      for (const window of windows) {
        const rolling = held.get(window.key) ?? { entries: [], total: 0 }
        forget(rolling, now - window.milliseconds)
        const allowed = rolling.total < window.max
        verdicts.push(verdictOf(window, stateOf(rolling, allowed), now))
        if (!allowed) break
      }
      return verdicts
    },
  }
}
