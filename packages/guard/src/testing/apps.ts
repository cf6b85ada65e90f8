/** For tests: an app for each framework, with the same routes and rules. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { currentPrincipal, type Guard, type Principal, principalOf, type Rule } from '../index.ts'

export const ADMIN: Rule = { roles: ['admin'] }
export const OPTIONAL: Rule = { optional: true }
const BY_METHOD: Rule = { methods: { GET: {}, POST: { permissions: 'things:write' } } }

/** The answer of every handler: the principal from each of its places. */
export interface HandlerReport {
  now: string | null
  later: string | null
  request: string | null
  own: string | null
  body: unknown
}
const idOf = (principal: Principal | null | undefined): string | null => principal?.userId ?? null
async function seen(
  request: object,
  own: Principal | null | undefined,
  body: unknown = null,
): Promise<HandlerReport> {
  const now = idOf(currentPrincipal())
  await new Promise((resolve) => setTimeout(resolve, 1))
  return { now, later: idOf(currentPrincipal()), request: idOf(principalOf(request)), own: idOf(own), body }
}

type With<T> = T & { principal?: Principal | null }
const listen = (listener: RequestListener): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer(listener).listen(0, '127.0.0.1', () => resolve(server))
  })

/** An app for each framework, with the same five routes. */
export const APPS: Record<string, (guard: Guard) => Promise<Server>> = {
  async express(guard) {
    const app = express()
    const answer: express.RequestHandler = async (req, res) => {
      res.json(await seen(req, (req as With<typeof req>).principal, req.body ?? null))
    }
    const router = express.Router()
    router.get('/deep', guard.express(), answer)
    app.use('/mounted', router)
    app.get('/', guard.express(), answer)
    app.get('/admin', guard.express(ADMIN), answer)
    app.get('/optional', guard.express(OPTIONAL), answer)
    app.all('/methods', guard.express(BY_METHOD), answer)
    app.post('/signed', guard.express(), express.json(), answer)
    app.post('/auth/login', guard.loginHandler().express)
    return listen(app)
  },
  async fastify(guard) {
    const app = fastify()
    app.decorateRequest('principal', null)
    const handler = async (request: object & { body?: unknown }) =>
      seen(request, (request as With<object>).principal, request.body ?? null)
    app.get('/', { preHandler: guard.fastify() }, handler)
    app.get('/admin', { preHandler: guard.fastify(ADMIN) }, handler)
    app.get('/optional', { onRequest: guard.fastify(OPTIONAL) }, handler)
    app.route({
      method: ['GET', 'POST', 'DELETE'],
      url: '/methods',
      preHandler: guard.fastify(BY_METHOD),
      handler,
    })
    app.post('/signed', { onRequest: guard.fastify() }, handler)
    app.post('/auth/login', guard.loginHandler().fastify)
    await app.register(async (scope) => {
      await scope.register(guard.fastifyPlugin())
      scope.get('/mounted/deep', handler)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server
  },
  async hono(guard) {
    const app = new Hono<{ Variables: { principal: Principal | null } }>()
    app.get('/', guard.hono(), async (c) => c.json(await seen(c, c.get('principal'))))
    app.get('/admin', guard.hono(ADMIN), async (c) => c.json(await seen(c, c.get('principal'))))
    app.get('/optional', guard.hono(OPTIONAL), async (c) => c.json(await seen(c, c.get('principal'))))
    app.all('/methods', guard.hono(BY_METHOD), async (c) => c.json(await seen(c, c.get('principal'))))
    app.post('/signed', guard.hono(), async (c) =>
      c.json(await seen(c, c.get('principal'), await c.req.json())),
    )
    app.use('/mounted/*', guard.hono())
    app.get('/mounted/deep', async (c) => c.json(await seen(c, c.get('principal'))))
    app.post('/auth/login', guard.loginHandler().hono)
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
        resolve(server as Server),
      )
    })
  },
  async koa(guard) {
    const app = new Koa()
    const routes: Record<string, Koa.Middleware> = {
      '/': guard.koa(),
      '/admin': guard.koa(ADMIN),
      '/optional': guard.koa(OPTIONAL),
      '/methods': guard.koa(BY_METHOD),
      '/signed': guard.koa(),
      '/mounted/deep': guard.koa(),
      '/auth/login': guard.loginHandler().koa,
    }
    app.use((ctx, next) => routes[ctx.path]?.(ctx, next))
    app.use(async (ctx) => {
      const body = ctx.method === 'POST' ? await readJson(ctx.req) : null
      ctx.body = await seen(ctx, ctx.state.principal as Principal | null, body)
    })
    return listen(app.callback())
  },
  async 'node:http'(guard) {
    const answer: RequestListener = async (req, res) => {
      const body = req.method === 'POST' ? await readJson(req) : null
      res.end(JSON.stringify(await seen(req, (req as With<typeof req>).principal, body)))
    }
    const routes: Record<string, (req: never, res: never) => unknown> = {
      '/': guard.node(answer),
      '/admin': guard.node(answer, ADMIN),
      '/optional': guard.node(answer, OPTIONAL),
      '/methods': guard.node(answer, BY_METHOD),
      '/signed': guard.node(answer),
      '/mounted/deep': guard.node(answer),
      '/auth/login': guard.loginHandler().node,
    }
    return listen(
      (req, res) => void routes[(req.url ?? '').split('?')[0] ?? '']?.(req as never, res as never),
    )
  },
  async 'web Request'(guard) {
    const answer = async (request: Request, extra: string): Promise<Response> => {
      const body = request.method === 'POST' ? await request.json() : null
      return Response.json({ ...(await seen(request, principalOf(request), body)), extra })
    }
    const routes: Record<string, (request: Request, extra: string) => Promise<Response>> = {
      '/': guard.web(answer),
      '/admin': guard.web(answer, ADMIN),
      '/optional': guard.web(answer, OPTIONAL),
      '/methods': guard.web(answer, BY_METHOD),
      '/signed': guard.web(answer),
      '/mounted/deep': guard.web(answer),
      '/auth/login': guard.loginHandler().web,
    }
    return new Promise((resolve) => {
      const fetch = (request: Request) =>
        routes[new URL(request.url).pathname]?.(request, 'more') ?? new Response(null, { status: 404 })
      const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(server as Server))
    })
  },
}

async function readJson(req: AsyncIterable<unknown>): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? null : JSON.parse(text)
}
