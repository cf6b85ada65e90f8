/** The guard itself: one set of methods, in front of any framework. */
import type { IncomingMessage } from 'node:http'
import { type FastifyHook, type FastifyPlugin, fastifyHook, fastifyPlugin } from './adapters/fastify.ts'
import { type KoaMiddleware, koaMiddleware } from './adapters/koa.ts'
import { type ExpressHandler, expressHandler, type NodeHandler, nodeHandler } from './adapters/node.ts'
import { type HonoMiddleware, honoMiddleware, type WebHandler, webHandler } from './adapters/web.ts'
import { type GuardOptions, openCore } from './core.ts'
import { type LoginHandlers, loginHandlers } from './login.ts'
import type { LineState } from './methods/method.ts'
import type { Principal } from './principal.ts'
import { Problem } from './problem.ts'
import { NodeRequest, WebRequest } from './request.ts'
import { compileRule, type Rule } from './rules.ts'

/** Every adapter takes a {@link Rule}; without one it asks for somebody, whoever it is. */
export interface Guard {
  /** Express 4 and 5, Connect: `app.use(guard.express())`, `app.get('/x', guard.express({ roles: ['admin'] }), …)`. */
  express(rule?: Rule): ExpressHandler
  /** Fastify: `{ preHandler: guard.fastify(rule) }`; as `onRequest` it refuses before the body is read. */
  fastify(rule?: Rule): FastifyHook
  /** Fastify: `app.register(guard.fastifyPlugin(rule))` protects every route registered after it. */
  fastifyPlugin(rule?: Rule): FastifyPlugin
  /** Hono: `app.use('/api/*', guard.hono(rule))`. */
  hono(rule?: Rule): HonoMiddleware
  /** Koa: `app.use(guard.koa(rule))`. */
  koa(rule?: Rule): KoaMiddleware
  /** `node:http`: `createServer(guard.node(handler, rule))`. */
  node(handler: NodeHandler, rule?: Rule): NodeHandler
  /** Web Request → Response; further arguments are passed on to the handler. */
  web<Rest extends unknown[]>(
    handler: WebHandler<Rest>,
    rule?: Rule,
  ): (request: Request, ...rest: Rest) => Promise<Response>
  /**
   * Judges a request by itself: for a WebSocket's upgrade, or a framework without an adapter.
   *
   * @returns who calls; null for nobody where the rule is `optional`
   * @throws Problem with the status and code to answer
   */
  authenticate(request: IncomingMessage | Request, rule?: Rule): Promise<Principal | null>
  /**
   * `POST /auth/login` with Basic or an API key → `{user: {id, username, role, roles, permissions}, method}` in
   * the guard's style: `app.post('/auth/login', guard.loginHandler().express)`.
   */
  loginHandler(): LoginHandlers
  /** How revocations reach this guard now. */
  state(): LineState
  /** Ends the line to the server; what is checked afterwards is asked. */
  close(): void
}

/**
 * Makes a guard. With a `latchkey` method and a `credential` it opens the line for revocations at once.
 *
 * @param options the methods, in the order in which they are tried
 * @throws TypeError for options that cannot be right: no method, a weak secret, a URL that is not https
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
