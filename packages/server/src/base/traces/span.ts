/**
 * A trace that is recorded: its spans from the root to the end of the root, when all of them are handed on together. Bounded in
 * number. Invariant: a span has names and numbers of this server; no parameter, no address, no id of a user, no text of a caller.
 */
import type { Clock } from '../clock.ts'
import { Problem } from '../errors.ts'
import { newId } from '../ids.ts'

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** As OTLP numbers them. */
export const SPAN_KIND = { internal: 1, server: 2, client: 3 } as const
export type SpanKind = keyof typeof SPAN_KIND

export interface SpanFacts {
  name: string
  kind: SpanKind
  attributes: SpanAttributes
}

/** A span that has ended. */
export interface Span extends SpanFacts {
  traceId: string
  spanId: string
  /** Null for the root of a trace. */
  parentId: string | null
  /** Whether the parent is a span of another process. */
  hasRemoteParent: boolean
  isSampled: boolean
  state: string
  /** Milliseconds since 1970, with fractions. */
  beganAt: number
  endedAt: number
  /** What failed; null where nothing did. */
  error: string | null
}

/** A span under way. */
export interface OpenSpan {
  readonly id: string
  /** @param error what the work has thrown; absent: it succeeded */
  end(error?: unknown, further?: SpanAttributes): void
}

export interface Origin {
  traceId: string
  parentId: string | null
  state: string
}

/** The spans of one trace in this process; what comes after them is counted by the root. */
const MOST_SPANS = 200

export class Trace {
  readonly origin: Origin
  readonly rootId = newSpanId()
  readonly #clock: Pick<Clock, 'now' | 'ticks'>
  readonly #wall: number
  readonly #began: number
  #spans: Span[] = []
  #missing = 0
  #isOver = false

  constructor(origin: Origin, clock: Pick<Clock, 'now' | 'ticks'>) {
    this.origin = origin
    this.#clock = clock
    this.#began = clock.ticks()
    this.#wall = clock.now().getTime() - this.#began
  }

  /** What continues in the context of a trace that has ended, such as a timer, is no part of it. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Milliseconds since the trace began. */
  get elapsed(): number {
    return this.#clock.ticks() - this.#began
  }

  /** @returns null where the trace has ended or is full */
  begin(facts: SpanFacts, parentId = this.rootId): OpenSpan | null {
    if (this.#isOver) return null
    if (this.#spans.length >= MOST_SPANS) {
      this.#missing += 1
      return null
    }
    const id = newSpanId()
    const began = this.#clock.ticks()
    return {
      id,
      end: (error, further) => {
        if (this.#isOver || this.#spans.length >= MOST_SPANS) return
        const attributes = { ...facts.attributes, ...further, ...attributesOf(error) }
        this.#spans.push(this.#span({ ...facts, attributes }, id, parentId, began, failureOf(error)))
      },
    }
  }

  /** Ends the trace. @returns its spans, the root first */
  end(facts: SpanFacts, error: string | null, isSampled = true): Span[] {
    this.#isOver = true
    const attributes =
      this.#missing > 0 ? { ...facts.attributes, 'latchkey.spans_missing': this.#missing } : facts.attributes
    const { parentId } = this.origin
    const root = this.#span({ ...facts, attributes }, this.rootId, parentId, this.#began, error)
    const spans = [{ ...root, hasRemoteParent: parentId !== null, isSampled }, ...this.#spans]
    // a context may be kept by what outlives the trace
    this.#spans = []
    return spans
  }

  #span(facts: SpanFacts, spanId: string, parentId: string | null, began: number, error: string | null) {
    return {
      ...facts,
      traceId: this.origin.traceId,
      spanId,
      parentId,
      hasRemoteParent: false,
      isSampled: true,
      state: this.origin.state,
      beganAt: this.#wall + began,
      endedAt: this.#wall + this.#clock.ticks(),
      error,
    } satisfies Span
  }
}

/** The lower half of an id of ours: unique in a trace, and never zero. */
export const newSpanId = (): string => newId('req').slice(-16)

export const newTraceId = (): string => newId('req').slice(4)

const CODE = /^[A-Z0-9_]{1,60}$/
const NAME = /^\w{1,60}$/

/** The kind of an error, never its message: a code of this server, of the database or of node, otherwise the name of its class. */
export function errorType(error: unknown): string {
  const { code, constructor: made } = Object(error) as { code?: unknown; constructor?: { name?: unknown } }
  if (typeof code === 'string' && CODE.test(code)) return code
  const name = made?.name
  return typeof name === 'string' && NAME.test(name) ? name : 'Error'
}

/** A refusal of what the caller wants is no failure. */
const failureOf = (error: unknown): string | null =>
  error === undefined || (error instanceof Problem && error.status < 500) ? null : errorType(error)

const attributesOf = (error: unknown): SpanAttributes =>
  error === undefined ? {} : { 'error.type': errorType(error) }
