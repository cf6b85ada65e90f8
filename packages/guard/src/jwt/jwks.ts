/**
 * Key sources: a remote JWK set (RFC 7517 §5), and keys in memory. A remote set is fetched by one request at a time
 * (single-flight), cached as long as its headers allow, and refetched for an unknown `kid` at most once in 30 s. While
 * its server is unavailable, cached keys remain in use for at most an hour.
 */
import type { JsonWebKey } from 'node:crypto'
import type { Now } from '../clock.ts'
import { type Fetch, get, unavailable } from '../outbound.ts'
import { AppFault, type Problem } from '../problem.ts'
import { isWorkers } from '../runtime.ts'
import type { Algorithm } from './algorithms.ts'
import {
  type FoundKey,
  type KeySource,
  keyOfJwk,
  selectKey,
  UNKNOWN_KEY,
  type VerificationKey,
} from './keys.ts'
import { lifetimeOf } from './lifetime.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const UNKNOWN_EVERY = 30 * SECOND
const RETRY_EVERY = 15 * SECOND
const FIRST_RETRY_AFTER = 1 * SECOND
const STALE_FOR = 60 * MINUTE
const MAX_BYTES = 262_144
const MAX_KEYS = 100

/** Where a set is found, if its address has to be looked up. */
export interface KeyLocation {
  /** @throws an error where the address is unknown */
  find(): Promise<string>
  /** The address may be outdated. */
  forget(): void
}

export interface RemoteKeysOptions {
  url: string | KeyLocation
  fetch: Fetch
  now: Now
  /** Milliseconds */
  timeout: number
  algorithms?: readonly Algorithm[] | undefined
  onFailure?: ((error: unknown) => void) | undefined
}

export interface RemoteKeys extends KeySource {
  /** Fetches the set immediately, because the keys have changed. */
  refetch(): Promise<void>
}

export function remoteKeys(options: RemoteKeysOptions): RemoteKeys {
  const { url, fetch, now, timeout } = options
  /** By JSON text, so that a key that is still published remains the same object. */
  let keys = new Map<string, VerificationKey>()
  let isLoaded = false
  let freshUntil = 0
  let refreshAt = 0
  let failedAt = Number.NEGATIVE_INFINITY
  let unknownAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> | null = null
  let isOutdated = false

  async function load(): Promise<void> {
    try {
      const address = typeof url === 'string' ? url : await url.find()
      const answer = await get(fetch, address, {
        headers: { accept: 'application/json' },
        timeout,
        maxBytes: MAX_BYTES,
      })
      if (answer.status !== 200) throw new Error(`${address} answered ${answer.status}`)
      const next = readSet(answer.text, keys, options.algorithms)
      for (const [text, key] of keys) if (!next.has(text)) key.isLive = false
      keys = next
      isLoaded = true
      failedAt = Number.NEGATIVE_INFINITY
      const lifetime = lifetimeOf(answer.headers)
      freshUntil = now() + lifetime
      refreshAt = now() + lifetime * 0.8
    } catch (error) {
      failedAt = now()
      if (typeof url !== 'string' && !(error instanceof AppFault)) url.forget()
      options.onFailure?.(error)
    }
  }

  /** Single-flight, except where a request cannot wait for another one; never rejects. */
  function fetchOnce(): Promise<void> {
    if (isWorkers) return load()
    running ??= load().finally(() => {
      running = null
      if (!isOutdated) return
      isOutdated = false
      return fetchOnce()
    })
    return running
  }

  const lookUp = (kid: string | undefined, alg: Algorithm): FoundKey =>
    selectKey([...keys.values()], kid, alg)

  /** Fetches where the keys at hand are too old. @returns why there are none */
  function ensureFresh(): null | Problem | Promise<Problem | null> {
    const time = now()
    if (isLoaded && time < freshUntil) {
      if (!isWorkers && time >= refreshAt && time - failedAt >= RETRY_EVERY) void fetchOnce()
      return null
    }
    // the last fetch failed: requests do not wait for the next one
    const isUsable = isLoaded && time < freshUntil + STALE_FOR
    if (time - failedAt < (isUsable ? RETRY_EVERY : FIRST_RETRY_AFTER))
      return isUsable ? null : unavailable('the keys cannot be fetched')
    if (isUsable && !isWorkers && failedAt > Number.NEGATIVE_INFINITY) {
      void fetchOnce()
      return null
    }
    return fetchOnce().then(() =>
      isLoaded && now() < freshUntil + STALE_FOR ? null : unavailable('the keys cannot be fetched'),
    )
  }

  async function findUnknown(kid: string | undefined, alg: Algorithm): Promise<FoundKey> {
    if (running === null) {
      if (now() - unknownAt < UNKNOWN_EVERY) return UNKNOWN_KEY
      unknownAt = now()
    }
    await fetchOnce()
    return lookUp(kid, alg)
  }

  return {
    ready: ensureFresh,
    find(kid, alg) {
      const waiting = ensureFresh()
      // the set was fetched just now: an unknown kid does not cause another fetch
      if (waiting instanceof Promise) return waiting.then((missing) => missing ?? lookUp(kid, alg))
      if (waiting !== null) return waiting
      const found = lookUp(kid, alg)
      return found === UNKNOWN_KEY ? findUnknown(kid, alg) : found
    },
    refetch() {
      // a pending fetch may have been answered before the change
      if (running !== null) isOutdated = true
      freshUntil = Math.min(freshUntil, now())
      return fetchOnce()
    },
  }
}

function readSet(
  text: string,
  known: ReadonlyMap<string, VerificationKey>,
  algorithms: readonly Algorithm[] | undefined,
): Map<string, VerificationKey> {
  const { keys } = JSON.parse(text) as { keys?: unknown }
  if (!Array.isArray(keys) || keys.length > MAX_KEYS)
    throw new Error(`not a JWK set of at most ${MAX_KEYS} keys`)
  const found = new Map<string, VerificationKey>()
  for (const jwk of keys as JsonWebKey[]) {
    const name = JSON.stringify(jwk)
    try {
      found.set(name, known.get(name) ?? keyOfJwk(jwk, algorithms))
    } catch {
      // RFC 7517 §5: keys that are not understood are ignored
    }
  }
  return found
}

export interface LocalKeys extends KeySource {
  /** Replaces the set. Tokens of keys that are no longer in it become invalid. */
  replace(jwks: readonly JsonWebKey[]): void
}

/**
 * Keys in memory.
 *
 * @param jwks may contain symmetric keys (`kty` `oct`) with `alg`
 * @throws TypeError for an unusable key
 */
export function localKeys(jwks: readonly JsonWebKey[], algorithms?: readonly Algorithm[]): LocalKeys {
  const load = (set: readonly JsonWebKey[], known: ReadonlyMap<string, VerificationKey>) =>
    new Map(
      set.map((jwk) => {
        const name = JSON.stringify(jwk)
        return [name, known.get(name) ?? keyOfJwk(jwk, algorithms, true)] as const
      }),
    )
  let keys = load(jwks, new Map())
  return {
    ready: () => null,
    find: (kid, alg) => selectKey([...keys.values()], kid, alg),
    replace(set) {
      const next = load(set, keys)
      for (const [name, key] of keys) if (!next.has(name)) key.isLive = false
      keys = next
    },
  }
}
