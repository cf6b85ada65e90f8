/** The interfaces of rate limits: the windows in which a request is counted, and the stores outside of this process. */
import type { Eventual } from '../eventual.ts'

/** A rolling window: at most `max` requests in any period of that length. */
export interface LimitWindow {
  /** What is counted, for whom, in which window; unique to this length. */
  key: string
  max: number
  milliseconds: number
}

export interface LimitVerdict {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until another request is allowed. */
  resetSeconds: number
  /** The length of the window in seconds. */
  windowSeconds: number
}

export interface LimitStore {
  /**
   * Counts a request in all windows, or in none if one of them is full. Rejects after a short timeout.
   * @returns a verdict for each window in their order, up to the first one that refuses
   */
  take(windows: readonly LimitWindow[], now: Date): Promise<readonly LimitVerdict[]>
}

export interface Limits {
  /** As a store, but never throws or rejects; a promise only if a store outside of this process counts. */
  take(windows: readonly LimitWindow[], now: Date): Eventual<readonly LimitVerdict[]>
  /** The verdicts as this process knows them, without counting: of a shared store, its own share. */
  look(windows: readonly LimitWindow[], now: Date): readonly LimitVerdict[]
  /** Whether what counts answered last; while it does not, this process counts by itself. */
  isShared(): boolean
}
