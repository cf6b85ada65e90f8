/** `createGuard`: one set of authentication methods, as middleware for each framework. */
import { type FastifyHook, type FastifyPlugin, fastifyHook, fastifyPlugin } from './adapters/fastify.ts'
import { type KoaMiddleware, koaMiddleware } from './adapters/koa.ts'
import { type ExpressHandler, expressHandler, type NodeHandler, nodeHandler } from './adapters/node.ts'
import { type HonoMiddleware, honoMiddleware, type WebHandler, webHandler } from './adapters/web.ts'
import { type Core, type GuardOptions, type Outcome, openCore } from './core.ts'
import { type LoginHandlers, loginHandlers } from './login.ts'
import type { RevocationState } from './methods/method.ts'
import type { Principal } from './principal.ts'
import { asProblem, Problem, problem } from './problem.ts'
import { type GuardRequest, guardRequest, type RequestLike, TokenRequest } from './request.ts'
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
   * Checks a request without answering it: for a framework without an adapter. For WebSockets, {@link webSockets} also
   * checks `Origin` and takes tickets.
   *
   * @param request a request of `node:http` or a framework, or a web `Request`
   * @param rule what the caller must have; any authenticated caller passes without one
   * @returns the principal; null for a caller without a credential, where the rule is `optional`
   * @throws Problem with the HTTP status and the code to answer
   * @throws TypeError for a malformed rule
   */
  authenticate(request: RequestLike, rule?: Rule): Promise<Principal | null>
  /**
   * Checks a token that did not arrive as `Authorization: Bearer`: in a message of a WebSocket, the parameters of a
   * GraphQL connection, a queue. It is checked as if it had arrived so. It is the only credential: methods,
   * also `custom` ones, see neither the other header fields of the request nor its query, body and native request.
   *
   * @param token an access token, or what else the methods accept as a bearer token
   * @param request the request to which the token belongs: its HTTP method is for rules, its path for `custom` methods
   * @param rule what the caller must have
   * @returns the principal
   * @throws Problem `AUTHENTICATION_REQUIRED` without a token, `INVALID_TOKEN`, `TOKEN_EXPIRED`, or another code
   * @throws TypeError for a malformed rule
   */
  verify(token: string, request?: RequestLike | null, rule?: Rule): Promise<Principal>
  /**
   * The answer to a problem, for a framework without an adapter: in an exception filter of NestJS, a formatter of tRPC or
   * GraphQL. The problem is reported to `onProblem`, as every refusal.
   *
   * @param error what `authenticate`, `verify` or an app threw; anything other than a `Problem` is answered with 500
   * @param request its `Accept` may select a style, and its `X-Request-Id` is kept
   * @returns status, header fields in lower case, and the body in the style of the guard
   */
  answer(error: unknown, request?: RequestLike | null): ProblemAnswer
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

/** An answer as data: `res.status(answer.status).set(answer.headers).send(answer.body)`. */
export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
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
  return guardOf(openCore(options))
}

export function guardOf(core: Core): Guard {
  const ruleOf = (rule: Rule | undefined): Rule | undefined => {
    core.assertRule(rule)
    return rule
  }
  return {
    express: (rule) => expressHandler(core, ruleOf(rule)),
    fastify: (rule) => fastifyHook(core, ruleOf(rule)),
    fastifyPlugin: (rule) => fastifyPlugin(core, ruleOf(rule)),
    hono: (rule) => honoMiddleware(core, ruleOf(rule)),
    koa: (rule) => koaMiddleware(core, ruleOf(rule)),
    node: (handler, rule) => nodeHandler(core, handlerOf(handler, 'node'), ruleOf(rule)),
    web: (handler, rule) => webHandler(core, handlerOf(handler, 'web'), ruleOf(rule)),
    async authenticate(native, rule) {
      return passed(await core.check(guardRequest(native), compileRule(ruleOf(rule))))
    },
    async verify(token, native, rule) {
      const compiled = compileRule(ruleOf(rule))
      if (typeof token !== 'string' || token === '') throw problem('AUTHENTICATION_REQUIRED')
      const outcome = await core.checkToken(token, new TokenRequest(token, requestOf(native)), compiled)
      const principal = passed(outcome)
      if (principal === null) throw problem('AUTHENTICATION_REQUIRED')
      return principal
    },
    answer(error, native) {
      const { status, headers, body } = core.refusal(asProblem(error), requestOf(native) ?? NO_REQUEST)
      return { status, headers: Object.fromEntries(headers), body }
    },
    loginHandler: () => loginHandlers(core),
    state: core.state,
    close: core.close,
  }
}

function passed(outcome: Outcome): Principal | null {
  if (outcome instanceof Problem) throw outcome
  return outcome
}

const requestOf = (native: RequestLike | null | undefined): GuardRequest | null =>
  native === undefined || native === null ? null : guardRequest(native)

/** The request of a problem that belongs to none. */
const NO_REQUEST = guardRequest({ headers: {} } as RequestLike)

/** @throws TypeError where the arguments are in the wrong order, which would leave the app unprotected */
function handlerOf<Handler>(handler: Handler, name: string): Handler {
  if (typeof handler === 'function') return handler
  throw new TypeError(`guard.${name}(handler, rule): the handler must be a function and comes first`)
}
