/**
 * Adapter for Fastify 4 and 5: a hook for single routes, a plugin for a whole app. Its types are structural, so that
 * the guard does not depend on Fastify.
 */
import type { IncomingMessage } from 'node:http'
import type { Core, Outcome } from '../core.ts'
import type { Answer } from '../present.ts'
import { type Principal, runAs } from '../principal.ts'
import { Problem } from '../problem.ts'
import { NodeRequest } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'

/** The part of Fastify's request that the guard uses. An authorized request also has the property `principal`. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage
}

/** The part of Fastify's reply that the guard uses. */
export interface FastifyReplyLike {
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(body?: unknown): unknown
}

/** A hook in callback form: `{ preHandler: guard.fastify(rule) }`, or `onRequest`, which runs before the body is read. */
export type FastifyHook = (
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  done: (error?: Error) => void,
) => void

/** A route handler. */
export type FastifyHandler = (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>

/** The part of a Fastify instance that the plugin uses. */
export interface FastifyInstanceLike {
  decorateRequest(name: string, value: null): unknown
  hasRequestDecorator(name: string): boolean
  addHook(name: 'onRequest', hook: FastifyHook): unknown
}

/** The argument of `app.register`. */
export type FastifyPlugin = (app: FastifyInstanceLike, options: unknown, done: () => void) => void

function write(reply: FastifyReplyLike, answer: Answer): void {
  reply.code(answer.status)
  for (const [name, value] of answer.headers) reply.header(name, value)
  reply.send(answer.body)
}

export function fastifyHook(core: Core, rule: Rule | undefined): FastifyHook {
  const compiled = compileRule(rule)
  return (native: FastifyRequestLike & { principal?: Principal | null }, reply, done) => {
    const request = new NodeRequest(native.raw, native)
    const settle = (outcome: Outcome): void => {
      if (outcome instanceof Problem) write(reply, core.refusal(outcome, request))
      else {
        native.principal = outcome
        runAs(outcome, done)
      }
    }
    const outcome = core.check(request, compiled)
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
  // without encapsulation: the hook applies to the routes of the instance that registers the plugin
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'latchkey',
  })
}

/** A handler that answers every request with `respond`. */
export const fastifyResponder =
  (respond: (request: NodeRequest) => Promise<Answer>): FastifyHandler =>
  async (native, reply) => {
    write(reply, await respond(new NodeRequest(native.raw, native)))
    return reply
  }
