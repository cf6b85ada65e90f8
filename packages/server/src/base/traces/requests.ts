/**
 * Requests as roots of traces. Decides which are recorded: a share of all (head sampling), those that a trusted proxy has
 * sampled, and of the others those that fail with 5xx or take longer than a second. Of these only the root is known.
 * Invariant: a client that is no trusted proxy decides neither whether its request is recorded nor under which id.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import { readTraceParent, type TraceParent } from './parent.ts'
import { newSpanId, type Origin, type Span, type SpanAttributes, Trace } from './span.ts'

/** Milliseconds from which a request is recorded although it was not sampled. */
const SLOW = 1000
/** Requests a second that are recorded because a proxy says so: it may pass on what its clients say. */
const MOST_FORCED = 100

export interface RequestEnd {
  /** The path in the route table; null where no row answers. */
  route: string | null
  /** Whether its duration says something: that of a stream is up to its client. */
  isTimed: boolean
}

/** A request that is recorded, or is part of the trace of a proxy. */
export interface RequestTrace {
  readonly traceId: string
  /** The id of the request, unless its client has sent one: the id of the trace, where that is ours. */
  readonly requestId: string
  /** Runs the work of the request in its context, where it is sampled. */
  run(work: () => void): void
}

export interface RequestTracer {
  /** Called where a request begins. @returns null, without any work, where it is not sampled and has no parent */
  begin(req: IncomingMessage): RequestTrace | null
  /**
   * The id of the trace of a request that is recorded, by what is known of it; null where it is not.
   * @param status 0 for none
   */
  idOf(req: IncomingMessage, requestId: string, status: number, milliseconds: number): string | null
  /** Called once, where the answer has ended or the client has gone. */
  end(req: IncomingMessage, res: ServerResponse, about: RequestEnd, milliseconds: number): void
}

const TRACE = Symbol('the trace of a request')
type Traced = IncomingMessage & { [TRACE]?: Request }

/** The trace that `begin` has made for a request; null where there is none. */
export const traceOf = (req: IncomingMessage): RequestTrace | null => (req as Traced)[TRACE] ?? null

export interface RequestTracerOptions {
  clock: Pick<Clock, 'now' | 'ticks'>
  /** From 0 to 1. */
  share: number
  scheme: string
  /** Whether a request comes from a proxy whose `traceparent` counts. */
  isTrusted(req: IncomingMessage): boolean
  /** Runs work with a trace as its context; `leave` when the trace has ended. */
  enter(trace: Trace, work: () => void): void
  leave(): void
  /** Whether a root that was not sampled can be recorded. */
  hasRoom(): boolean
  keep(spans: readonly Span[]): void
}

export function createRequestTracer(options: RequestTracerOptions): RequestTracer {
  const { clock, share, isTrusted } = options
  let second = 0
  let forced = 0

  /** Whether a trusted proxy may have one more request recorded in this second. */
  function mayForce(): boolean {
    const now = Math.floor(clock.ticks() / 1000)
    if (now !== second) forced = 0
    second = now
    forced += 1
    return forced <= MOST_FORCED
  }
  const give = (req: IncomingMessage, trace: Request): Request => {
    ;(req as Traced)[TRACE] = trace
    return trace
  }
  const isKept = (status: number, milliseconds: number): boolean => status >= 500 || milliseconds >= SLOW

  return {
    begin(req) {
      const { traceparent } = req.headers
      if (traceparent === undefined || !isTrusted(req))
        return Math.random() < share ? give(req, new Request(options, newId('req'), null, true)) : null
      const { tracestate } = req.headers
      const parent = readTraceParent(
        String(traceparent),
        tracestate === undefined ? undefined : String(tracestate),
      )
      const isSampled = parent === null ? Math.random() < share : parent.isSampled && mayForce()
      return parent || isSampled ? give(req, new Request(options, newId('req'), parent, isSampled)) : null
    },
    idOf(req, requestId, status, milliseconds) {
      const known = (req as Traced)[TRACE] ?? null
      if (!known?.isSampled && !isKept(status, milliseconds)) return null
      // an id that the client has chosen is none of ours, also where it looks so
      const id = req.headers['x-request-id'] === requestId ? newId('req') : requestId
      return (known ?? give(req, new Request(options, id, null, false))).traceId
    },
    end(req, res, about, milliseconds) {
      const status = res.headersSent ? res.statusCode : 0
      const known = (req as Traced)[TRACE]
      if (!known?.isSampled && !isKept(status, about.isTimed ? milliseconds : 0)) return
      const trace = known ?? new Request(options, newId('req'), null, false)
      trace.end(req, status, about.route, milliseconds)
    },
  }
}

class Request implements RequestTrace {
  readonly requestId: string
  readonly #options: RequestTracerOptions
  readonly #parent: TraceParent | null
  readonly #trace: Trace | null
  #isEntered = false

  constructor(
    options: RequestTracerOptions,
    requestId: string,
    parent: TraceParent | null,
    isSampled: boolean,
  ) {
    this.#options = options
    this.requestId = requestId
    this.#parent = parent
    this.#trace = isSampled ? new Trace(this.#origin, options.clock) : null
  }

  get traceId(): string {
    return this.#parent?.traceId ?? this.requestId.slice('req_'.length)
  }

  get isSampled(): boolean {
    return this.#trace !== null
  }

  get #origin(): Origin {
    return {
      traceId: this.traceId,
      parentId: this.#parent?.spanId ?? null,
      state: this.#parent?.state ?? '',
    }
  }

  run(work: () => void): void {
    this.#isEntered = this.#trace !== null
    if (this.#trace === null) work()
    else this.#options.enter(this.#trace, work)
  }

  end(req: IncomingMessage, status: number, route: string | null, milliseconds: number): void {
    const { clock, hasRoom, keep, leave } = this.#options
    if (this.#isEntered) leave()
    const trace = this.#trace
    if (trace === null && !hasRoom()) return
    const isFailed = status >= 500
    const error = isFailed ? String(status) : null
    const method = METHODS.has(req.method ?? '') ? (req.method ?? '') : '_OTHER'
    const facts = {
      name: `${method === '_OTHER' ? 'HTTP' : method}${route === null ? '' : ` ${route}`}`,
      kind: 'server',
      attributes: this.#attributes(req, method, route, status, error),
    } as const
    if (trace) {
      keep(trace.end(facts, error))
      return
    }
    const endedAt = clock.now().getTime()
    const { parentId, ...origin } = this.#origin
    const attributes = { ...facts.attributes, 'latchkey.kept': isFailed ? 'failed' : 'slow' }
    const times = { beganAt: endedAt - milliseconds, endedAt }
    const root = { ...facts, ...origin, ...times, attributes, error, parentId, spanId: newSpanId() }
    keep([{ ...root, hasRemoteParent: parentId !== null, isSampled: false }])
  }

  /** By the semantic conventions of HTTP, without `url.path`, `client.address` and `user_agent.original`, which are about people. */
  #attributes(
    req: IncomingMessage,
    method: string,
    route: string | null,
    status: number,
    error: string | null,
  ): SpanAttributes {
    return {
      'http.request.method': method,
      'url.scheme': this.#options.scheme,
      'network.protocol.version': req.httpVersion,
      ...(route === null ? {} : { 'http.route': route }),
      ...(status === 0 ? {} : { 'http.response.status_code': status }),
      ...(error === null ? {} : { 'error.type': error }),
    }
  }
}

/** Of the semantic conventions; any other is `_OTHER`. */
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'QUERY',
])
