/**
 * The rate limit store in memory: a rolling window for each key. For limits up to 32, each request has an entry with
 * its time, so that the window is exact; above that, requests within a 32nd of the window share an entry and expire
 * with its last one, so that a window never allows more than its limit, and at most a 32nd less. Memory is bounded:
 * keys are deleted when their window has passed, and under a flood of distinct keys those that were not used recently
 * are evicted (second chance: a key in use is kept once more when its turn comes).
 */
import type { LimitStore, LimitVerdict } from './store.ts'

interface Entry {
  first: number
  last: number
  count: number
}
interface Window {
  entries: Entry[]
  total: number
  /** The end of the window of the last request, in milliseconds since the Unix epoch. */
  over: number
  /** Whether the key was used since its turn came last. */
  isUsed: boolean
}

const GRAINS = 32
/** Keys that each new key looks at. */
const TURNS = 4

/** A synchronous store. */
export interface MemoryLimits extends LimitStore {
  take(...args: Parameters<LimitStore['take']>): LimitVerdict
  size(): number
}

export function limitsInMemory(maxKeys = 50_000): MemoryLimits {
  const windows = new Map<string, Window>()

  /** The turn goes round the keys. Each new key takes it a few keys further, so that expired keys do not accumulate. */
  function makeRoom(now: number): void {
    let looked = 0
    for (const [key, window] of windows) {
      const isFull = windows.size >= maxKeys
      if (!isFull && looked >= TURNS) return
      looked += 1
      if (window.over <= now || (isFull && !window.isUsed)) {
        windows.delete(key)
      } else {
        windows.delete(key)
        windows.set(key, window)
        window.isUsed = false
      }
    }
  }

  return {
    size: () => windows.size,
    take(key, max, milliseconds, at): LimitVerdict {
      const now = at.getTime()
      let window = windows.get(key)
      if (window === undefined) {
        makeRoom(now)
        window = { entries: [], total: 0, over: 0, isUsed: false }
        windows.set(key, window)
      } else window.isUsed = true
      forget(window, now - milliseconds)
      const allowed = window.total < max
      if (allowed) remember(window, now, max <= GRAINS ? 0 : milliseconds / GRAINS)
      window.over = Math.max(window.over, now + milliseconds)
      return verdict(window, { allowed, max, milliseconds, now })
    },
  }
}

function forget(window: Window, until: number): void {
  let passed = 0
  for (const entry of window.entries) {
    if (entry.last > until) break
    window.total -= entry.count
    passed += 1
  }
  if (passed > 0) window.entries.splice(0, passed)
}

function remember(window: Window, now: number, grain: number): void {
  const newest = window.entries[window.entries.length - 1]
  window.total += 1
  if (newest && now - newest.first < grain) {
    newest.last = Math.max(newest.last, now)
    newest.count += 1
  } else window.entries.push({ first: now, last: now, count: 1 })
}

function verdict(
  window: Window,
  about: { allowed: boolean; max: number; milliseconds: number; now: number },
): LimitVerdict {
  const oldest = window.entries[0]
  const wait = oldest ? oldest.last + about.milliseconds - about.now : about.milliseconds
  return {
    allowed: about.allowed,
    limit: about.max,
    remaining: Math.max(0, about.max - window.total),
    resetSeconds: Math.max(1, Math.ceil(Math.min(wait, about.milliseconds) / 1000)),
    windowSeconds: Math.ceil(about.milliseconds / 1000),
  }
}
