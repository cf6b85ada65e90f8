/**
 * The arithmetic of rolling windows, the same in every store. For limits up to 32, each request has an entry with its
 * time, so that the window is exact; above that, requests within a 32nd of the window share an entry and expire with its
 * last one, so that a window never allows more than its limit, and at most a 32nd less.
 */
import type { LimitVerdict, LimitWindow } from './store.ts'

interface WindowEntry {
  first: number
  last: number
  count: number
}

/** The requests of a window, oldest first. */
export interface Rolling {
  entries: WindowEntry[]
  total: number
}

const GRAINS = 32

/** Requests within this many milliseconds share an entry. */
export const grainOf = ({ max, milliseconds }: LimitWindow): number =>
  max <= GRAINS ? 0 : milliseconds / GRAINS

/** Drops the requests that the window has passed. */
export function forget(rolling: Rolling, until: number): void {
  let passed = 0
  for (const entry of rolling.entries) {
    if (entry.last > until) break
    rolling.total -= entry.count
    passed += 1
  }
  if (passed > 0) rolling.entries.splice(0, passed)
}

export function remember(rolling: Rolling, now: number, grain: number): void {
  const newest = rolling.entries[rolling.entries.length - 1]
  rolling.total += 1
  if (newest && now - newest.first < grain) {
    newest.last = Math.max(newest.last, now)
    newest.count += 1
  } else rolling.entries.push({ first: now, last: now, count: 1 })
}

/** @param oldest when the oldest entry was used last; null for none */
export function verdictOf(
  { max, milliseconds }: LimitWindow,
  { allowed, total, oldest }: { allowed: boolean; total: number; oldest: number | null },
  now: number,
): LimitVerdict {
  const wait = oldest === null ? milliseconds : oldest + milliseconds - now
  return {
    allowed,
    limit: max,
    remaining: Math.max(0, max - total),
    resetSeconds: Math.max(1, Math.ceil(Math.min(wait, milliseconds) / 1000)),
    windowSeconds: Math.ceil(milliseconds / 1000),
  }
}

export const stateOf = (rolling: Rolling, allowed: boolean) => ({
  allowed,
  total: rolling.total,
  oldest: rolling.entries[0]?.last ?? null,
})

/** Counts a request in all windows, or in none if one is full. @returns as LimitStore.take */
export function takeIn(
  windows: readonly LimitWindow[],
  rollingOf: (window: LimitWindow) => Rolling,
  now: number,
): readonly LimitVerdict[] {
  const opened: Rolling[] = []
  let isAllowed = true
  for (const window of windows) {
    const rolling = rollingOf(window)
    forget(rolling, now - window.milliseconds)
    opened.push(rolling)
    isAllowed = rolling.total < window.max
    if (!isAllowed) break
  }
  return opened.map((rolling, at) => {
    const window = windows[at] as LimitWindow
    if (isAllowed) remember(rolling, now, grainOf(window))
    return verdictOf(window, stateOf(rolling, isAllowed || at < opened.length - 1), now)
  })
}
