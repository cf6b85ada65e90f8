/**
 * Does in one go what many ask for at the same moment. A commit waits for the disk, and what it waits for it can
 * share: whatever is asked while the work is under way waits for the next turn and goes together. Alone, nobody waits.
 */

/** How many turns run at once: one can write while the other waits for the disk. */
const AT_ONCE = 2
const MOST = 64

interface Waiting<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * @param work is given each key once; it answers by key, and whoever is not answered gets null
 * @returns asks for one key; whoever asks for the same key in the same turn gets the same answer
 */
export function gather<T>(work: (keys: string[]) => Promise<ReadonlyMap<string, T>>) {
  let waiting = new Map<string, Waiting<T | null>[]>()
  let running = 0

  function next(): void {
    if (running >= AT_ONCE || waiting.size === 0) return
    const turn = new Map([...waiting].slice(0, MOST))
    waiting = new Map([...waiting].slice(MOST))
    running += 1
    void work([...turn.keys()])
      .then(
        (answers) => {
          for (const [key, those] of turn) for (const one of those) one.resolve(answers.get(key) ?? null)
        },
        (error: unknown) => {
          for (const those of turn.values()) for (const one of those) one.reject(error)
        },
      )
      .finally(() => {
        running -= 1
        next()
      })
  }

  return (key: string): Promise<T | null> =>
    new Promise((resolve, reject) => {
      const those = waiting.get(key) ?? []
      those.push({ resolve, reject })
      waiting.set(key, those)
      // after whatever else this turn of the loop brings
      if (running < AT_ONCE) queueMicrotask(next)
    })
}
