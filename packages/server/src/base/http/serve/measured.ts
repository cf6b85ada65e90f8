/** Requests as metrics: how many by row and status, and how long they took. What no row answers is counted as `unmatched`. */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../clock.ts'
import type { Cell, Metrics } from '../../metrics/index.ts'
import type { Handler } from './router.ts'

/** Seconds, from what memory answers to what a person gives up on. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** The status of a request whose client did not wait for the answer. */
const ABORTED = 'aborted'

export interface Measured {
  /** @param isTimed false: a stream, which lasts as long as its client stays */
  handler(route: string, method: string, handle: Handler, isTimed?: boolean): Handler
  /** A request that no row answers, or one of a file. */
  other(route: 'unmatched' | 'asset', res: ServerResponse): void
}

export function measured(
  metrics: Pick<Metrics, 'counter' | 'histogram'>,
  clock: Pick<Clock, 'ticks'>,
): Measured {
  const requests = metrics.counter('http_requests_total', {
    help: 'Requests that were answered, by route of the API reference and status; `aborted`: the client did not wait for the answer.',
    labels: ['route', 'method', 'status'],
  })
  const seconds = metrics.histogram('http_request_seconds', {
    help: 'Seconds from the arrival of the headers of a request to the end of its answer, without streams.',
    labels: ['route'],
    buckets: BUCKETS,
  })

  /** Counts by status; the cell of each is found once. */
  function counting(route: string, method: string): (res: ServerResponse) => void {
    const cells = new Map<number | typeof ABORTED, Cell>()
    return (res) => {
      const status = res.writableFinished ? res.statusCode : ABORTED
      let cell = cells.get(status)
      if (cell === undefined) {
        cell = requests({ route, method, status: String(status) })
        cells.set(status, cell)
      }
      cell.add()
    }
  }
  const others = new Map<string, (res: ServerResponse) => void>()

  return {
    handler(route, method, handle, isTimed = true) {
      const count = counting(route, method)
      const took = isTimed ? seconds({ route }) : null
      return (req, res, params) => {
        const began = clock.ticks()
        res.on('close', () => {
          count(res)
          took?.observe((clock.ticks() - began) / 1000)
        })
        handle(req, res, params)
      }
    },
    other(route, res) {
      let count = others.get(route)
      if (count === undefined) {
        count = counting(route, 'any')
        others.set(route, count)
      }
      const counted = count
      res.on('close', () => counted(res))
    },
  }
}
