/**
 * The stream face of an operation: server-sent events until either side closes the connection. The request passes the
 * same steps as any other; with every heartbeat the caller is authorized again, so that the stream ends when the
 * credential ends or loses its permission. Bounded in number; closed first when the server closes.
 */
import type { Clock } from '../../clock.ts'
import { problem } from '../../errors.ts'
import type { EventStream } from '../../present/index.ts'
import type { Exchange } from '../request/exchange.ts'
import type { StreamRow } from '../row/route.ts'
import type { Handler, Params } from './router.ts'
import type { Bounds } from './server.ts'
import { type HttpContext, problemOf, steps } from './steps.ts'

export interface Streams {
  handler(context: HttpContext, row: StreamRow): Handler
  /** Ends every stream, and answers new ones with 503. */
  close(): void
}

export function streams(
  clock: Pick<Clock, 'now'>,
  bounds: Pick<Bounds, 'heartbeat' | 'maxStreams'>,
): Streams {
  const open = new Set<EventStream>()
  let isClosing = false
  return {
    handler(context, row) {
      const step = steps(context, row)
      const isStillAuthorized = async (exchange: Exchange, params: Params): Promise<boolean> => {
        const now = { ...exchange, now: clock.now(), headers: [] }
        const { caller, refusal } = await step.authorize(now, params)
        return caller.principal !== null && refusal === null
      }
      return async (req, res, params) => {
        const entry = step.open(req, res, params)
        const { exchange } = entry
        try {
          const sent = await step.enter(entry)
          if (entry.refusal) throw entry.refusal
          const input = await step.validateInput(entry, sent)
          if (isClosing || open.size >= bounds.maxStreams) throw problem('UNAVAILABLE')
          row.assertReady?.()
          const stream = context.present.events(exchange)
          open.add(stream)
          const heartbeat = setInterval(() => {
            stream.heartbeat()
            void isStillAuthorized(exchange, params).then(
              (isAuthorized) => isAuthorized || stream.end(),
              () => stream.end(),
            )
          }, bounds.heartbeat).unref()
          stream.onEnd(() => {
            clearInterval(heartbeat)
            open.delete(stream)
          })
          // HEAD has no body
          if (req.method === 'HEAD') return stream.end()
          await row.run(entry.call, input, stream).catch((error: unknown) => {
            problemOf(context, exchange, error, row)
            stream.end()
          })
        } catch (error) {
          context.present.problem(exchange, problemOf(context, exchange, error, row))
        }
      }
    },
    close() {
      isClosing = true
      for (const stream of open) stream.end()
    },
  }
}
