/** For Koa 2 and 3. Structural types: Koa is no dependency. */
import type { IncomingMessage } from 'node:http'
import type { Core } from '../core.ts'
import type { Answer } from '../present.ts'
import { runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { NodeRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** The part of Koa's context that the guard uses; `state.principal` is there once it was let through. */
export interface KoaContextLike {
  readonly req: IncomingMessage
  readonly originalUrl: string
  state: Record<string, unknown>
  status: number
  body: unknown
  set(name: string, value: string): void
}

/** What `app.use` of Koa takes. */
export type KoaMiddleware = (context: KoaContextLike, next: () => Promise<unknown>) => Promise<unknown>

function write(context: KoaContextLike, answer: Answer): void {
  context.status = answer.status
  context.body = answer.body
  // after the body, which sets a type of its own
  for (const [name, value] of answer.headers) context.set(name, value)
}

const requestOf = (context: KoaContextLike): NodeRequest =>
  new NodeRequest(context.req, (context as { request?: unknown }).request ?? context, context.originalUrl)

export function koaMiddleware(core: Core, rule: Rule | undefined): KoaMiddleware {
  const judge = compileRule(rule)
  return async (context, next) => {
    const request = requestOf(context)
    const checked = core.check(request, judge)
    const outcome = checked instanceof Promise ? await checked : checked
    if (outcome instanceof Problem) return write(context, core.refusal(outcome, request))
    context.state.principal = outcome
    return runAs(outcome, next)
  }
}

/** Answers every request itself. */
export const koaResponder =
  (respond: (request: NodeRequest) => Promise<Answer>): KoaMiddleware =>
  async (context) =>
    write(context, await respond(requestOf(context)))
