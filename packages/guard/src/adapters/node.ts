/** Adapter for `node:http` and for Express, whose request and response extend those of `node:http`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Core, Outcome } from '../core.ts'
import type { Answer } from '../present.ts'
import { type Principal, runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { NodeRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** A request of `node:http` or Express; `principal` is set for an authorized request. */
export type NodeRequestLike = IncomingMessage & { originalUrl?: string; principal?: Principal | null }

/** Middleware of Express and Connect: the argument of `app.use` and `app.get`. */
export type ExpressHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** A request listener: the argument of `createServer` of `node:http`. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown

export function writeNode(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return
  const headers: Record<string, string | number> = Object.fromEntries(answer.headers)
  headers['content-length'] = Buffer.byteLength(answer.body)
  response.writeHead(answer.status, headers)
  response.end(answer.body)
}

const requestOf = (raw: NodeRequestLike): NodeRequest => new NodeRequest(raw, raw, raw.originalUrl)

export function expressHandler(core: Core, rule: Rule | undefined): ExpressHandler {
  const compiled = compileRule(rule)
  return (raw: NodeRequestLike, response, next) => {
    const request = requestOf(raw)
    const settle = (outcome: Outcome): void => {
      if (outcome instanceof Problem) writeNode(response, core.refusal(outcome, request))
      else {
        raw.principal = outcome
        runAs(outcome, next)
      }
    }
    const outcome = core.check(request, compiled)
    if (outcome instanceof Promise) void outcome.then(settle)
    else settle(outcome)
  }
}

export function nodeHandler(core: Core, handler: NodeHandler, rule: Rule | undefined): NodeHandler {
  const compiled = compileRule(rule)
  return (raw: NodeRequestLike, response) => {
    const request = requestOf(raw)
    const settle = (outcome: Outcome): unknown => {
      if (outcome instanceof Problem) return writeNode(response, core.refusal(outcome, request))
      raw.principal = outcome
      return runAs(outcome, () => handler(raw, response))
    }
    const outcome = core.check(request, compiled)
    return outcome instanceof Promise ? outcome.then(settle) : settle(outcome)
  }
}

/** A request listener that answers every request with `respond`. */
export const nodeResponder =
  (respond: (request: NodeRequest) => Promise<Answer>): NodeHandler =>
  async (raw: NodeRequestLike, response) =>
    writeNode(response, await respond(requestOf(raw)))
