/** Counting of requests against the limits of the route rows. The store in memory is per process. */
export interface LimitVerdict {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until a place is free again. */
  resetSeconds: number
  /** Seconds of the window. */
  windowSeconds: number
}
export interface Limits {
  /** Takes one place under the key, or says that none is left. Rolling window. */
  take(key: string, max: number, windowMilliseconds: number, now: Date): LimitVerdict
}
