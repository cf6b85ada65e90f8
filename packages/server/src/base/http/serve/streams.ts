/**
 * Requests that are answered for as long as both sides live. They come in like any other (who calls, may they, how
 * often); and as long as the line is up, the caller is asked for again with every beat: a credential that has
 * ended or lost its permission ends its line. Bounded in number; ended first when the server closes.
 */
import type { Clock } from '../../clock.ts'
import { problem } from '../../errors.ts'
import type { EventLine } from '../../present/index.ts'
import type { Exchange } from '../request/exchange.ts'
import type { StreamRow } from '../row/route.ts'
import type { Bounds } from './server.ts'
import { failure, type Handler, type House, steps } from './steps.ts'

export interface Streams {
  handler(house: House, row: StreamRow): Handler
  /** Ends every line, and answers new ones with 503. */
  close(): void
}

export function streams(clock: Pick<Clock, 'now'>, bounds: Pick<Bounds, 'beat' | 'maxStreams'>): Streams {
  const open = new Set<EventLine>()
  let isClosing = false
  return {
    handler(house, row) {
      const step = steps(house, row)
      /** Whether the row would still be open to the caller. */
      const isWelcome = async (exchange: Exchange, params: unknown): Promise<boolean> => {
        const { caller, closed } = await step.enter({ ...exchange, now: clock.now(), headers: [] }, params)
        return caller.principal !== null && closed === null
      }
      return async (request, res) => {
        const exchange = house.reader.open(request.raw, res, row.style)
        try {
          house.reader.cors.answer(exchange.req, exchange.headers)
          const { caller, call, closed } = await step.enter(exchange, request.params)
          if (closed) throw closed
          const welcome = step.assertWelcome(exchange, caller, call)
          if (welcome) await welcome
          const said = await step.read(exchange, caller, request.params)
          const input = await step.understand(exchange, call, said)
          if (isClosing || open.size >= bounds.maxStreams) throw problem('UNAVAILABLE')
          row.assertReady?.()
          const line = house.present.events(exchange)
          open.add(line)
          const beating = setInterval(() => {
            line.beat()
            void isWelcome(exchange, request.params).then(
              (welcome) => welcome || line.end(),
              () => line.end(),
            )
          }, bounds.beat).unref()
          line.onEnd(() => {
            clearInterval(beating)
            open.delete(line)
          })
          // there is nothing to go on with
          if (request.raw.method === 'HEAD') return line.end()
          await row.run(call, input, line).catch((error: unknown) => {
            failure(house, exchange, error, row)
            line.end()
          })
        } catch (error) {
          house.present.problem(exchange, failure(house, exchange, error, row))
        }
      }
    },
    close() {
      isClosing = true
      for (const line of open) line.end()
    },
  }
}
