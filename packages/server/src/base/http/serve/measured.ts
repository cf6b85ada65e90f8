/**
 * Requests as metrics and traces, from the arrival of their headers to the end of their answers: how many by row and status, how long
 * they took, and the root of each trace. What no row answers is counted as `unmatched`.
 */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../clock.ts'
import type { Cell, Metrics } from '../../metrics/index.ts'
import type { RequestTracer } from '../../traces/index.ts'
import { onEnd } from './ended.ts'
import type { Handler } from './router.ts'

/** Seconds, from what memory answers to what a person gives up on. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** Requests that a rate limit refused. */
export const refusedByLimits = (metrics: Pick<Metrics, 'counter'>) =>
  metrics.counter('limits_refused_total', {
    help: 'Requests that a rate limit refused, by operation.',
    labels: ['operation'],
  })

/** The status of a request whose client did not wait for the answer. */
const ABORTED = 'aborted'

const UNROUTED = { route: null, isTimed: true }

export interface Measured {
  /** @param isTimed false: a stream, which lasts as long as its client stays */
  handler(route: string, method: string, handle: Handler, isTimed?: boolean): Handler
  /** A request that no row answers, or one of a file. */
  other(route: 'unmatched' | 'asset', res: ServerResponse): void
}

export function measured(
  metrics: Pick<Metrics, 'counter' | 'histogram'>,
  clock: Pick<Clock, 'ticks'>,
  tracer: RequestTracer | null,
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
      const about = { route, isTimed }
      return (req, res, params) => {
        const began = clock.ticks()
        const trace = tracer?.begin(req) ?? null
        onEnd(req, res, () => {
          count(res)
          const milliseconds = clock.ticks() - began
          took?.observe(milliseconds / 1000)
          tracer?.end(req, res, about, milliseconds)
        })
        // a stream would add spans for as long as its client stays
        if (trace && isTimed) trace.run(() => handle(req, res, params))
        else handle(req, res, params)
      }
    },
    other(route, res) {
      let count = others.get(route)
      if (count === undefined) {
        count = counting(route, 'any')
        others.set(route, count)
      }
      const counted = count
      const began = clock.ticks()
      tracer?.begin(res.req)
      onEnd(res.req, res, () => {
        counted(res)
        tracer?.end(res.req, res, UNROUTED, clock.ticks() - began)
      })
    },
  }
}
