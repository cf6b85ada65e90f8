/**
 * A bounded queue for work that fills a core: at most `concurrency` tasks run at the same time, others wait in order
 * of arrival, and beyond `limit` waiting tasks new ones are refused immediately, because the result of a task whose
 * client has disconnected costs as much as any other.
 */
import { problem } from '../errors.ts'

export interface Gate {
  /** @throws Problem UNAVAILABLE when a task would be refused now */
  assertRoom(): void
  /** Runs the work in its turn. @throws Problem UNAVAILABLE when too many tasks wait */
  run<T>(work: () => Promise<T>): Promise<T>
  load(): { running: number; waiting: number }
}

/** What observes the tasks, for metrics. */
export interface GateObserver {
  ticks(): number
  /** Without the wait for its turn. */
  took(milliseconds: number): void
  refused(): void
}

export function createGate(concurrency: number, limit: number, observer?: GateObserver): Gate {
  const waiting: (() => void)[] = []
  let running = 0

  const assertRoom = (): void => {
    if (running < concurrency || waiting.length < limit) return
    observer?.refused()
    throw problem('UNAVAILABLE', { retryAfter: 2 })
  }
  const enter = async (): Promise<void> => {
    if (running < concurrency) {
      running += 1
      return
    }
    assertRoom()
    // a task that ends passes its slot to the first in the queue, so that a later one cannot take it
    await new Promise<void>((admitted) => waiting.push(admitted))
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }

  return {
    assertRoom,
    async run(work) {
      await enter()
      const began = observer?.ticks() ?? 0
      try {
        return await work()
      } finally {
        leave()
        observer?.took(observer.ticks() - began)
      }
    },
    load: () => ({ running, waiting: waiting.length }),
  }
}
