/** The `apiKey` method: an app's API keys, looked up by a callback, or compared with a stored hash. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Credential, isBearerText } from '../credentials.ts'
import { amount, assertOptions, callable, flag, type OptionTable, text, tokens } from '../options.ts'
import type { Principal } from '../principal.ts'
import { type Problem, problem } from '../problem.ts'
import { type Awaitable, callbacks, type ToPrincipal } from './callback.ts'
import type { Method, MethodPlan } from './method.ts'

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
  /** The time in which each callback must answer, in milliseconds; 10,000 by default. */
  timeout?: number | undefined
}

/** Options for a look-up by the key itself. */
export interface FoundKeyOptions<R> extends ApiKeySources<R> {
  /** @returns the record, or null where the key is unknown, expired or revoked */
  find(key: string, digest: KeyDigest): Awaitable<R | Problem | null | undefined>
}

/** Options for keys that are stored as hashes; the key itself is not passed to any callback. */
export interface StoredHashOptions<R> extends ApiKeySources<R> {
  /** The field of a record that contains the SHA-256 of its key, in hexadecimal or base64url. */
  storedHashField: keyof R & string
  /** Finds the record by the hash; or the list of all records. */
  find: ((digest: KeyDigest) => Awaitable<R | Problem | null | undefined>) | readonly R[]
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
  return { name: 'api_key', open: () => openApiKey(options) }
}

const OPTIONS: OptionTable<StoredHashOptions<unknown>> = {
  headers: tokens,
  bearer: flag,
  query: text,
  principal: callable,
  storedHashField: text,
  find: (value) =>
    Array.isArray(value) || typeof value === 'function' ? null : 'a function, or a list of records',
  timeout: amount('milliseconds', 1, 600_000),
}

function openApiKey<R>(options: ApiKeyOptions<R>): Method {
  assertOptions('apiKey()', options, OPTIONS, ['find'])
  if (typeof options.find !== 'function' && !isStored(options))
    throw new TypeError('apiKey(): a list of records requires `storedHashField`')
  const { headers = ['x-api-key'], query, bearer = false, principal, timeout } = options
  const { find, principalOf } = callbacks({
    owner: 'apiKey()',
    method: 'api_key',
    refusal: 'INVALID_API_KEY',
    timeout,
  })
  const isMine = (sent: Credential): boolean =>
    sent.kind === 'api-key' || (bearer && sent.kind === 'bearer' && isBearerText(sent.value))
  return {
    name: 'api_key',
    schemes: bearer ? ['Api-Key', 'Bearer'] : ['Api-Key'],
    sources: {
      headers: headers.map((name) => name.toLowerCase()),
      query: query === undefined ? [] : [query],
      tokenQuery: [],
      cookies: [],
      recognizes: isMine,
    },
    authenticate({ explicit: sent }) {
      if (sent === null || sent.isTooLong || sent.value === '' || !isMine(sent)) return undefined
      const bytes = createHash('sha256').update(sent.value).digest()
      return find<R, Principal>(
        () => findRecord(options, sent.value, bytes),
        (record) =>
          record === null || !isOfKey(options, record, bytes)
            ? problem('INVALID_API_KEY', { reason: 'unknown key' })
            : principalOf(record, principal),
      )
    },
  }
}

const isStored = <R>(options: ApiKeyOptions<R>): options is StoredHashOptions<R> =>
  'storedHashField' in options

function findRecord<R>(
  options: ApiKeyOptions<R>,
  key: string,
  bytes: Buffer,
): Awaitable<R | Problem | null | undefined> {
  const digest: KeyDigest = { hex: bytes.toString('hex'), base64url: bytes.toString('base64url') }
  if (!isStored(options)) return options.find(key, digest)
  const { find } = options
  // every record is compared, so that the duration does not reveal the position
  return typeof find === 'function' ? find(digest) : find.filter((one) => isOfKey(options, one, bytes))[0]
}

const isOfKey = <R>(options: ApiKeyOptions<R>, record: R, bytes: Buffer): boolean =>
  !isStored(options) || isSameHash(record[options.storedHashField], bytes)

function isSameHash(stored: unknown, wanted: Buffer): boolean {
  if (typeof stored !== 'string') return false
  const bytes = /^[0-9a-f]{64}$/i.test(stored) ? Buffer.from(stored, 'hex') : Buffer.from(stored, 'base64url')
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
}
