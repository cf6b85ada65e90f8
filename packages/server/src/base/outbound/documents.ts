/**
 * JSON documents of other hosts, held in memory: fetched once by however many requests need them (single-flight), then
 * answered from memory, and fetched again in the background before they are too old. Bounded in count, size and age.
 * What is not as it must be is never held.
 *
 * Invariant: a caller that finds its document too old for its purpose (`renew`) causes at most one request a minute.
 */
import { type Clock, later } from '../clock.ts'
import type { Log } from '../log/index.ts'
import type { OutboundAnswer, OutboundRequest } from './request.ts'

/** The answer is not the document that it must be; the message says what it is, without its content. */
export class BadDocument extends Error {}
/** It is a web page or another text. */
export class NotJson extends BadDocument {}

export interface Wanted<T> {
  /** Whose document it is: what one owner causes has no effect on another. */
  owner: string
  /** What `read` makes of it: an owner could name one address for several documents. */
  kind: string
  url: string
  allowPrivate: boolean
  /** @throws BadDocument */
  read(json: unknown): T
  /** Milliseconds: after `refreshAfter` it is fetched in the background, after `expireAfter` before it is used. */
  refreshAfter: number
  expireAfter: number
  /**
   * Milliseconds in which a fetch that failed is the answer to every further one: for documents that strangers can cause to be
   * fetched. Default: 0.
   */
  retryAfter?: number
}

export interface Documents {
  /** @throws NoAnswer, BadDocument where it is not in memory and cannot be fetched */
  find<T>(wanted: Wanted<T>): Promise<T>
  /** The document fetched again; null where a caller renewed it less than a minute ago. @throws NoAnswer, BadDocument */
  renew<T>(wanted: Wanted<T>): Promise<T | null>
}

interface Entry {
  value: unknown
  bytes: number
  /** Null: never. */
  fetchedAt: Date | null
  refreshedAt: Date | null
  renewedAt: Date | null
  pending: Promise<unknown> | null
  /** The last fetch, where it failed. */
  failure: { error: unknown; at: Date } | null
  isEvicted: boolean
}

export interface DocumentsOptions {
  request(wanted: OutboundRequest): Promise<OutboundAnswer>
  clock: Pick<Clock, 'now'>
  log: Pick<Log, 'warn'>
  /** The limits of the memory. */
  most?: { count: number; bytes: number }
}

export const DOCUMENT_TIMEOUT = 5000
export const DOCUMENT_BYTES = 256 * 1024
const RETRY_AFTER = 60_000

export function createDocuments({ request, clock, log, most }: DocumentsOptions): Documents {
  const { count: mostEntries, bytes: mostBytes } = most ?? { count: 2000, bytes: 32 * 1024 * 1024 }
  /** In the order of their last use. */
  const entries = new Map<string, Entry>()
  let held = 0

  function entryOf({ owner, kind, url, allowPrivate }: Wanted<unknown>): Entry {
    const key = JSON.stringify([owner, kind, url, allowPrivate])
    const entry = entries.get(key) ?? newEntry()
    entries.delete(key)
    entries.set(key, entry)
    return entry
  }

  function evict(): void {
    for (const [key, entry] of entries) {
      if (entries.size <= mostEntries && held <= mostBytes) return
      entries.delete(key)
      held -= entry.bytes
      entry.isEvicted = true
    }
  }

  /** One request for an entry at a time. */
  function fetchInto<T>(entry: Entry, wanted: Wanted<T>): Promise<T> {
    entry.pending ??= load(wanted)
      .then(({ value, bytes }) => {
        if (!entry.isEvicted) held += bytes - entry.bytes
        Object.assign(entry, { value, bytes, fetchedAt: clock.now(), failure: null })
        evict()
        return value
      })
      .catch((error: unknown) => {
        entry.failure = { error, at: clock.now() }
        throw error
      })
      .finally(() => {
        entry.pending = null
      })
    return entry.pending as Promise<T>
  }

  async function load<T>({ url, allowPrivate, read }: Wanted<T>): Promise<{ value: T; bytes: number }> {
    const answer = await request({
      method: 'GET',
      url,
      headers: { accept: 'application/json', 'user-agent': 'Latchkey' },
      timeoutMs: DOCUMENT_TIMEOUT,
      maxBytes: DOCUMENT_BYTES,
      allowPrivate,
    })
    return { value: read(jsonOf(answer)), bytes: answer.text.length }
  }

  function refresh<T>(entry: Entry, wanted: Wanted<T>): void {
    entry.refreshedAt = clock.now()
    fetchInto(entry, wanted).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown'
      log.warn({ reason, owner: wanted.owner }, 'refreshing a document failed; the one in memory is used')
    })
  }

  return {
    async find(wanted) {
      const now = clock.now()
      const entry = entryOf(wanted)
      const { fetchedAt } = entry
      if (fetchedAt === null || now >= later(fetchedAt, wanted.expireAfter)) {
        const { failure } = entry
        if (failure !== null && now < later(failure.at, wanted.retryAfter ?? 0)) throw failure.error
        return fetchInto(entry, wanted)
      }
      if (now >= later(fetchedAt, wanted.refreshAfter) && !isRecent(entry.refreshedAt, now))
        refresh(entry, wanted)
      return entry.value as never
    },
    async renew(wanted) {
      const entry = entryOf(wanted)
      if (entry.pending) return entry.pending as never
      const now = clock.now()
      if (isRecent(entry.renewedAt, now)) return null
      entry.renewedAt = now
      return fetchInto(entry, wanted)
    },
  }
}

const newEntry = (): Entry => ({
  value: null,
  bytes: 0,
  fetchedAt: null,
  refreshedAt: null,
  renewedAt: null,
  pending: null,
  failure: null,
  isEvicted: false,
})

const isRecent = (at: Date | null, now: Date): boolean => at !== null && now < later(at, RETRY_AFTER)

/** The JSON of an answer. @throws BadDocument where it is something else */
export function jsonOf({ status, type, text }: OutboundAnswer): unknown {
  if (status >= 300 && status < 400) throw new BadDocument('the answer redirects, which is not followed')
  if (status !== 200) throw new BadDocument(`the answer has status ${status}`)
  try {
    return JSON.parse(text)
  } catch {
    throw new NotJson(type === 'text/html' ? 'the answer is HTML, not JSON' : 'the answer is not JSON')
  }
}
