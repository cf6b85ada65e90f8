/**
 * One-time tickets: what a page sends in the URL of a WebSocket, because a browser cannot set its header fields. A
 * ticket `tkt_<id>.<key>` stores, under its id, the request that fetched it, encrypted with its key (AES-256-GCM):
 * the content of the store is of no use without the ticket. Taking the value out of the store is the one act that
 * consumes the ticket.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Now } from '../clock.ts'
import { type Awaitable, callbacks } from '../methods/callback.ts'
import { invalidToken, type Problem, problem } from '../problem.ts'

/** Where tickets wait: the memory of the process by default; a store shared by all processes where there are several. */
export interface TicketStore {
  /** Keeps a value for a number of seconds: `redis.set(id, value, 'EX', seconds)`. */
  put(id: string, value: string, seconds: number): Awaitable<unknown>
  /** Returns a value and deletes it in one step: `redis.getdel(id)`. */
  take(id: string): Awaitable<string | null | undefined>
}

/** The request that fetched a ticket: its credential is checked again when the ticket is used. */
export interface TicketRecord {
  readonly url: string
  /** Header fields by name in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly userId: string
}

export interface Tickets {
  issue(record: TicketRecord): Promise<string | Problem>
  /** Consumes a ticket. */
  redeem(ticket: string): Promise<TicketRecord | Problem>
}

/** How many tickets wait in memory at most; one that is not used leaves after its lifetime. */
const MAX_WAITING = 10_000
/** How many tickets of one user wait in memory; the oldest is dropped for another, so that no user fills the memory. */
const MAX_OF_USER = 20
const TICKET = /^tkt_([\w-]{22})\.([\w-]{43})$/
const [ID_BYTES, KEY_BYTES, IV_BYTES, TAG_BYTES] = [16, 32, 12, 16]

interface TicketOptions {
  /** The lifetime of a ticket. */
  seconds: number
  now: Now
  /** The time in which the store must answer, in milliseconds. */
  timeout: number
  store: TicketStore | undefined
}

export function openTickets({ seconds, now, timeout, store }: TicketOptions): Tickets {
  const { call } = callbacks({
    owner: '`tickets` of webSockets()',
    method: 'ticket',
    refusal: 'INTERNAL_ERROR',
    timeout,
  })
  // a store of the app receives what its interface names, and not the user
  const waiting: UserTicketStore =
    store === undefined
      ? inMemory(now)
      : { put: (id, value, lifetime) => store.put(id, value, lifetime), take: (id) => store.take(id) }
  return {
    async issue(record) {
      const [id, key] = [randomBytes(ID_BYTES).toString('base64url'), randomBytes(KEY_BYTES)]
      const text = JSON.stringify({ ...record, until: now() + seconds * 1000 })
      const value = encrypt(text, key, id)
      return call(
        'put',
        () => waiting.put(id, value, seconds, record.userId),
        () => `tkt_${id}.${key.toString('base64url')}`,
      )
    },
    async redeem(ticket) {
      const [, id, key] = TICKET.exec(ticket) ?? []
      if (id === undefined || key === undefined) return invalidToken('the ticket is malformed')
      return call<string | null | undefined, TicketRecord>(
        'take',
        () => waiting.take(id),
        (value) => {
          if (value === null || value === undefined)
            return invalidToken('the ticket is unknown, used or expired')
          if (typeof value !== 'string')
            throw new TypeError('a string is required, or null where there is none')
          const text = decrypt(value, Buffer.from(key, 'base64url'), id)
          if (text === null) return invalidToken('the ticket does not fit what is stored')
          const { until, ...record } = JSON.parse(text) as TicketRecord & { until: number }
          return now() < until ? record : invalidToken('the ticket has expired')
        },
      )
    },
  }
}

function encrypt(text: string, key: Buffer, id: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(id))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')
}

/** @returns null for another key, and for a value that was changed or belongs to another id */
function decrypt(value: string, key: Buffer, id: string): string | null {
  const bytes = Buffer.from(value, 'base64url')
  if (bytes.length < IV_BYTES + TAG_BYTES) return null
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
    cipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    return cipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + cipher.final('utf8')
  } catch {
    return null
  }
}

/** A {@link TicketStore} that also learns whose ticket it is. */
interface UserTicketStore extends Pick<TicketStore, 'take'> {
  put(id: string, value: string, seconds: number, userId: string): Awaitable<unknown>
}

function inMemory(now: Now): UserTicketStore {
  // in the order of their ends, because all live equally long
  const waiting = new Map<string, { value: string; until: number; userId: string }>()
  /** The ids of the tickets of a user, the oldest first. */
  const ofUser = new Map<string, Set<string>>()
  const remove = (id: string): string | undefined => {
    const found = waiting.get(id)
    if (found === undefined) return undefined
    waiting.delete(id)
    const ids = ofUser.get(found.userId)
    ids?.delete(id)
    if (ids?.size === 0) ofUser.delete(found.userId)
    return found.value
  }
  return {
    put(id, value, seconds, userId) {
      for (const [known, { until }] of waiting) {
        if (until > now()) break
        remove(known)
      }
      const [oldest] = ofUser.get(userId) ?? []
      if (oldest !== undefined && (ofUser.get(userId)?.size ?? 0) >= MAX_OF_USER) remove(oldest)
      if (waiting.size >= MAX_WAITING)
        throw problem('UNAVAILABLE', { reason: `${MAX_WAITING} tickets wait to be used` })
      waiting.set(id, { value, until: now() + seconds * 1000, userId })
      const ids = ofUser.get(userId) ?? new Set()
      ofUser.set(userId, ids.add(id))
    },
    take: remove,
  }
}
