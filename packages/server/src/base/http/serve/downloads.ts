/**
 * The file face of an operation: a download whose pieces are made while it is sent. Before each piece the caller is
 * authorized again, so that the file ends when the credential ends or loses its permission.
 */
import type { Clock } from '../../clock.ts'
import type { DownloadRow } from '../row/route.ts'
import type { Handler } from './router.ts'
import { type HttpContext, problemOf, steps } from './steps.ts'

export function downloadHandler(context: HttpContext, row: DownloadRow, clock: Pick<Clock, 'now'>): Handler {
  const step = steps(context, row)
  return async (req, res, params) => {
    const entry = step.open(req, res, params)
    const { exchange } = entry
    try {
      const input = await step.enter(entry)
      if (entry.refusal) throw entry.refusal
      const file = await row.run(entry.call, await step.validateInput(entry, input))
      const stream = context.present.download(exchange, file)
      if (req.method === 'HEAD') return stream.end()
      for await (const piece of file.pieces) {
        const now = await step.authorize({ ...exchange, now: clock.now(), headers: [] }, params)
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
