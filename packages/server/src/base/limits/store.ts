/** The interface of a store of rate limits: this process's memory, or one that several nodes share. */
export interface LimitVerdict {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until a place is free again. */
  resetSeconds: number
  /** Seconds of the window. */
  windowSeconds: number
}

export interface LimitStore {
  /**
   * Takes one place under the key, or says that none is left. A store in this process answers at once; one elsewhere
   * with a promise, which it rejects in good time where it gets no answer.
   */
  take(key: string, max: number, windowMilliseconds: number, now: Date): LimitVerdict | Promise<LimitVerdict>
}
