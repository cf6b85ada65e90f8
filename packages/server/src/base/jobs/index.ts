/** Work that happens later: durable one-off jobs written in the same transaction as their cause, and recurring ones. */
import type { Tx } from '../db/types.ts'

export interface Jobs {
  /** Durable: a row in `jobs`, run at least once after commit, retried with back-off, given up visibly. */
  enqueue(tx: Tx, kind: string, payload: Record<string, unknown>, options?: { runAt?: Date; now: Date }): Promise<void>
  /** Registers the handler of a kind; one a kind. It must be safe to run twice. */
  on(kind: string, handler: (payload: Record<string, unknown>, now: Date) => Promise<void>): void
  /** Registers recurring work; on several nodes, each due run happens on one of them. */
  every(name: string, interval: string, run: (now: Date) => Promise<void>): void
  /** Starts the timers. */
  start(): void
  /** Runs whatever is due now and resolves when it is done; after the test clock moved, and for tests. */
  settle(): Promise<void>
  /** Stops the timers, waits for what runs. */
  close(): Promise<void>
}
