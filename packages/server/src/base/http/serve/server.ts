/**
 * The listening server over node:http, and its graceful shutdown. Owns the limits of time and number, the check of the Host
 * header, and the answers to connections that send no readable request: headers too large, broken syntax, time-outs. The
 * router (router.ts) finds who answers a request.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { type ErrorCode, type Problem, problem } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { badRequest } from '../request/text.ts'

export interface Bounds {
  /** Milliseconds until the headers, and the whole request, must have arrived. */
  headersTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
  maxConnections: number
  /** Milliseconds for which a closing server still accepts connections, so that load balancers can take notice. */
  announcement: number
  /** Milliseconds that running requests have to end when the server closes. */
  drainTimeout: number
  /** Milliseconds between heartbeats of a stream; each authorizes the caller again. */
  heartbeat: number
  maxStreams: number
}

export const BOUNDS: Bounds = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // load balancers usually close idle connections after 60 s; they have to close first
  keepAliveTimeout: 72_000,
  maxConnections: 10_000,
  announcement: 0,
  drainTimeout: 10_000,
  heartbeat: 10_000,
  maxStreams: 1000,
}

const HEADER_BYTES = 16 * 1024

export interface Answerers {
  /** Answers a request that has one valid host. */
  route(req: IncomingMessage, res: ServerResponse): void
  refuse(req: IncomingMessage, res: ServerResponse, failed: Problem): void
  /** The complete text of an answer to a connection that sent no readable request. */
  raw(failed: Problem, requestId: string, client: string | null): string
}

export function makeServer(bounds: Bounds, { route, refuse, raw }: Answerers): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: bounds.headersTimeout,
      requestTimeout: bounds.requestTimeout,
      keepAliveTimeout: bounds.keepAliveTimeout,
      connectionsCheckingInterval: Math.min(500, bounds.headersTimeout),
      // our own answer, in the envelope, if the Host header is missing
      requireHostHeader: false,
    },
    (req, res) => {
      const failed = hostProblem(req)
      if (failed !== null) return refuse(req, res, failed)
      try {
        route(req, res)
      } catch (error) {
        // the error would end the process
        refuse(req, res, problem('INTERNAL_ERROR', { cause: error }))
      }
    },
  )
  server.maxConnections = bounds.maxConnections
  server.on('clientError', (error, socket) => answerUnreadable(error, socket as Socket, raw))
  // an unknown expectation is ignored; node would refuse it without an envelope
  server.on('checkExpectation', (req, res) => server.emit('request', req, res))
  return server
}

/** @throws if the address cannot be listened on */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** RFC 9112 §3.2: two readers of one request must not see different hosts. */
function hostProblem({ rawHeaders, headers: { host }, httpVersion }: IncomingMessage): Problem | null {
  let fields = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length === 4 && name.toLowerCase() === 'host') fields += 1
  }
  if (fields > 1) return badRequest('There is more than one Host header.')
  if (host === undefined) return httpVersion === '1.1' ? badRequest('There is no Host header.') : null
  return HOST.test(host) ? null : badRequest('The Host header is not valid.')
}

/** A name or an address with its port; a list of hosts, which RFC 3986 would permit as a name, is none. */
const HOST = /^[\w.~%:[\]-]*$/

const CLIENT_FAULTS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
}

/** Answers a connection that sent no readable request, and closes it. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, raw: Answerers['raw']): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isMidAnswer(socket)) {
    socket.destroy()
    return
  }
  const failed = problem(CLIENT_FAULTS[error.code ?? ''] ?? 'BAD_REQUEST')
  socket.end(raw(failed, newId('req'), socket.remoteAddress ?? null))
  // the client may keep its side open; closing at once could discard the answer
  setTimeout(() => socket.destroy(), LINGER).unref()
}

const LINGER = 1_000

/** The response that a connection waits for: a member of node's sockets that its types lack. */
const answerOf = (socket: Socket): ServerResponse | null =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null

/** A second answer within the first would be garbage. */
const isMidAnswer = (socket: Socket): boolean => answerOf(socket)?.headersSent ?? false

export interface Ending {
  /** Another process serves at the same address already, so that nothing is announced. Default: false. */
  isReplaced?: boolean
}
export type Drain = (ending?: Ending) => Promise<void>

/**
 * Graceful shutdown, in an order in which a proxy that keeps connections loses no request:
 *
 * 1. It announces the end: `/readyz` is 503, and everything is served as before, on kept and on new connections.
 *    Kept connections stay open, because each connection that a proxy has to open could meet step 2.
 * 2. It stops listening, at a moment at which no connection waits to be accepted. A new connection is refused from here
 *    on, which a proxy answers by taking another node, also for a POST: no request has been sent.
 * 3. Every answer has `connection: close`, and idle connections stay for a moment: a request may be on its way on one.
 *    Without an announcement they are closed immediately (also those that browsers open ahead of a request).
 * 4. It waits for running requests up to the bound, and closes the remaining connections.
 *
 * A server that is replaced leaves out the first step.
 */
export function drainOf(server: Server, bounds: Bounds): Drain {
  const sockets = new Set<Socket>()
  let accepted = 0
  let isClosing = false
  server.on('connection', (socket) => {
    accepted += 1
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.prependListener('request', (_req, res) => {
    if (isClosing) res.shouldKeepAlive = false
  })
  /** Node accepts one connection per turn of its event loop: after a turn without one, none was waiting. */
  const emptyQueue = async (): Promise<void> => {
    for (let turn = 0, before = -1; before !== accepted && turn < MAX_TURNS; turn += 1) {
      before = accepted
      await nextTurn()
    }
  }
  return async ({ isReplaced = false } = {}) => {
    const announced = isReplaced ? 0 : bounds.announcement
    const hasTime = (isReplaced || announced > 0) && server.listening
    if (hasTime) {
      await pause(announced)
      await emptyQueue()
      // not http.Server's own: it would close the idle connections too
      NetServer.prototype.close.call(server)
    }
    isClosing = true
    for (const socket of sockets) {
      const answer = answerOf(socket)
      if (answer) answer.shouldKeepAlive = false
    }
    if (hasTime) await pause(isReplaced ? LAST_REQUESTS : Math.min(announced, LAST_REQUESTS))
    const cut = setTimeout(() => server.closeAllConnections(), bounds.drainTimeout)
    // the callback's error is that of a server that does not listen
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) if (!answerOf(socket)) socket.destroy()
    await closed
    clearTimeout(cut)
  }
}

/** Milliseconds in which a request that was on its way on a kept connection arrives. */
const LAST_REQUESTS = 1_000
const MAX_TURNS = 10_000
