/**
 * The JSON face of an operation: an API row answered in the envelope. An API key that a row answers differently
 * (`withKey`) sends no further input.
 */
import type { z } from 'zod'
import { type Problem, problem } from '../../errors.ts'
import { type Eventual, whenReady } from '../../eventual.ts'
import { type JsonText, type Serialise, serialiser } from '../../present/index.ts'
import { wantsJson } from '../request/accept.ts'
import { twoCredentials } from '../request/authenticate.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Input } from '../request/input.ts'
import type { Answer, ApiRow } from '../row/route.ts'
import { type PageContext, sendProblemPage } from './pages.ts'
import type { Handler } from './router.ts'
import { type Entry, type HttpContext, problemOf, type Steps, steps } from './steps.ts'

export function apiHandler(context: PageContext, row: ApiRow): Handler {
  const step = steps(context, row)
  const by = {
    message: row.message,
    status: row.status ?? 200,
    serialise: outputOf(context, row),
    bare: row.bare === true,
  }
  return async (req, res, params) => {
    const entry = step.open(req, res, params)
    const { exchange } = entry
    try {
      const input = await step.enter(entry)
      if (entry.refusal) return answerRefusal(context, row, exchange, entry.refusal)
      if (row.browsers && context.isSentByOther(req))
        entry.call = Object.freeze({ ...entry.call, byOther: true })
      const answer = await step.recordDenials(entry, () => run(step, entry, input))
      if (answer.location !== undefined && !wantsJson(req.headers.accept))
        context.present.redirect(exchange, answer.location, answer.cookies, 302)
      else context.present.data(exchange, answer, by)
    } catch (error) {
      answerFailure(context, row, entry, problemOf(context, exchange, error, row))
    }
  }
}

function answerFailure(context: PageContext, row: ApiRow, entry: Entry, failure: Problem): void {
  const { exchange, call, params } = entry
  const forBrowser = wantsJson(exchange.req.headers.accept) ? undefined : row.browsers
  const location = forBrowser?.failed(call, failure, (params ?? {}) as Record<string, string>)
  if (location === undefined) context.present.problem(exchange, failure)
  else if (location === null) sendProblemPage(context, exchange, call, failure)
  else context.present.redirect(exchange, location, [], 302)
}

/** @throws the refusal, unless the row redirects it */
function answerRefusal(context: HttpContext, row: ApiRow, exchange: Exchange, refusal: Problem): void {
  const { url, req, credential } = exchange
  const location = row.redirectRefused?.({ url, headers: req.headers, credential }, refusal) ?? null
  if (location === null) throw refusal
  context.present.redirect(exchange, location)
}

function run(step: Steps<ApiRow>, entry: Entry, input: Input): Eventual<Answer<unknown>> {
  const { row } = step
  const { call, basic } = entry
  if (row.withKey && call.principal?.method === 'api_key') {
    // an API key and a password are two credentials
    if (Object.keys(input.fields).length > 0) throw twoCredentials()
    if (input.unknown.length > 0) throw problem('VALIDATION_ERROR', { details: [...input.unknown] })
    return row.withKey(call)
  }
  return whenReady(step.validateInput(entry, input), (valid) =>
    row.withBasic && basic ? row.withBasic.run(call, valid, basic) : row.run(call, valid),
  )
}

function keepingText(serialise: Serialise): Serialise {
  const kept = new WeakMap<object, JsonText>()
  return (data) => {
    const found = kept.get(data as object)
    if (found !== undefined) return found
    const text = serialise(data)
    kept.set(data as object, text)
    return text
  }
}

/** Outside production an answer that does not match its schema is an error, so that tests find it. */
export function outputOf(
  context: HttpContext,
  row: Pick<ApiRow, 'name' | 'output' | 'keepsText'>,
): Serialise {
  const written = serialiser(row.output as z.ZodType)
  const serialise = row.keepsText ? keepingText(written) : written
  if (context.config.profile === 'production') return serialise
  return (data) => {
    const verdict = row.output.safeParse(data)
    if (!verdict.success)
      throw new Error(`the answer of ${row.name} does not match its schema`, { cause: verdict.error })
    return serialise(data)
  }
}
