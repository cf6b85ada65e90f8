/**
 * The endpoints that programs request by the rules of OAuth: an answer without an envelope, errors by RFC 6749 §5.2. The steps
 * before `run` are those of every row; no cookie and no credential of our API is read (isCookieless).
 */
import { z } from 'zod'
import { problem } from '../../errors.ts'
import { anyOrigin } from '../request/cors.ts'
import type { Exchange } from '../request/exchange.ts'
import type { ProtocolRequest, ProtocolRow } from '../row/route.ts'
import { outputOf } from './api.ts'
import type { Handler } from './router.ts'
import { type HttpContext, problemOf, steps } from './steps.ts'

export function protocolHandler(context: HttpContext, row: ProtocolRow): Handler {
  const step = steps(context, row)
  const status = row.status ?? 200
  const by = { message: row.message, status, serialise: outputOf(context, row) }
  const hasBody = !(row.output instanceof z.ZodNull)
  return async (req, res, params) => {
    const entry = step.open(req, res, params)
    const { exchange } = entry
    try {
      const input = await step.enter(entry)
      const judged = step.validateInput(entry, input)
      const valid = judged instanceof Promise ? await judged : judged
      const answer = await step.recordDenials(entry, () =>
        row.run(entry.call, valid, requestOf(row, exchange)),
      )
      if (hasBody) context.present.data(exchange, answer, by)
      else context.present.empty(exchange, answer.status ?? status)
    } catch (error) {
      context.present.problem(exchange, problemOf(context, exchange, error, row))
    }
  }
}

/** Answers what a browser asks before a script of another origin may send the request. */
export const protocolPreflight =
  (context: HttpContext, allow: string): Handler =>
  (req, res) => {
    const exchange = context.openExchange(req, res)
    anyOrigin.preflight(req, exchange.headers, allow)
    context.present.empty(exchange, 204)
  }

function requestOf(row: ProtocolRow, { req }: Exchange): ProtocolRequest {
  const { rawHeaders, method = row.method } = req
  return {
    method,
    path: row.path,
    authorization: onlyOne(rawHeaders, 'authorization', undefined),
    // RFC 9449 §4.3
    dpop: onlyOne(rawHeaders, 'dpop', 'invalid_dpop_proof'),
  }
}

/** @throws Problem BAD_REQUEST for a field that is sent twice: two readers could find two different credentials */
function onlyOne(
  rawHeaders: readonly string[],
  name: string,
  protocolError: string | undefined,
): string | null {
  let found: string | null = null
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const field = rawHeaders[at]
    // most names need not be compared
    if (field?.length !== name.length || field.toLowerCase() !== name) continue
    if (found !== null)
      throw problem('BAD_REQUEST', { message: 'A header field is present more than once.', protocolError })
    found = rawHeaders[at + 1] ?? ''
  }
  return found
}
