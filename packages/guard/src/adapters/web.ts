/** Adapter for Request and Response of the Fetch standard: plain handlers, and Hono. */
import type { Core } from '../core.ts'
import type { Answer } from '../present.ts'
import { rememberPrincipal, runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { WebRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** A handler of a web `Request`; further arguments of the runtime are passed through. */
export type WebHandler<Rest extends unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/** The part of Hono's context that the guard uses; `c.get('principal')` is set for an authorized request. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request }
  set(name: never, value: never): void
}

/** Middleware of Hono: the argument of `app.use` and `app.get`. */
export type HonoMiddleware = (
  context: HonoContextLike,
  next: () => Promise<void>,
) => Promise<Response | undefined>

const responseOf = (answer: Answer): Response =>
  new Response(answer.body, {
    status: answer.status,
    headers: answer.headers.map(([name, value]) => [name, value]),
  })

export function webHandler<Rest extends unknown[]>(
  core: Core,
  handler: WebHandler<Rest>,
  rule: Rule | undefined,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const compiled = compileRule(rule)
  return async (raw, ...rest) => {
    const request = new WebRequest(raw, raw)
    const outcome = await core.check(request, compiled)
    if (outcome instanceof Problem) return responseOf(core.refusal(outcome, request))
    if (outcome !== null) rememberPrincipal(raw, outcome)
    return runAs(outcome, () => handler(raw, ...rest))
  }
}

const requestOf = (context: HonoContextLike): WebRequest => new WebRequest(context.req.raw, context)

export function honoMiddleware(core: Core, rule: Rule | undefined): HonoMiddleware {
  const compiled = compileRule(rule)
  return async (context, next) => {
    const request = requestOf(context)
    const outcome = await core.check(request, compiled)
    if (outcome instanceof Problem) return responseOf(core.refusal(outcome, request))
    context.set('principal' as never, outcome as never)
    await runAs(outcome, next)
    return undefined
  }
}

type Respond = (request: WebRequest) => Promise<Answer>

/** A handler of a web `Request` that answers with `respond`. */
export const webResponder =
  (respond: Respond): ((request: Request) => Promise<Response>) =>
  async (raw) =>
    responseOf(await respond(new WebRequest(raw, raw)))

/** A Hono handler that answers with `respond`. */
export const honoResponder =
  (respond: Respond): ((context: HonoContextLike) => Promise<Response>) =>
  async (context) =>
    responseOf(await respond(requestOf(context)))
