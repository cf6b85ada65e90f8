/**
 * The clock: the only module that reads the time (tests/architecture.test.ts). All other code receives `call.now` or
 * reads this clock; in SQL the time is a parameter. In the testing profile the clock can be moved, and every expiry
 * follows it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Clock {
  /** The current time, a new Date. */
  now(): Date
  /** Milliseconds of a monotonic counter; for measuring durations, never for expiry. */
  ticks(): number
  /** Moves the clock forward (or back) by milliseconds. Testing only; the caller enforces that. */
  advance(milliseconds: number): void
  /** Sets the clock to an instant; it continues to run from there. */
  set(instant: Date): void
}

export function systemClock(): Clock {
  let offset = 0
  return {
    now: () => new Date(Date.now() + offset),
    ticks: () => performance.now(),
    advance(milliseconds) {
      offset += milliseconds
    },
    set(instant) {
      offset = instant.getTime() - Date.now()
    },
  }
}

export interface LoopDelay {
  /** @returns milliseconds, of the time since `reset` */
  quantile(of: number): number
  reset(): void
  stop(): void
}

/** Milliseconds between two measurements of the event loop, as which a delay of 0 is counted. */
const RESOLUTION = 20

/** Measures by how much the event loop runs timers too late. */
export function measureLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  return {
    quantile: (of) => Math.max(0, histogram.percentile(of * 100) / 1e6 - RESOLUTION),
    reset: () => histogram.reset(),
    stop: () => void histogram.disable(),
  }
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Parses a duration of settings and operations: `30m`, `8h`, `30d`, `90s`, `500ms`.
 * @returns milliseconds, or null if the text is no duration
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim())
  if (!match) return null
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]
}

/** As parseDuration, for durations in code. @throws if the text is no duration */
export function duration(text: string): number {
  const value = parseDuration(text)
  if (value === null) throw new Error(`not a duration: ${text}`)
  return value
}

/** The instant `milliseconds` after `from`. */
export const later = (from: Date, milliseconds: number): Date => new Date(from.getTime() + milliseconds)
