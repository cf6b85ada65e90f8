/** The metadata of a protected resource (RFC 9728 §2): what clients need to get tokens for it, at its well-known address. */
import { type FastifyHandler, fastifyResponder } from '../adapters/fastify.ts'
import { type KoaMiddleware, koaResponder } from '../adapters/koa.ts'
import { type NodeHandler, nodeResponder } from '../adapters/node.ts'
import { type HonoContextLike, honoResponder, webResponder } from '../adapters/web.ts'
import type { Answer } from '../present.ts'
import { problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** A document of RFC 9728 §2. */
export type ResourceMetadata = Readonly<Record<string, string | boolean | readonly string[]>>

/** The metadata, and handlers that answer with it: for all methods of `path`. */
export interface MetadataHandlers {
  /** The path to register: `/.well-known/oauth-protected-resource`, followed by the path of the resource. */
  readonly path: string
  /** Its address, which challenges name (RFC 9728 §5.1). */
  readonly url: string
  readonly document: ResourceMetadata
  express: NodeHandler
  node: NodeHandler
  fastify: FastifyHandler
  koa: KoaMiddleware
  hono(context: HonoContextLike): Promise<Response>
  web(request: Request): Promise<Response>
}

/**
 * Checks the identifier of a resource (RFC 9728 §1.2): an https URL without a fragment; http for one on this machine.
 *
 * @throws TypeError
 */
export function assertResource(resource: string): URL {
  const url = URL.canParse(resource) ? new URL(resource) : null
  const isLocal = url !== null && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
  const isRight =
    url !== null &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)) &&
    url.username === '' &&
    url.password === '' &&
    !/[#?\s]/.test(resource)
  if (!isRight)
    throw new TypeError(`protectedResource(): ${resource} must be an https URL without query and fragment`)
  return url
}

export function metadataHandlers(
  resource: URL,
  document: ResourceMetadata,
  refuse: (request: GuardRequest) => Answer,
): MetadataHandlers {
  // RFC 9728 §3.1: between host and path, without the slash of an empty path
  const path = WELL_KNOWN + (resource.pathname === '/' ? '' : resource.pathname)
  const body = JSON.stringify(document)
  const respond = async (request: GuardRequest): Promise<Answer> => answerOf(request)
  function answerOf(request: GuardRequest): Answer {
    const { method } = request
    if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: '' }
    if (method === 'GET' || method === 'HEAD') return { status: 200, headers: FIELDS, body }
    const { headers, ...rest } = refuse(request)
    return { ...rest, headers: [...headers, ['allow', 'GET, HEAD, OPTIONS']] }
  }
  const node = nodeResponder(respond)
  return {
    path,
    url: resource.origin + path,
    document,
    express: node,
    node,
    fastify: fastifyResponder(respond),
    koa: koaResponder(respond),
    hono: honoResponder(respond),
    web: webResponder(respond),
  }
}

export const methodNotAllowed = () => problem('METHOD_NOT_ALLOWED')

/** Clients in browsers read it from any origin; it is public. */
const ANY_ORIGIN = ['access-control-allow-origin', '*'] as const
const FIELDS: Answer['headers'] = [
  ['content-type', 'application/json'],
  // RFC 9728 §3.2 permits caching
  ['cache-control', 'public, max-age=300'],
  ['x-content-type-options', 'nosniff'],
  ANY_ORIGIN,
]
const PREFLIGHT: Answer['headers'] = [
  ANY_ORIGIN,
  ['access-control-allow-methods', 'GET, HEAD'],
  ['access-control-allow-headers', '*'],
  ['access-control-max-age', '86400'],
]
