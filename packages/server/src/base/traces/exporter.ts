/**
 * The exporter of spans over OTLP/HTTP: a bounded queue, batches, retries with back-off. A collector that is down, slow or
 * unreadable costs spans, which are counted, and never a request.
 */
import type { Clock } from '../clock.ts'
import type { Log } from '../log/index.ts'
import type { Cell } from '../metrics/index.ts'
import { AnswerTooLarge, NoAnswer, type OutboundAnswer, request } from '../outbound/request.ts'
import { otlpRequest } from './otlp.ts'
import type { Span, SpanAttributes } from './span.ts'

export interface ExporterOptions {
  /** The complete URL of the collector's traces. */
  url: string
  headers: Readonly<Record<string, string>>
  resource: SpanAttributes
  version: string
  clock: Pick<Clock, 'now' | 'ticks'>
  log: Pick<Log, 'info' | 'warn'>
  /** Spans by what became of them. */
  counts: Readonly<Record<'exported' | 'refused' | 'dropped', Cell>>
  patience?: Partial<ExportPatience>
}

export interface ExportPatience {
  /** Milliseconds that the first span of a batch waits for others. */
  delay: number
  /** Milliseconds for one request. */
  timeout: number
  /** Milliseconds before the first retry; doubled for each further one. */
  firstWait: number
  /** The most that `Retry-After` or the back-off makes a batch wait. */
  longestWait: number
  tries: number
  /** Milliseconds for all that is left when the server stops. */
  flush: number
}

const PATIENCE: ExportPatience = {
  delay: 2000,
  timeout: 10_000,
  firstWait: 1000,
  longestWait: 60_000,
  tries: 5,
  flush: 3000,
}
const QUEUE = 2048
const BATCH = 512
/** Bytes of an answer, of which only the number of refused spans is read. */
const ANSWER_BYTES = 65_536
/** OTLP §OTLP/HTTP Response, "Retryable Response Codes". */
const RETRYABLE = new Set([429, 502, 503, 504])

export interface Exporter {
  /** Whether a further span would be dropped. */
  isFull(): boolean
  add(spans: readonly Span[]): void
  /** Sends what is left, each batch once. Idempotent. */
  close(): Promise<void>
}

/** What became of a request: `wait` milliseconds where it may be repeated. */
type Outcome = { isDone: true } | { isDone: false; reason: string; wait: number | null }

export function createExporter(options: ExporterOptions): Exporter {
  const { url, clock, log, counts } = options
  const patience = { ...PATIENCE, ...options.patience }
  let queue: Span[] = []
  let timer: NodeJS.Timeout | null = null
  let sending: Promise<void> | null = null
  let isFailing = false
  let closing: Promise<void> | null = null
  /** Ends the pause between two tries. */
  let wake: (() => void) | null = null

  function note(outcome: Outcome): void {
    if (outcome.isDone && isFailing) log.info({}, 'traces are exported again')
    if (!outcome.isDone && !isFailing)
      log.warn({ reason: outcome.reason }, 'exporting traces failed; spans are dropped while it does')
    isFailing = !outcome.isDone
  }
  async function post(body: string, timeoutMs: number, size: number): Promise<Outcome> {
    try {
      const answer = await request({
        method: 'POST',
        url,
        headers: {
          ...options.headers,
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
          'user-agent': `Latchkey/${options.version}`,
        },
        body,
        timeoutMs,
        maxBytes: ANSWER_BYTES,
        // the collector of the operator
        allowPrivate: true,
      })
      return judge(answer, size)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      // a collector that answers at such length has read the spans
      const wait = error instanceof AnswerTooLarge ? null : 0
      return { isDone: false, reason: error.message, wait }
    }
  }
  function judge({ status, retryAfter, text }: OutboundAnswer, size: number): Outcome {
    if (status >= 200 && status < 300) {
      const refused = Math.min(refusedIn(text), size)
      counts.refused.add(refused)
      counts.exported.add(size - refused)
      return { isDone: true }
    }
    const reason = `the collector answered with status ${status}`
    if (!RETRYABLE.has(status)) return { isDone: false, reason, wait: null }
    return { isDone: false, reason, wait: millisecondsOf(retryAfter, clock.now()) }
  }
  /** The back-off before a try, with a quarter of jitter, so that nodes do not return together. */
  const backOff = (tries: number): number =>
    patience.firstWait * 2 ** (tries - 1) * (0.75 + Math.random() / 2)
  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const end = setTimeout(resolve, Math.min(milliseconds, patience.longestWait)).unref()
      wake = () => {
        clearTimeout(end)
        resolve()
      }
    })

  async function deliver(batch: readonly Span[]): Promise<void> {
    const body = otlpRequest(options.resource, options.version, batch)
    for (let tries = 1; ; tries += 1) {
      const outcome = await post(body, patience.timeout, batch.length)
      note(outcome)
      if (outcome.isDone) return
      if (outcome.wait === null || tries >= patience.tries || closing) break
      await pause(Math.max(outcome.wait, backOff(tries)))
      if (closing) break
    }
    counts.dropped.add(batch.length)
  }
  async function send(): Promise<void> {
    do {
      const batch = queue.slice(0, BATCH)
      queue = queue.slice(BATCH)
      await deliver(batch).catch(() => counts.dropped.add(batch.length))
    } while (queue.length >= BATCH && !closing)
  }
  function start(): void {
    if (timer) clearTimeout(timer)
    timer = null
    if (sending || queue.length === 0 || closing) return
    sending = send().finally(() => {
      sending = null
      if (queue.length > 0) schedule()
    })
  }
  function schedule(): void {
    if (queue.length >= BATCH) start()
    else if (!sending && !closing) timer ??= setTimeout(start, patience.delay).unref()
  }
  async function flush(): Promise<void> {
    if (timer) clearTimeout(timer)
    wake?.()
    const until = clock.ticks() + patience.flush
    const cut = new Promise<void>((resolve) => setTimeout(resolve, patience.flush).unref())
    await Promise.race([sending, cut])
    while (queue.length > 0) {
      const left = until - clock.ticks()
      const batch = queue.slice(0, BATCH)
      queue = queue.slice(BATCH)
      const body = otlpRequest(options.resource, options.version, batch)
      const outcome: Outcome | null = left > 1 ? await post(body, Math.ceil(left), batch.length) : null
      if (outcome) note(outcome)
      if (!outcome?.isDone) counts.dropped.add(batch.length)
    }
  }
  return {
    isFull: () => queue.length >= QUEUE,
    add(spans) {
      const room = closing ? 0 : QUEUE - queue.length
      if (spans.length > room) counts.dropped.add(spans.length - Math.max(room, 0))
      for (const span of spans.slice(0, Math.max(room, 0))) queue.push(span)
      if (room > 0) schedule()
    },
    close: () => {
      closing ??= Promise.resolve().then(flush)
      return closing
    },
  }
}

/** `partialSuccess.rejectedSpans`, an integer of 64 bits; anything else is none. */
function refusedIn(text: string): number {
  try {
    const answer = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: unknown } } | null
    const count = Number(answer?.partialSuccess?.rejectedSpans ?? 0)
    return Number.isSafeInteger(count) && count > 0 ? count : 0
  } catch {
    return 0
  }
}

/** RFC 9110 §10.2.3: seconds, or a date; anything else is 0. */
function millisecondsOf(retryAfter: string, now: Date): number {
  if (/^\d{1,6}$/.test(retryAfter)) return Number(retryAfter) * 1000
  const until = retryAfter === '' ? Number.NaN : Date.parse(retryAfter)
  return Number.isNaN(until) ? 0 : Math.max(0, until - now.getTime())
}
