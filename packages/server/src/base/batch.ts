/**
 * Batching (group commit): requests that arrive while a transaction is under way are executed together in the next one,
 * because a commit waits for the disk. A single request does not wait. A fault that one of them may have caused is that of
 * none of the others: each is executed again alone. Nor does a row that another transaction has locked hold up the others:
 * a batch waits for it briefly, and the requests that need it wait longer beside the batches, together.
 */
import { isLockTimeout, isOfOneStatement } from './db/faults.ts'
import type { LockWait } from './db/types.ts'

/** Batches that run at once: one writes while the other waits for the disk. */
const CONCURRENT_BATCHES = 2
const LARGEST_BATCH = 64
/** Requests that are executed alone at once, each on a connection. */
const ALONE_AT_ONCE = 8

interface Waiting<T> {
  resolve(value: T): void
  reject(error: unknown): void
}
type Group<T> = ReadonlyMap<string, readonly Waiting<T | null>[]>

type Work<T> = (keys: string[], wait: LockWait) => Promise<ReadonlyMap<string, T>>
type BatchedRequest<T> = (key: string) => Promise<T | null>

/**
 * @param work receives each key once and returns values by key; what has failed has had no effect. It passes `wait` to `db.commit`
 * @returns requests the value of a key; null where `work` returns none. Requests of one key in one batch share it.
 */
export const batch = <T>(work: Work<T>): BatchedRequest<T> =>
  queue(work, { isBrief: true }, queue(work, { isBrief: false }, null))

/** @param whenLocked requests a value that a brief wait for a lock did not give; null: it fails */
function queue<T>(work: Work<T>, wait: LockWait, whenLocked: BatchedRequest<T> | null): BatchedRequest<T> {
  let waiting = new Map<string, Waiting<T | null>[]>()
  let running = 0

  async function execute(group: Group<T>, how: LockWait): Promise<void> {
    try {
      const answers = await work([...group.keys()], how)
      for (const [key, those] of group) for (const one of those) one.resolve(answers.get(key) ?? null)
    } catch (error) {
      const isLocked = isLockTimeout(error)
      if (group.size > 1 && (isLocked || isOfOneStatement(error))) await executeEach([...group])
      else if (isLocked && whenLocked) pass(group, whenLocked)
      else for (const those of group.values()) for (const one of those) one.reject(error)
    }
  }

  async function executeEach(
    all: readonly (readonly [string, readonly Waiting<T | null>[]])[],
  ): Promise<void> {
    for (let at = 0; at < all.length; at += ALONE_AT_ONCE) {
      const some = all.slice(at, at + ALONE_AT_ONCE)
      await Promise.all(some.map((one) => execute(new Map([one]), { isBrief: true })))
    }
  }

  /** The next batch does not wait for these. */
  function pass(group: Group<T>, request: BatchedRequest<T>): void {
    for (const [key, those] of group)
      for (const { resolve, reject } of those) request(key).then(resolve, reject)
  }

  function next(): void {
    if (running >= CONCURRENT_BATCHES || waiting.size === 0) return
    const group = new Map([...waiting].slice(0, LARGEST_BATCH))
    waiting = new Map([...waiting].slice(LARGEST_BATCH))
    running += 1
    void execute(group, wait).finally(() => {
      running -= 1
      next()
    })
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const those = waiting.get(key) ?? []
      those.push({ resolve, reject })
      waiting.set(key, those)
      // after the other requests of this turn of the event loop
      if (running < CONCURRENT_BATCHES) queueMicrotask(next)
    })
}
