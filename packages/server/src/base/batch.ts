/**
 * Batching (group commit): requests that arrive while a transaction is under way are executed together in the next one,
 * because a commit waits for the disk. A single request does not wait. A fault that one of them may have caused is that of
 * none of the others: each is executed again alone.
 */
import { isOfOneStatement } from './db/faults.ts'

/** Batches that run at once: one writes while the other waits for the disk. */
const CONCURRENT_BATCHES = 2
const LARGEST_BATCH = 64

interface Waiting<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * @param work receives each key once and returns values by key; what has failed has had no effect
 * @returns requests the value of a key; null where `work` returns none. Requests of one key in one batch share it.
 */
export function batch<T>(work: (keys: string[]) => Promise<ReadonlyMap<string, T>>) {
  let waiting = new Map<string, Waiting<T | null>[]>()
  let running = 0

  const settle = (group: ReadonlyMap<string, Waiting<T | null>[]>, answers: ReadonlyMap<string, T>): void => {
    for (const [key, those] of group) for (const one of those) one.resolve(answers.get(key) ?? null)
  }

  async function execute(group: ReadonlyMap<string, Waiting<T | null>[]>): Promise<void> {
    try {
      settle(group, await work([...group.keys()]))
    } catch (error) {
      if (group.size > 1 && isOfOneStatement(error)) {
        for (const one of group) await execute(new Map([one]))
        return
      }
      for (const those of group.values()) for (const one of those) one.reject(error)
    }
  }

  function next(): void {
    if (running >= CONCURRENT_BATCHES || waiting.size === 0) return
    const group = new Map([...waiting].slice(0, LARGEST_BATCH))
    waiting = new Map([...waiting].slice(LARGEST_BATCH))
    running += 1
    void execute(group).finally(() => {
      running -= 1
      next()
    })
  }

  return (key: string): Promise<T | null> =>
    new Promise((resolve, reject) => {
      const those = waiting.get(key) ?? []
      those.push({ resolve, reject })
      waiting.set(key, those)
      // after the other requests of this turn of the event loop
      if (running < CONCURRENT_BATCHES) queueMicrotask(next)
    })
}
