/** `createGuard`: one set of authentication methods, as middleware for each framework. */
import type { IncomingMessage } from 'node:http'
import { type FastifyHook, type FastifyPlugin, fastifyHook, fastifyPlugin } from './adapters/fastify.ts'
import { type KoaMiddleware, koaMiddleware } from './adapters/koa.ts'
import { type ExpressHandler, expressHandler, type NodeHandler, nodeHandler } from './adapters/node.ts'
import { type HonoMiddleware, honoMiddleware, type WebHandler, webHandler } from './adapters/web.ts'
import { type GuardOptions, openCore } from './core.ts'
import { type LoginHandlers, loginHandlers } from './login.ts'
import type { RevocationState } from './methods/method.ts'
import type { Principal } from './principal.ts'
import { Problem } from './problem.ts'
import { NodeRequest, WebRequest } from './request.ts'
import { compileRule, type Rule } from './rules.ts'

/** Middleware and handlers for each framework. Each takes a {@link Rule}; without one, any authenticated caller passes. */
export interface Guard {
  /** Express 4 and 5, Connect: `app.use(guard.express())`, `app.get('/x', guard.express({ roles: ['admin'] }), …)`. */
  express(rule?: Rule): ExpressHandler
  /** Fastify: `{ preHandler: guard.fastify(rule) }`; as `onRequest` it runs before the body is read. */
  fastify(rule?: Rule): FastifyHook
  /** Fastify: `app.register(guard.fastifyPlugin(rule))` protects every route registered after it. */
  fastifyPlugin(rule?: Rule): FastifyPlugin
  /** Hono: `app.use('/api/*', guard.hono(rule))`. */
  hono(rule?: Rule): HonoMiddleware
  /** Koa: `app.use(guard.koa(rule))`. */
  koa(rule?: Rule): KoaMiddleware
  /** `node:http`: `createServer(guard.node(handler, rule))`. */
  node(handler: NodeHandler, rule?: Rule): NodeHandler
  /** Web `Request` → `Response`; further arguments are passed to the handler. */
  web<Rest extends unknown[]>(
    handler: WebHandler<Rest>,
    rule?: Rule,
  ): (request: Request, ...rest: Rest) => Promise<Response>
  /**
   * Checks a request without answering it: for a WebSocket upgrade, or a framework without an adapter.
   *
   * @param request a request of `node:http`, or a web `Request`
   * @param rule what the caller must have; any authenticated caller passes without one
   * @returns the principal; null for a caller without a credential, where the rule is `optional`
   * @throws Problem with the HTTP status and the code to answer
   * @throws TypeError for a malformed rule
   */
  authenticate(request: IncomingMessage | Request, rule?: Rule): Promise<Principal | null>
  /**
   * Handlers for `POST /auth/login`: the credential is checked as in any request, and the answer, in the envelope style
   * of the guard, is `{user: {id, username, role, roles, permissions}, method}`. Use
   * `app.post('/auth/login', guard.loginHandler().express)`.
   */
  loginHandler(): LoginHandlers
  /** How revocations reach this guard at present. */
  state(): RevocationState
  /** Closes the revocation stream; credentials that are checked afterwards are validated by the server. */
  close(): void
}

/**
 * Creates a guard. With a `latchkey` method that has a `credential`, it opens the revocation stream immediately.
 *
 * @param options the methods, in the order in which they run, and how problems are answered
 * @returns middleware and handlers for each framework
 * @throws TypeError for invalid options: no method, a weak secret, a URL that is not https
 * @example
 * const guard = createGuard({ methods: [latchkey({ issuer: 'https://id.example.com' })] })
 * app.get('/invoices', guard.express({ permissions: 'invoices:read' }), listInvoices)
 */
export function createGuard(options: GuardOptions): Guard {
  const core = openCore(options)
  return {
    express: (rule) => expressHandler(core, rule),
    fastify: (rule) => fastifyHook(core, rule),
    fastifyPlugin: (rule) => fastifyPlugin(core, rule),
    hono: (rule) => honoMiddleware(core, rule),
    koa: (rule) => koaMiddleware(core, rule),
    node: (handler, rule) => nodeHandler(core, handler, rule),
    web: (handler, rule) => webHandler(core, handler, rule),
    async authenticate(raw, rule) {
      const request = 'rawHeaders' in raw ? new NodeRequest(raw, raw) : new WebRequest(raw, raw)
      const outcome = await core.check(request, compileRule(rule))
      if (outcome instanceof Problem) throw outcome
      return outcome
    },
    loginHandler: () => loginHandlers(core),
    state: core.state,
    close: core.close,
  }
}
