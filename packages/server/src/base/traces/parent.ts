/**
 * W3C Trace Context, level 2 (https://www.w3.org/TR/trace-context-2/): the fields `traceparent` and `tracestate` of a request, read
 * strictly. A field that is not valid is as one that is absent; a `tracestate` that is not valid leaves the parent as it is.
 */

export interface TraceParent {
  traceId: string
  spanId: string
  isSampled: boolean
  /** The members of `tracestate`; empty where there are none. */
  state: string
}

/** Characters of either field: `traceparent` has 55, a later version may have more. §3.3.1.5 for `tracestate`. */
const LONGEST = 512
/** §3.2.2: `ff` is no version; a later version may continue after the flags, separated by a hyphen. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const SAMPLED = 1

/** node joins a field that is sent more than once with commas, which no version of `traceparent` contains. */
export function readTraceParent(
  traceparent: string | undefined,
  tracestate: string | undefined,
): TraceParent | null {
  if (traceparent === undefined || traceparent.length > LONGEST) return null
  const [, version, traceId = '', spanId = '', flags = '', further] = TRACEPARENT.exec(traceparent) ?? []
  if (version === undefined || (version === '00' && further !== undefined)) return null
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null
  return {
    traceId,
    spanId,
    isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED,
    state: readTraceState(tracestate),
  }
}

/** §3.3.1.1: 32 members; §3.3.1.3: their keys and values. */
const MOST_MEMBERS = 32
const MEMBER =
  /^([a-z0-9][a-z0-9_*/@-]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

function readTraceState(text: string | undefined): string {
  if (text === undefined || text.length > LONGEST) return ''
  const members = text
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '')
  if (members.length > MOST_MEMBERS) return ''
  const keys = new Set(members.map((member) => MEMBER.exec(member)?.[1]))
  return keys.has(undefined) || keys.size < members.length ? '' : members.join(',')
}
