/** Password hashing behind a bounded queue: at most as many at once as cores, and 503 when too many wait. */
export interface Hashing {
  /** Hashes with the configured algorithm and cost. @throws Problem UNAVAILABLE when the queue is full */
  hash(password: string): Promise<string>
  /**
   * Checks a password. With `stored` null a dummy of the same cost is checked, so that an unknown account
   * takes the same time as a known one; the verdict is then always false.
   * `outdated`: the hash is of another algorithm or a lower cost and should be replaced.
   */
  verify(stored: string | null, password: string): Promise<{ matches: boolean; outdated: boolean }>
  /** How many run and wait now; for /metrics and tests. */
  load(): { running: number; waiting: number }
}
