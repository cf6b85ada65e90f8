/**
 * The file face of an operation: a download whose pieces are made while it is sent. Before each piece the caller is
 * authorized again, so that the file ends when the credential ends or loses its permission.
 */
import type { Clock } from '../../clock.ts'
import type { DownloadRow } from '../row/route.ts'
import { type Handler, type HttpContext, problemOf, steps } from './steps.ts'

export function downloadHandler(context: HttpContext, row: DownloadRow, clock: Pick<Clock, 'now'>): Handler {
  const step = steps(context, row)
  return async (request, res) => {
    const exchange = context.openExchange(request.raw, res, row.style)
    try {
      context.cors.answer(exchange.req, exchange.headers)
      const { caller, call, refusal } = await step.authorize(exchange, request.params)
      if (refusal) throw refusal
      const counted = step.assertOriginAndLimit(exchange, caller, call)
      if (counted) await counted
      const input = await step.readInput(exchange, caller, request.params)
      const file = await row.run(call, await step.validateInput(exchange, call, input))
      const stream = context.present.download(exchange, file)
      if (request.raw.method === 'HEAD') return stream.end()
      for await (const piece of file.pieces) {
        const now = await step.authorize({ ...exchange, now: clock.now(), headers: [] }, request.params)
        if (!stream.isOpen || now.refusal !== null) return stream.abort()
        await stream.send(piece)
      }
      stream.end()
    } catch (error) {
      const failed = problemOf(context, exchange, error, row)
      if (res.headersSent) res.destroy()
      else context.present.problem(exchange, failed)
    }
  }
}
