/** What happens inside of a trace as spans: statements and transactions, hashes, requests to other hosts. */
import type { DatabaseSpans } from '../db/spans.ts'
import type { Hashing } from '../hashing/index.ts'
import type { OutboundAnswer, OutboundRequest } from '../outbound/request.ts'
import type { OpenSpan, SpanAttributes, Trace } from './span.ts'
import { statementName } from './statement-name.ts'

/** The trace of the caller; null where none is recorded. */
export type CurrentTrace = () => Trace | null

export function observedDatabase(current: CurrentTrace): DatabaseSpans {
  const statementIn = (trace: Trace, text: string, parentId?: string) => {
    const name = statementName(text)
    const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': name }
    return trace.begin({ name, kind: 'client', attributes }, parentId)
  }
  return {
    statement(text) {
      const trace = current()
      return trace && statementIn(trace, text)
    },
    transaction() {
      const trace = current()
      const span = trace?.begin(TRANSACTION) ?? null
      return trace && span && { statement: (text) => statementIn(trace, text, span.id), end: span.end }
    },
  }
}

const TRANSACTION = {
  name: 'transaction',
  kind: 'internal',
  attributes: { 'db.system.name': 'postgresql' },
} as const

/** Runs work as a span. */
async function spanOf<T>(
  span: OpenSpan,
  work: () => Promise<T>,
  facts?: (result: T) => SpanAttributes,
): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    span.end(error)
    throw error
  }
  span.end(undefined, facts?.(result))
  return result
}

export function observedHashing(hashing: Hashing, current: CurrentTrace): Hashing {
  const within = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const trace = current()
    if (trace === null) return work()
    // what runs and waits before it: the rest of its time is its turn
    const { running, waiting } = hashing.load()
    const attributes = { 'latchkey.hash.running': running, 'latchkey.hash.waiting': waiting }
    const span = trace.begin({ name, kind: 'internal', attributes })
    return span ? spanOf(span, work) : work()
  }
  return {
    ...hashing,
    hash: (password) => within('hash password', () => hashing.hash(password)),
    verify: (stored, password) => within('verify password', () => hashing.verify(stored, password)),
    hashCode: (code, salt) => within('hash code', () => hashing.hashCode(code, salt)),
  }
}

export type OutboundSend = (wanted: OutboundRequest) => Promise<OutboundAnswer>

/** The host is named, because an operator looks for the slow one; the path and the query may contain secrets. */
export const observedRequests =
  (send: OutboundSend, current: CurrentTrace): OutboundSend =>
  (wanted) => {
    const trace = current()
    if (trace === null) return send(wanted)
    const { method: name, url } = wanted
    const attributes = { 'http.request.method': name, ...hostOf(url) }
    const span = trace.begin({ name, kind: 'client', attributes })
    return span ? spanOf(span, () => send(wanted), statusOf) : send(wanted)
  }

function hostOf(text: string): SpanAttributes {
  if (!URL.canParse(text)) return {}
  const { hostname, port, protocol } = new URL(text)
  const scheme = protocol.slice(0, -1)
  const usual = scheme === 'https' ? 443 : 80
  return {
    'server.address': hostname,
    'server.port': port === '' ? usual : Number(port),
    'url.scheme': scheme,
  }
}

const statusOf = ({ status }: OutboundAnswer): SpanAttributes => ({
  'http.response.status_code': status,
  ...(status >= 400 ? { 'error.type': String(status) } : {}),
})
