/**
 * Traces of the server by W3C Trace Context, exported over OTLP/HTTP. Owns which traces are recorded (requests.ts), their context,
 * their spans (span.ts, observed.ts), and the exporter. Without a collector there is no tracer, and nothing of this runs.
 * Nothing of a trace is sent to other hosts than the collector: requests to providers have no `traceparent`, because that would tell
 * others about the traffic here.
 * Invariant: a span has names and numbers of this server; no parameter, no address, no id of a user, no text of a caller.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import type { DatabaseSpans } from '../db/spans.ts'
import type { Hashing } from '../hashing/index.ts'
import type { Log } from '../log/index.ts'
import type { Metrics } from '../metrics/index.ts'
import { createExporter, type ExportPatience } from './exporter.ts'
import { type OutboundSend, observedDatabase, observedHashing, observedRequests } from './observed.ts'
import { createRequestTracer, type RequestTracer } from './requests.ts'
import { errorType, newTraceId, type SpanAttributes, type SpanKind, Trace } from './span.ts'

export type { RequestTrace, RequestTracer } from './requests.ts'

export interface Tracer {
  readonly requests: RequestTracer
  readonly database: DatabaseSpans
  hashing(hashing: Hashing): Hashing
  outbound(send: OutboundSend): OutboundSend
  /** Runs work outside of requests as a trace; recorded by the share, and where it fails or takes longer than a second. */
  work<T>(name: string, run: () => Promise<T>): Promise<T>
  /** Runs a part of the present trace as a span. */
  part<T>(name: string, kind: SpanKind, run: () => Promise<T>): Promise<T>
  /** The log, whose entries within a trace name it. */
  log(log: Log): Log
  /** Sends what is left, for some seconds at most. Idempotent. */
  close(): Promise<void>
}

export interface TracerOptions {
  /** The base URL of the collector, without a path for traces. */
  endpoint: string
  headers: Readonly<Record<string, string>>
  resource: SpanAttributes
  version: string
  /** The share of traces that are recorded, from 0 to 1. */
  share: number
  /** Of the public URL. */
  scheme: string
  isTrusted(req: IncomingMessage): boolean
  clock: Pick<Clock, 'now' | 'ticks'>
  log: Log
  patience?: Partial<ExportPatience>
}

/** Milliseconds from which work is recorded although it was not sampled. */
const SLOW = 1000

export type SpanCells = ReturnType<typeof spanCounts>

/** Registered also where nothing is traced, so that the metric is in the reference. */
export function spanCounts(metrics: Pick<Metrics, 'counter'>) {
  const spans = metrics.counter('trace_spans_total', {
    help: 'Spans of traces by what became of them: `exported`, `refused` by the collector, or `dropped`.',
    labels: ['outcome'],
  })
  const of = (outcome: string) => spans({ outcome })
  return { exported: of('exported'), refused: of('refused'), dropped: of('dropped') }
}

export function createTracer(options: TracerOptions, counts: SpanCells): Tracer {
  const { clock, share } = options
  const url = `${options.endpoint.replace(/\/$/, '')}/v1/traces`
  const exporter = createExporter({ ...options, url, counts })
  const context = new AsyncLocalStorage<Trace>()
  let recorded = 0

  const current = (): Trace | null => {
    if (recorded === 0) return null
    const trace = context.getStore()
    return trace === undefined || trace.isOver ? null : trace
  }
  const enter = <T>(trace: Trace, work: () => T): T => {
    recorded += 1
    return context.run(trace, work)
  }
  /** The context costs every promise while it is enabled (before Node 24): only while something is recorded. */
  const leave = (): void => {
    recorded -= 1
    if (recorded === 0) context.disable()
  }
  const requests = createRequestTracer({
    ...options,
    enter,
    leave,
    hasRoom() {
      if (exporter.isFull()) counts.dropped.add()
      return !exporter.isFull()
    },
    keep: exporter.add,
  })

  async function work<T>(name: string, run: () => Promise<T>): Promise<T> {
    const isSampled = Math.random() < share
    const trace = new Trace({ traceId: newTraceId(), parentId: null, state: '' }, clock)
    const end = (error: string | null): void => {
      const attributes = {
        ...(error === null ? {} : { 'error.type': error }),
        ...(isSampled ? {} : { 'latchkey.kept': error === null ? 'slow' : 'failed' }),
      }
      if (isSampled || error !== null || trace.elapsed >= SLOW)
        exporter.add(trace.end({ name, kind: 'internal', attributes }, error, isSampled))
      if (isSampled) leave()
    }
    try {
      const result = await (isSampled ? enter(trace, run) : run())
      end(null)
      return result
    } catch (error) {
      end(errorType(error))
      throw error
    }
  }
  async function part<T>(name: string, kind: SpanKind, run: () => Promise<T>): Promise<T> {
    const span = current()?.begin({ name, kind, attributes: {} })
    try {
      const result = await run()
      span?.end()
      return result
    } catch (error) {
      span?.end(error)
      throw error
    }
  }
  return {
    requests,
    database: observedDatabase(current),
    hashing: (hashing) => observedHashing(hashing, current),
    outbound: (send) => observedRequests(send, current),
    work,
    part,
    log: (into) => namingLog(into, current),
    close: exporter.close,
  }
}

function namingLog(log: Log, current: () => Trace | null): Log {
  const named =
    (level: keyof Log) =>
    (fields: Record<string, unknown>, message: string): void => {
      const trace = current()
      log[level](trace ? { trace_id: trace.origin.traceId, ...fields } : fields, message)
    }
  return { debug: named('debug'), info: named('info'), warn: named('warn'), error: named('error') }
}
