/** For Fastify 4 and 5: a hook for routes, a plugin for everything. Structural types: Fastify is no dependency. */
import type { IncomingMessage } from 'node:http'
import type { Core, Outcome } from '../core.ts'
import type { Answer } from '../present.ts'
import { type Principal, runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { NodeRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** The part of Fastify's request that the guard uses; `principal` is there once it was let through. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage
}

/** The part of Fastify's reply that the guard uses. */
export interface FastifyReplyLike {
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(body?: unknown): unknown
}

/** A hook with a callback: `{ preHandler: guard.fastify(rule) }`, or `onRequest` before the body is read. */
export type FastifyHook = (
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  done: (error?: Error) => void,
) => void

/** A route's handler. */
export type FastifyHandler = (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>

/** The part of a Fastify instance that the plugin uses. */
export interface FastifyInstanceLike {
  decorateRequest(name: string, value: null): unknown
  hasRequestDecorator(name: string): boolean
  addHook(name: 'onRequest', hook: FastifyHook): unknown
}

/** What `app.register` takes. */
export type FastifyPlugin = (app: FastifyInstanceLike, options: unknown, done: () => void) => void

function write(reply: FastifyReplyLike, answer: Answer): void {
  reply.code(answer.status)
  for (const [name, value] of answer.headers) reply.header(name, value)
  reply.send(answer.body)
}

export function fastifyHook(core: Core, rule: Rule | undefined): FastifyHook {
  const judge = compileRule(rule)
  return (native: FastifyRequestLike & { principal?: Principal | null }, reply, done) => {
    const request = new NodeRequest(native.raw, native)
    const settle = (outcome: Outcome): void => {
      if (outcome instanceof Problem) write(reply, core.refusal(outcome, request))
      else {
        native.principal = outcome
        runAs(outcome, done)
      }
    }
    const outcome = core.check(request, judge)
    if (outcome instanceof Promise) void outcome.then(settle)
    else settle(outcome)
  }
}

export function fastifyPlugin(core: Core, rule: Rule | undefined): FastifyPlugin {
  const hook = fastifyHook(core, rule)
  const plugin: FastifyPlugin = (app, _options, done) => {
    if (!app.hasRequestDecorator('principal')) app.decorateRequest('principal', null)
    app.addHook('onRequest', hook)
    done()
  }
  // it protects where it is registered, not only the routes that it has itself: none
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'latchkey',
  })
}

/** Answers every request itself. */
export const fastifyResponder =
  (respond: (request: NodeRequest) => Promise<Answer>): FastifyHandler =>
  async (native, reply) => {
    write(reply, await respond(new NodeRequest(native.raw, native)))
    return reply
  }
