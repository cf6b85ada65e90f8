/**
 * Requests that are answered with a file, made while it is sent. They come in like any other; before each piece the
 * caller is asked for again, so that a credential that has ended, or lost its permission, ends the file as well.
 */
import type { Clock } from '../../clock.ts'
import type { DownloadRow } from '../row/route.ts'
import { failure, type Handler, type House, steps } from './steps.ts'

export function downloadHandler(house: House, row: DownloadRow, clock: Pick<Clock, 'now'>): Handler {
  const step = steps(house, row)
  return async (request, res) => {
    const exchange = house.reader.open(request.raw, res, row.style)
    try {
      house.reader.cors.answer(exchange.req, exchange.headers)
      const { caller, call, closed } = await step.enter(exchange, request.params)
      if (closed) throw closed
      const welcome = step.assertWelcome(exchange, caller, call)
      if (welcome) await welcome
      const said = await step.read(exchange, caller, request.params)
      const file = await row.run(call, await step.understand(exchange, call, said))
      const line = house.present.download(exchange, file)
      if (request.raw.method === 'HEAD') return line.end()
      for await (const piece of file.pieces) {
        const again = await step.enter({ ...exchange, now: clock.now(), headers: [] }, request.params)
        if (!line.isOpen || again.closed !== null) return line.cut()
        await line.send(piece)
      }
      line.end()
    } catch (error) {
      const failed = failure(house, exchange, error, row)
      if (res.headersSent) res.destroy()
      else house.present.problem(exchange, failed)
    }
  }
}
