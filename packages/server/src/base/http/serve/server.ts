/**
 * The listening side: Fastify as the router over node:http, with its own body parsers, logging and answers
 * switched off, since every answer is written by base/present. Also what never becomes a request: headers too
 * large, broken syntax, time-outs. Bounds on time and number stand here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type ErrorCode, type Problem, problem } from '../../errors.ts'
import { newId } from '../../ids.ts'

export interface Bounds {
  /** Milliseconds in which headers, and the whole request, must have arrived. */
  headersTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
  maxConnections: number
  /** Milliseconds that running requests are given when the server closes. */
  drainTimeout: number
  /** Milliseconds between signs of life on a stream, at which its caller is asked for again. */
  beat: number
  maxStreams: number
}

export const BOUNDS: Bounds = {
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  // longer than the 60 s that load balancers usually keep an idle connection, so that they close first
  keepAliveTimeout: 72_000,
  maxConnections: 10_000,
  drainTimeout: 10_000,
  beat: 10_000,
  maxStreams: 1000,
}

const HEADER_BYTES = 16 * 1024
const noCompiler = (): never => {
  throw new Error('routes have no schemas of Fastify')
}
const NO_QUERY = Object.freeze({})

export interface Refusals {
  /** Writes a problem to a request that no row answers. */
  refuse(req: IncomingMessage, res: ServerResponse, failed: Problem): void
  /** The whole text of an answer to a connection that sent no readable request. */
  raw(failed: Problem, requestId: string): string
}

export function makeServer(bounds: Bounds, { refuse, raw }: Refusals): FastifyInstance {
  const app = fastify({
    logger: false,
    trustProxy: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    requestTimeout: bounds.requestTimeout,
    keepAliveTimeout: bounds.keepAliveTimeout,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: bounds.headersTimeout,
      connectionsCheckingInterval: Math.min(5_000, bounds.headersTimeout),
      // without Host we answer ourselves, in the envelope
      requireHostHeader: false,
    },
    // rows are validated and written without Fastify: its compilers would only take time and memory
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    // a query is parsed by form.ts, only where a row takes one
    routerOptions: { maxParamLength: 1_000, querystringParser: () => NO_QUERY },
    clientErrorHandler: (error, socket) => turnDown(error, socket, raw),
    frameworkErrors: (error, request, reply) => {
      hijacked(reply)
      refuse(
        request.raw,
        reply.raw,
        problem(error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? 'NOT_FOUND' : 'BAD_REQUEST'),
      )
    },
  })
  app.removeAllContentTypeParsers()
  // the handlers read the body themselves, after they know who sends it
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.setErrorHandler((error: { code?: string; statusCode?: number }, request, reply) => {
    hijacked(reply)
    refuse(request.raw, reply.raw, problem(codeOf(error), { cause: error }))
  })
  app.setNotFoundHandler((request, reply) => {
    hijacked(reply)
    refuse(request.raw, reply.raw, problem('NOT_FOUND'))
  })
  app.server.maxConnections = bounds.maxConnections
  // an expectation that we do not know is passed over, not refused by node without an envelope
  app.server.on('checkExpectation', (req, res) => app.server.emit('request', req, res))
  return app
}

function codeOf(error: { code?: string; statusCode?: number }): ErrorCode {
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'UNSUPPORTED_MEDIA_TYPE'
  return error.statusCode !== undefined && error.statusCode < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR'
}

/** From here on the answer is ours alone. */
export function hijacked(reply: FastifyReply): ServerResponse {
  reply.hijack()
  return reply.raw
}

/** Registers a path for its methods; every other method is answered with 405 and the list of those. */
export function mount(
  app: FastifyInstance,
  url: string,
  handlers: ReadonlyMap<string, (request: FastifyRequest, res: ServerResponse) => void>,
  others: { notAllowed: Mounted; options: Mounted },
): void {
  const known = new Set(handlers.keys())
  if (known.has('GET')) known.add('HEAD')
  known.add('OPTIONS')
  const allow = METHODS.filter((method) => known.has(method)).join(', ')
  for (const [method, handle] of handlers) {
    app.route({
      method: method === 'GET' ? ['GET', 'HEAD'] : method,
      url,
      handler: (request, reply) => handle(request, hijacked(reply)),
    })
  }
  app.route({
    method: 'OPTIONS',
    url,
    handler: (request, reply) => others.options(request.raw, hijacked(reply), allow),
  })
  const rest = METHODS.filter((method) => !known.has(method))
  if (rest.length === 0) return
  app.route({
    method: rest,
    url,
    handler: (request, reply) => others.notAllowed(request.raw, hijacked(reply), allow),
  })
}

type Mounted = (req: IncomingMessage, res: ServerResponse, allow: string) => void

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']

const CLIENT_FAULTS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
}

/** A connection that sent no readable request gets one answer and is closed. */
function turnDown(error: NodeJS.ErrnoException, socket: Socket, raw: Refusals['raw']): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isMidAnswer(socket)) {
    socket.destroy()
    return
  }
  socket.end(raw(problem(CLIENT_FAULTS[error.code ?? ''] ?? 'BAD_REQUEST'), newId('req')))
}

/** Node's own mark of the answer that a connection waits for; not in its types. */
const answerOf = (socket: Socket): ServerResponse | null =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null

/** A second answer in the midst of one would be garbage. */
const isMidAnswer = (socket: Socket): boolean => answerOf(socket)?.headersSent ?? false

export type Drain = () => Promise<void>

/**
 * Stops accepting, ends the connections that ask for nothing (those that never did as well, which browsers
 * open ahead), lets running requests end within the bound, then cuts what is left.
 */
export function drainOf(app: FastifyInstance, bounds: Bounds): Drain {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return async () => {
    const cut = setTimeout(() => app.server.closeAllConnections(), bounds.drainTimeout)
    const closed = app.close()
    for (const socket of sockets) {
      const answer = answerOf(socket)
      // it will be answered with `connection: close`
      if (answer) answer.shouldKeepAlive = false
      else socket.destroy()
    }
    try {
      await closed
    } finally {
      clearTimeout(cut)
    }
  }
}
