/** For `node:http`, and for Express, which hands on the same two objects. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Core, Outcome } from '../core.ts'
import type { Answer } from '../present.ts'
import { type Principal, runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { NodeRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** A request of `node:http` or Express; gets `principal` once it was let through. */
export type NodeRequestLike = IncomingMessage & { originalUrl?: string; principal?: Principal | null }

/** What `app.use` and `app.get` of Express and Connect take. */
export type ExpressHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** What `createServer` of `node:http` takes. */
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
  const judge = compileRule(rule)
  return (raw: NodeRequestLike, response, next) => {
    const request = requestOf(raw)
    const settle = (outcome: Outcome): void => {
      if (outcome instanceof Problem) writeNode(response, core.refusal(outcome, request))
      else {
        raw.principal = outcome
        runAs(outcome, next)
      }
    }
    const outcome = core.check(request, judge)
    if (outcome instanceof Promise) void outcome.then(settle)
    else settle(outcome)
  }
}

export function nodeHandler(core: Core, handler: NodeHandler, rule: Rule | undefined): NodeHandler {
  const judge = compileRule(rule)
  return (raw: NodeRequestLike, response) => {
    const request = requestOf(raw)
    const settle = (outcome: Outcome): unknown => {
      if (outcome instanceof Problem) return writeNode(response, core.refusal(outcome, request))
      raw.principal = outcome
      return runAs(outcome, () => handler(raw, response))
    }
    const outcome = core.check(request, judge)
    return outcome instanceof Promise ? outcome.then(settle) : settle(outcome)
  }
}

/** Answers every request itself. */
export const nodeResponder =
  (respond: (request: NodeRequest) => Promise<Answer>): NodeHandler =>
  async (raw: NodeRequestLike, response) =>
    writeNode(response, await respond(requestOf(raw)))
