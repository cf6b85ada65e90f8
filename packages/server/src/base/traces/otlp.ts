/**
 * Spans in the JSON of OTLP 1.x (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal, integers
 * of 64 bits as decimal strings, enumerations as numbers.
 */
import { SPAN_KIND, type Span, type SpanAttributes } from './span.ts'

const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200
const SAMPLED = 1
const STATUS_ERROR = 2

/** The whole request to `/v1/traces`. */
export const otlpRequest = (resource: SpanAttributes, version: string, spans: readonly Span[]): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [{ scope: { name: 'latchkey', version }, spans: spans.map(spanOf) }],
      },
    ],
  })

const spanOf = (span: Span): object => ({
  traceId: span.traceId,
  spanId: span.spanId,
  ...(span.parentId === null ? {} : { parentSpanId: span.parentId }),
  ...(span.state === '' ? {} : { traceState: span.state }),
  flags: HAS_IS_REMOTE | (span.hasRemoteParent ? IS_REMOTE : 0) | (span.isSampled ? SAMPLED : 0),
  name: span.name,
  kind: SPAN_KIND[span.kind],
  startTimeUnixNano: nanoseconds(span.beganAt),
  endTimeUnixNano: nanoseconds(span.endedAt),
  attributes: keyValues(span.attributes),
  status: span.error === null ? {} : { code: STATUS_ERROR, message: span.error },
})

/** Exact to the microsecond, within the integers of a double. */
const nanoseconds = (milliseconds: number): string => `${Math.round(milliseconds * 1000)}000`

const keyValues = (attributes: SpanAttributes): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
