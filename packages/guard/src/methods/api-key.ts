/** The `apiKey` method: an app's API keys, looked up by a callback, or compared with a stored hash. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Credential, isBearerText } from '../credentials.ts'
import { problem } from '../problem.ts'
import { type Awaitable, guarded, principalOfRecord, type ToPrincipal } from './callback.ts'
import type { MethodPlan } from './method.ts'

/** SHA-256 of a key, in the two encodings that are commonly stored. */
export interface KeyDigest {
  readonly hex: string
  readonly base64url: string
}

interface ApiKeySources<R> {
  /** Names of header fields with an API key; `['X-API-Key']` by default. `Authorization: Api-Key` is always read. */
  headers?: readonly string[] | undefined
  /** Also accepts a key as `Authorization: Bearer`; false by default. */
  bearer?: boolean | undefined
  /**
   * Also accepts a key in this query parameter. Disabled by default, because URLs are recorded in logs and browser
   * histories.
   */
  query?: string | undefined
  /** Converts a record to the fields of a principal. */
  principal?: ToPrincipal<R> | undefined
}

/** Options for a look-up by the key itself. */
export interface FoundKeyOptions<R> extends ApiKeySources<R> {
  /** @returns the record, or null where the key is unknown, expired or revoked */
  find(key: string, digest: KeyDigest): Awaitable<R | null | undefined>
}

/** Options for keys that are stored as hashes; the key itself is not passed to any callback. */
export interface StoredHashOptions<R> extends ApiKeySources<R> {
  /** The field of a record that contains the SHA-256 of its key, in hexadecimal or base64url. */
  storedHashField: keyof R & string
  /** Finds the record by the hash; or the list of all records. */
  find: ((digest: KeyDigest) => Awaitable<R | null | undefined>) | readonly R[]
}

export type ApiKeyOptions<R> = FoundKeyOptions<R> | StoredHashOptions<R>

/**
 * Accepts API keys in `X-API-Key` or `Authorization: Api-Key`. Keys must have at least 128 bits of randomness: then an
 * unsalted SHA-256 is a sufficient hash.
 *
 * @param options `find` by the key; or `storedHashField` and `find` by the hash, which is compared in constant time
 * @returns a method for {@link createGuard}; an unknown key is answered with 401 `INVALID_API_KEY`
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
      authenticate({ explicit: sent }) {
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
  // every record is compared, so that the duration does not reveal the position
  if (typeof find !== 'function') return find.filter(isOf)[0] ?? null
  const record = (await find(digest)) ?? null
  return record !== null && isOf(record) ? record : null
}

function isSameHash(stored: unknown, wanted: Buffer): boolean {
  if (typeof stored !== 'string') return false
  const bytes = /^[0-9a-f]{64}$/i.test(stored) ? Buffer.from(stored, 'hex') : Buffer.from(stored, 'base64url')
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
}
