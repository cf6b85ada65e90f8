/** Adapter for Koa 2 and 3: middleware. Its types are structural, so that the guard does not depend on Koa. */
import type { IncomingMessage } from 'node:http'
import type { Core } from '../core.ts'
import type { Answer } from '../present.ts'
import { runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { NodeRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** The part of Koa's context that the guard uses; `state.principal` is set for an authorized request. */
export interface KoaContextLike {
  readonly req: IncomingMessage
  readonly originalUrl: string
  state: Record<string, unknown>
  status: number
  body: unknown
  set(name: string, value: string): void
}

/** The argument of Koa's `app.use`. */
export type KoaMiddleware = (context: KoaContextLike, next: () => Promise<unknown>) => Promise<unknown>

function write(context: KoaContextLike, answer: Answer): void {
  context.status = answer.status
  context.body = answer.body
  // after the body: assigning it sets a Content-Type
  for (const [name, value] of answer.headers) context.set(name, value)
}

const requestOf = (context: KoaContextLike): NodeRequest =>
  new NodeRequest(context.req, (context as { request?: unknown }).request ?? context, context.originalUrl)

export function koaMiddleware(core: Core, rule: Rule | undefined): KoaMiddleware {
  const compiled = compileRule(rule)
  return async (context, next) => {
    const request = requestOf(context)
    const checked = core.check(request, compiled)
    const outcome = checked instanceof Promise ? await checked : checked
    if (outcome instanceof Problem) return write(context, core.refusal(outcome, request))
    context.state.principal = outcome
    return runAs(outcome, next)
  }
}

/** Middleware that answers every request with `respond`. */
export const koaResponder =
  (respond: (request: NodeRequest) => Promise<Answer>): KoaMiddleware =>
  async (context) =>
    write(context, await respond(requestOf(context)))
