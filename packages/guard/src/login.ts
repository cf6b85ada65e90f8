/** The login endpoint: `POST /auth/login` with Basic or an API key answers basic information of the user. */
import { type FastifyHandler, fastifyResponder } from './adapters/fastify.ts'
import { type KoaMiddleware, koaResponder } from './adapters/koa.ts'
import { type NodeHandler, nodeResponder } from './adapters/node.ts'
import { type HonoContextLike, honoResponder, webResponder } from './adapters/web.ts'
import type { Core } from './core.ts'
import type { Answer } from './present.ts'
import type { Principal } from './principal.ts'
import { Problem, problem } from './problem.ts'
import type { GuardRequest } from './request.ts'
import { compileRule } from './rules.ts'

/** The handler of `POST /auth/login` for each framework. */
export interface LoginHandlers {
  express: NodeHandler
  node: NodeHandler
  fastify: FastifyHandler
  koa: KoaMiddleware
  hono(context: HonoContextLike): Promise<Response>
  web(request: Request): Promise<Response>
}

export function loginHandlers(core: Core): LoginHandlers {
  const compiled = compileRule()
  const respond = async (request: GuardRequest): Promise<Answer> => {
    if (request.method !== 'POST') {
      const { headers, ...rest } = core.refusal(problem('METHOD_NOT_ALLOWED'), request)
      return { ...rest, headers: [...headers, ['allow', 'POST']] }
    }
    const outcome = await core.check(request, compiled)
    if (outcome instanceof Problem) return core.refusal(outcome, request)
    if (outcome === null) return core.refusal(problem('AUTHENTICATION_REQUIRED'), request)
    return core.success(basicInformation(outcome), 'Signed in.', request)
  }
  const node = nodeResponder(respond)
  return {
    express: node,
    node,
    fastify: fastifyResponder(respond),
    koa: koaResponder(respond),
    hono: honoResponder(respond),
    web: webResponder(respond),
  }
}

const basicInformation = ({ userId, username, role, roles, permissions, method }: Principal) => ({
  user: { id: userId, username, role, roles, permissions },
  method,
})
