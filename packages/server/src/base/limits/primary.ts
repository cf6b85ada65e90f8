/**
 * The rate limit store of several workers (`start --workers`): the primary process counts in its memory, and the workers
 * ask it over their IPC channel, with one message for all requests of a turn of the event loop.
 */
import { limitsInMemory } from './memory.ts'
import type { LimitStore, LimitVerdict, LimitWindow } from './store.ts'

type Verdicts = readonly LimitVerdict[]

/** What a worker sends: requests with their windows, at that time in milliseconds since the Unix epoch. */
interface Batch {
  limits: { batch: number; requests: { windows: readonly LimitWindow[]; at: number }[] }
}
interface BatchAnswer {
  limits: { batch: number; verdicts: Verdicts[] }
}

/** The end of an IPC channel: `process` in a worker. */
export interface Channel {
  send?(message: Batch, sent: (error: Error | null) => void): unknown
  on(event: 'message', receive: (message: unknown) => void): unknown
}

const TIMEOUT = 500

/** The store of a worker. */
export function limitsOfPrimary(channel: Channel): LimitStore {
  interface Waiting {
    windows: readonly LimitWindow[]
    at: number
    resolve(verdicts: Verdicts): void
    reject(error: Error): void
  }
  let collecting: Waiting[] = []
  let batches = 0
  const sent = new Map<number, { waiting: Waiting[]; timer: NodeJS.Timeout }>()

  function settle(batch: number, end: (one: Waiting, at: number) => void): void {
    const found = sent.get(batch)
    if (!found) return
    sent.delete(batch)
    clearTimeout(found.timer)
    found.waiting.forEach(end)
  }
  function flush(): void {
    const waiting = collecting
    const batch = ++batches
    collecting = []
    const fail = (error: Error) => settle(batch, ({ reject }) => reject(error))
    const timer = setTimeout(() => fail(new Error('the primary process does not answer')), TIMEOUT).unref()
    sent.set(batch, { waiting, timer })
    const requests = waiting.map(({ windows, at }) => ({ windows, at }))
    if (channel.send) channel.send({ limits: { batch, requests } }, (error) => error && fail(error))
    else fail(new Error('there is no primary process'))
  }

  channel.on('message', (message) => {
    if (!isAboutLimits<BatchAnswer>(message)) return
    const { batch, verdicts } = message.limits
    settle(batch, ({ resolve, reject }, at) => {
      const found = verdicts[at]
      if (found) resolve(found)
      else reject(new Error('the primary process sent an incomplete answer'))
    })
  })
  return {
    take: (windows, now) =>
      new Promise((resolve, reject) => {
        if (collecting.length === 0) setImmediate(flush)
        collecting.push({ windows, at: now.getTime(), resolve, reject })
      }),
  }
}

/** The primary's side. @returns the answer to a message of a worker; null if the message is not about limits */
export function limitsForWorkers(): (message: unknown) => BatchAnswer | null {
  const memory = limitsInMemory()
  return (message) => {
    if (!isAboutLimits<Batch>(message)) return null
    const { batch, requests } = message.limits
    return {
      limits: { batch, verdicts: requests.map(({ windows, at }) => memory.take(windows, new Date(at))) },
    }
  }
}

const isAboutLimits = <M extends Batch | BatchAnswer>(message: unknown): message is M =>
  typeof message === 'object' && message !== null && 'limits' in message
