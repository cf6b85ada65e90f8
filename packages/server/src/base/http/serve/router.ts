/**
 * The router: finds the handler of a request by its path and method. Owns the table of paths, the parameters of a path,
 * and the answers that no handler gives: an unknown path is 404, a known path with another method 405 with the list of
 * its methods, a path that cannot be decoded 400. Every path answers OPTIONS; GET answers HEAD too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import { type Problem, problem } from '../../errors.ts'

/** The parameters of a path, decoded. */
export type Params = Readonly<Record<string, string | undefined>>

export type Handler = (req: IncomingMessage, res: ServerResponse, params: Params) => void

/** Method → handler. */
export type Handlers = ReadonlyMap<string, Handler>

export interface Fallbacks {
  /** Answers a request that no handler answers. */
  refuse(req: IncomingMessage, res: ServerResponse, failed: Problem): void
  /** Answers a method that the path (as in the table) does not have; `allow` is the value of the Allow header. */
  notAllowed(
    req: IncomingMessage,
    res: ServerResponse,
    at: { path: string; params: Params; allow: string },
  ): void
  options(req: IncomingMessage, res: ServerResponse, allow: string): void
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']

/** Characters of one parameter; a longer one refers to nothing. */
const MAX_PARAM_LENGTH = 1_000

interface Path {
  path: string
  handlers: Handlers
  allow: string
}

const NO_PARAMS: Params = Object.freeze({})
const NO_QUERY = Object.freeze({})

/** @param table path → method → handler; `:name` in a path is a parameter */
export function makeRouter(
  table: ReadonlyMap<string, Handlers>,
  { refuse, notAllowed, options }: Fallbacks,
): (req: IncomingMessage, res: ServerResponse) => void {
  // a path without parameters, as it is usually sent; find-my-way decodes all others, and those too
  const literal = new Map<string, Path>()
  const tree = findMyWay({
    maxParamLength: MAX_PARAM_LENGTH,
    // form.ts parses the query, and only for rows that have one
    querystringParser: () => NO_QUERY,
    onBadUrl: () => {},
  })
  for (const [path, handlers] of table) {
    const entry = { path, handlers, allow: allowed(handlers) }
    if (!path.includes(':')) literal.set(path, entry)
    // one tree for all methods
    tree.on('GET', path, () => {}, entry)
  }

  return (req, res) => {
    const { url = '/' } = req
    const mark = url.indexOf('?')
    const found = literal.get(mark === -1 ? url : url.slice(0, mark))
    if (found) return dispatch(found, req, res, NO_PARAMS)
    const match = tree.find('GET', url)
    if (match === null) return refuse(req, res, problem('NOT_FOUND'))
    if (match.store === null) return refuse(req, res, problem('BAD_REQUEST'))
    dispatch(match.store, req, res, match.params)
  }

  function dispatch(found: Path, req: IncomingMessage, res: ServerResponse, params: Params) {
    const { path, handlers, allow } = found
    const { method = 'GET' } = req
    const handle = handlers.get(method === 'HEAD' ? 'GET' : method)
    if (handle) handle(req, res, params)
    else if (method === 'OPTIONS') options(req, res, allow)
    else if (METHODS.includes(method)) notAllowed(req, res, { path, params, allow })
    else refuse(req, res, problem('NOT_FOUND'))
  }
}

/** The methods of a path, as the field `Allow` names them. */
export function allowed(handlers: Handlers): string {
  const known = new Set([...handlers.keys(), 'OPTIONS'])
  if (known.has('GET')) known.add('HEAD')
  return METHODS.filter((method) => known.has(method)).join(', ')
}
