/** For whatever speaks the Fetch standard's Request and Response: plain handlers, and Hono. */
import type { Core } from '../core.ts'
import type { Answer } from '../present.ts'
import { rememberPrincipal, runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { WebRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** A handler of web requests; what else its surroundings pass is passed on. */
export type WebHandler<Rest extends unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/** The part of Hono's context that the guard uses; `c.get('principal')` works once it was let through. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request }
  set(name: never, value: never): void
}

/** What `app.use` and `app.get` of Hono take. */
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
  const judge = compileRule(rule)
  return async (raw, ...rest) => {
    const request = new WebRequest(raw, raw)
    const outcome = await core.check(request, judge)
    if (outcome instanceof Problem) return responseOf(core.refusal(outcome, request))
    if (outcome !== null) rememberPrincipal(raw, outcome)
    return runAs(outcome, () => handler(raw, ...rest))
  }
}

const requestOf = (context: HonoContextLike): WebRequest => new WebRequest(context.req.raw, context)

export function honoMiddleware(core: Core, rule: Rule | undefined): HonoMiddleware {
  const judge = compileRule(rule)
  return async (context, next) => {
    const request = requestOf(context)
    const outcome = await core.check(request, judge)
    if (outcome instanceof Problem) return responseOf(core.refusal(outcome, request))
    context.set('principal' as never, outcome as never)
    await runAs(outcome, next)
    return undefined
  }
}

type Respond = (request: WebRequest) => Promise<Answer>

/** Answers every request itself. */
export const webResponder =
  (respond: Respond): ((request: Request) => Promise<Response>) =>
  async (raw) =>
    responseOf(await respond(new WebRequest(raw, raw)))

/** Answers every request itself. */
export const honoResponder =
  (respond: Respond): ((context: HonoContextLike) => Promise<Response>) =>
  async (context) =>
    responseOf(await respond(requestOf(context)))
