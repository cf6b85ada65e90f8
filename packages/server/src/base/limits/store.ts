/** The interface of rate limit stores: the memory of this process, or a store that nodes share. */
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
   * Counts a request under the key, unless its limit is reached. A store in this process returns the verdict; a remote
   * store returns a promise, which it rejects after a short timeout.
   */
  take(key: string, max: number, windowMilliseconds: number, now: Date): LimitVerdict | Promise<LimitVerdict>
}
