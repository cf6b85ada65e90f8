/**
 * The rate limit store in memory: a rolling window for each key. For limits up to 32, each request has an entry with
 * its time, so that the window is exact; above that, requests within a 32nd of the window share an entry and expire
 * with its last one, so that a window never allows more than its limit, and at most a 32nd less. Memory is bounded:
 * keys are deleted when their window has passed, and under a flood of distinct keys the least recently used ones are
 * evicted.
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
}

const GRAINS = 32

/** A synchronous store. */
export interface MemoryLimits extends LimitStore {
  take(...args: Parameters<LimitStore['take']>): LimitVerdict
  size(): number
}

export function limitsInMemory(maxKeys = 50_000): MemoryLimits {
  const windows = new Map<string, Window>()

  /** Keys are in order of use. Each new key checks the oldest ones, so that expired keys do not accumulate. */
  function makeRoom(now: number): void {
    let looked = 0
    for (const [key, window] of windows) {
      if (windows.size < maxKeys && (looked === 4 || window.over > now)) return
      windows.delete(key)
      looked += 1
    }
  }

  return {
    size: () => windows.size,
    take(key, max, milliseconds, at): LimitVerdict {
      const now = at.getTime()
      let window = windows.get(key)
      if (window) windows.delete(key)
      else {
        makeRoom(now)
        window = { entries: [], total: 0, over: 0 }
      }
      windows.set(key, window)
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
