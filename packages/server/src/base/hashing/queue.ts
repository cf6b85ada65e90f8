/**
 * A gate for work that fills a core: at most `concurrency` at once, the rest in the order they came, and
 * beyond `limit` waiting the caller is turned away at once, because an answer that comes after the person
 * has gone costs as much as one that is read.
 */
import { problem } from '../errors.ts'

export interface Gate {
  /** Runs the work when its turn has come. @throws Problem UNAVAILABLE when too many wait */
  run<T>(work: () => Promise<T>): Promise<T>
  load(): { running: number; waiting: number }
}

export function createGate(concurrency: number, limit: number): Gate {
  const waiting: (() => void)[] = []
  let running = 0

  const enter = async (): Promise<void> => {
    if (running < concurrency) {
      running += 1
      return
    }
    if (waiting.length >= limit) throw problem('UNAVAILABLE', { retryAfter: 2 })
    // whoever leaves hands its place over, so nobody who comes later can take it
    await new Promise<void>((admitted) => waiting.push(admitted))
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }

  return {
    async run(work) {
      await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    },
    load: () => ({ running, waiting: waiting.length }),
  }
}
