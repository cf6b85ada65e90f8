/** The `apiKey` method: keys of your own, found by you, or held against the hash that you keep of them. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Credential, isBearerText } from '../credentials.ts'
import { problem } from '../problem.ts'
import { type Awaitable, guarded, principalOfRecord, type ToPrincipal } from './callback.ts'
import type { MethodPlan } from './method.ts'

/** SHA-256 of a key, in both spellings that are commonly stored. */
export interface KeyDigest {
  readonly hex: string
  readonly base64url: string
}

interface Where<R> {
  /** Header fields that carry a key; `['X-API-Key']` by default. `Authorization: Api-Key` is always read. */
  headers?: readonly string[] | undefined
  /** Takes a key as `Authorization: Bearer`, too. Off by default. */
  bearer?: boolean | undefined
  /** Takes a key in this parameter of the query, where it ends up in logs and histories. Off by default. */
  query?: string | undefined
  /** From the record to a principal. */
  principal?: ToPrincipal<R> | undefined
}

/** You find the record by the key itself. */
export interface FoundKeyOptions<R> extends Where<R> {
  /** @returns the record, or null where the key is unknown, expired or revoked */
  find(key: string, digest: KeyDigest): Awaitable<R | null | undefined>
}

/** You keep a hash; the key itself never leaves the guard. */
export interface StoredHashOptions<R> extends Where<R> {
  /** The record's field with the SHA-256 of its key, hexadecimal or base64url. */
  storedHashField: keyof R & string
  /** Finds the record by the hash; or give all there are. */
  find: ((digest: KeyDigest) => Awaitable<R | null | undefined>) | readonly R[]
}

export type ApiKeyOptions<R> = FoundKeyOptions<R> | StoredHashOptions<R>

/**
 * Accepts API keys in `X-API-Key` or `Authorization: Api-Key`. Keys must be random (128 bits or more): that is
 * what makes a plain SHA-256 enough to store.
 *
 * @param options `find` by the key, or `storedHashField` with `find` by its hash, compared in constant time
 * @returns a method for {@link createGuard}
 */
export function apiKey<R>(options: StoredHashOptions<R>): MethodPlan
export function apiKey<R>(options: FoundKeyOptions<R>): MethodPlan
export function apiKey<R>(options: ApiKeyOptions<R>): MethodPlan {
  const { headers = ['x-api-key'], query, bearer = false } = options
  const isMine = (sent: Credential): boolean =>
    sent.kind === 'api-key' || (bearer && sent.kind === 'bearer' && isBearerText(sent.value))
  return {
    name: 'api_key',
    open: () => ({
      name: 'api_key',
      schemes: bearer ? ['Api-Key', 'Bearer'] : ['Api-Key'],
      sources: {
        headers: headers.map((name) => name.toLowerCase()),
        query: query === undefined ? [] : [query],
        cookies: [],
      },
      attempt({ explicit: sent }) {
        if (sent === null || sent.isTooLong || sent.value === '' || !isMine(sent)) return undefined
        return guarded(async () => {
          const record = await findRecord(options, sent.value)
          return record === null
            ? problem('INVALID_API_KEY', { reason: 'unknown key' })
            : principalOfRecord(record, 'api_key', options.principal)
        })
      },
    }),
  }
}

const isStored = <R>(options: ApiKeyOptions<R>): options is StoredHashOptions<R> =>
  'storedHashField' in options

async function findRecord<R>(options: ApiKeyOptions<R>, key: string): Promise<R | null> {
  const bytes = createHash('sha256').update(key).digest()
  const digest: KeyDigest = { hex: bytes.toString('hex'), base64url: bytes.toString('base64url') }
  if (!isStored(options)) return (await options.find(key, digest)) ?? null
  const { find, storedHashField } = options
  const isOf = (record: R): boolean => isSameHash(record[storedHashField], bytes)
  // all of them are compared, so that the time does not tell which one it was
  if (typeof find !== 'function') return find.filter(isOf)[0] ?? null
  const record = (await find(digest)) ?? null
  return record !== null && isOf(record) ? record : null
}

function isSameHash(stored: unknown, wanted: Buffer): boolean {
  if (typeof stored !== 'string') return false
  const bytes = /^[0-9a-f]{64}$/i.test(stored) ? Buffer.from(stored, 'hex') : Buffer.from(stored, 'base64url')
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
}
