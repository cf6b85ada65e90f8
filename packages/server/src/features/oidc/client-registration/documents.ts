/**
 * Client id metadata documents (draft-ietf-oauth-client-id-metadata-document): the app whose `client_id` is the address of its
 * document, which is read when the app begins and becomes the app's row. Owns when it is fetched: one request for an address at a
 * time, few at all, and few unknown addresses for each client address, so that a stranger cannot make this server request others.
 *
 * Invariant: an authorization request is judged by a document that was valid when it was fetched, at most a day ago.
 */
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { problem } from '../../../base/errors.ts'
import { BadDocument, jsonOf, NoAnswer, type OutboundAnswer } from '../../../base/outbound/index.ts'
import { mayBePrivateDocument, readsDocument } from '../../../core/clients/index.ts'
import { assertFew } from '../../../core/strangers.ts'
import type { Tools } from '../../../core/tools.ts'
import { prepareIdTokens, storeDocumentClient } from '../clients/index.ts'
import { BadMetadata, type MetadataPolicy, readMetadata } from './metadata.ts'

/** §4: what a document may state; no shared secret could be in it. */
const POLICY: MetadataPolicy = {
  grants: ['authorization_code', 'refresh_token'],
  methods: ['none', 'private_key_jwt'],
  method: 'none',
  subjects: ['public'],
}
const TIMEOUT = 3000
/** Bytes, as the draft recommends. */
const MOST_BYTES = 5 * 1024
const MINUTE = 60_000
const SHORTEST = 5 * MINUTE
const LONGEST = 24 * 60 * MINUTE
/** How long an address whose document cannot be used is not requested again. */
const FAILED = MINUTE / 2
/** Addresses held in memory, about 300 bytes each; a known app has its row. */
const MOST_HELD = 5000
/** Requests at once. */
const MOST_PENDING = 20
/** Addresses of unknown apps for each client address. */
const UNKNOWN = { max: 10, milliseconds: 10 * MINUTE }

export interface ClientDocuments {
  /**
   * Brings the app of a document up to date, where the id is the address of one that this server reads.
   * @returns why its document cannot be used, for developers; null where it can, and of any other id
   * @throws Problem RATE_LIMIT_EXCEEDED, UNAVAILABLE
   */
  refresh(call: Call, clientId: string | undefined): Promise<string | null>
}

interface DocumentState {
  until: Date
  fault: string | null
}

type DocumentTools = Pick<Tools, 'config' | 'db' | 'outbound' | 'limits' | 'clients' | 'keys' | 'log'>

export function createClientDocuments(tools: DocumentTools): ClientDocuments {
  const { config, clients } = tools
  /** In the order of their last fetch. */
  const held = new Map<string, DocumentState>()
  const pending = new Map<string, Promise<string | null>>()

  function hold(id: string, state: DocumentState): string | null {
    held.delete(id)
    held.set(id, state)
    const [oldest] = held.keys()
    if (held.size > MOST_HELD && oldest !== undefined) held.delete(oldest)
    return state.fault
  }

  async function fetchDocument(call: Call, id: string): Promise<string | null> {
    try {
      const answer = await tools.outbound.request({
        method: 'GET',
        url: id,
        headers: { accept: 'application/json', 'user-agent': 'Latchkey' },
        timeoutMs: TIMEOUT,
        maxBytes: MOST_BYTES,
        allowPrivate: mayBePrivateDocument(config.clientIdDocuments, id),
      })
      const client = readDocument(id, answer)
      await store(tools, call, { id, ...client })
      return hold(id, { until: later(call.now, lifetimeOf(answer)), fault: null })
    } catch (error) {
      if (!isFault(error)) throw error
      tools.log.warn({ client: id, reason: error.message }, 'the document of an app cannot be used')
      return hold(id, { until: later(call.now, FAILED), fault: error.message })
    }
  }

  function begin(call: Call, id: string): Promise<string | null> {
    const running = pending.get(id)
    if (running) return running
    if (pending.size >= MOST_PENDING) throw problem('UNAVAILABLE')
    const fetching = fetchDocument(call, id).finally(() => pending.delete(id))
    pending.set(id, fetching)
    return fetching
  }

  return {
    async refresh(call, id) {
      if (id === undefined || !readsDocument(config.clientIdDocuments, id)) return null
      const last = held.get(id)
      const isRecent = last !== undefined && call.now < last.until
      if (isRecent && last.fault !== null) return last.fault
      const isKnown = (await clients.find(id)) !== null
      if (isRecent && isKnown) return null
      if (!isKnown && !pending.has(id) && held.get(id) === last)
        await assertFew(tools, call, 'client documents', UNKNOWN)
      const current = held.get(id)
      // another request may have fetched it since this one began
      return current !== undefined && current !== last ? current.fault : await begin(call, id)
    },
  }
}

const isFault = (error: unknown): error is Error =>
  error instanceof NoAnswer || error instanceof BadDocument || error instanceof BadMetadata

/** @throws BadDocument, BadMetadata */
function readDocument(id: string, answer: OutboundAnswer): ReturnType<typeof readMetadata> {
  const document = jsonOf(answer)
  if (!/^application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)$/.test(answer.type))
    throw new BadDocument('the answer has another type than application/json')
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new BadDocument('the document is no JSON object')
  const metadata = document as Readonly<Record<string, unknown>>
  if (metadata.client_id !== id) throw new BadDocument('the client_id in the document is not its address')
  if (metadata.client_secret !== undefined || metadata.client_secret_expires_at !== undefined)
    throw new BadDocument('the document has a client_secret')
  return readMetadata(metadata, POLICY, new URL(id).host)
}

/** Milliseconds, by the field `Cache-Control` (RFC 9111 §5.2.2) within our bounds. */
function lifetimeOf({ cacheControl }: OutboundAnswer): number {
  if (/(?:^|[\s,])no-(?:store|cache)\b/i.test(cacheControl)) return SHORTEST
  const [, seconds = '0'] = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(cacheControl) ?? []
  return Math.min(Math.max(Number(seconds) * 1000, SHORTEST), LONGEST)
}

/** @throws BadDocument where there are too many such apps */
async function store(
  tools: DocumentTools,
  call: Call,
  client: Parameters<typeof storeDocumentClient>[2],
): Promise<void> {
  const stored = await tools.db.tx('system', (tx) => storeDocumentClient(tx, call, client))
  if (stored === null) throw new BadDocument('this server knows too many apps already')
  await prepareIdTokens(tools, stored)
}
