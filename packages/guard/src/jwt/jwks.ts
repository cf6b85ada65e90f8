/**
 * The keys of somebody else, from their JWK set (RFC 7517 §5): fetched once for all who wait, kept as long as
 * its headers say, asked again for an unknown `kid` at most once in 30 s. While the other side is down the keys
 * at hand go on working, for an hour at most.
 */
import type { JsonWebKey } from 'node:crypto'
import type { Now } from '../clock.ts'
import { type Fetch, get, unreachable } from '../outbound.ts'
import { type Problem, refusedToken } from '../problem.ts'
import type { Algorithm } from './algorithms.ts'
import { choose, type FoundKey, type KeySource, keyOfJwk, UNKNOWN_KEY, type VerificationKey } from './keys.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const UNKNOWN_EVERY = 30 * SECOND
const RETRY_EVERY = 15 * SECOND
const FIRST_RETRY_AFTER = 1 * SECOND
const LIFETIME = { least: 30 * SECOND, usual: 10 * MINUTE, most: 24 * 60 * MINUTE }
const STALE_FOR = 60 * MINUTE
const MAX_BYTES = 262_144
const MAX_KEYS = 100

export interface RemoteKeysOptions {
  url: string
  fetch: Fetch
  now: Now
  /** Milliseconds. */
  timeout: number
  algorithms?: readonly Algorithm[] | undefined
  onFailure?: ((error: unknown) => void) | undefined
}

export interface RemoteKeys extends KeySource {
  /** Fetches the set now, whatever the caches say: the keys have changed. */
  refetch(): Promise<void>
}

export function remoteKeys(options: RemoteKeysOptions): RemoteKeys {
  const { url, fetch, now, timeout } = options
  /** By their JSON text, so that a key that is still published stays the same object. */
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
      const answer = await get(fetch, url, {
        headers: { accept: 'application/json' },
        timeout,
        maxBytes: MAX_BYTES,
      })
      if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`)
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
      options.onFailure?.(error)
    }
  }

  /** One at a time, for everybody; never rejects. */
  function fetchOnce(): Promise<void> {
    running ??= load().finally(() => {
      running = null
      if (!isOutdated) return
      isOutdated = false
      return fetchOnce()
    })
    return running
  }

  const look = (kid: string | undefined, alg: Algorithm): FoundKey =>
    choose([...keys.values()], kid, alg) ?? refusedToken('the key is bound to another algorithm')

  /** Fetches where the keys at hand are too old. @returns why there are none */
  function atHand(): null | Problem | Promise<Problem | null> {
    const time = now()
    if (isLoaded && time < freshUntil) {
      if (time >= refreshAt && time - failedAt >= RETRY_EVERY) void fetchOnce()
      return null
    }
    // the other side is known to be down: nobody waits for it, but it is tried again
    const isUsable = isLoaded && time < freshUntil + STALE_FOR
    if (time - failedAt < (isUsable ? RETRY_EVERY : FIRST_RETRY_AFTER))
      return isUsable ? null : unreachable('the keys cannot be fetched')
    if (isUsable && failedAt > Number.NEGATIVE_INFINITY) {
      void fetchOnce()
      return null
    }
    return fetchOnce().then(() =>
      isLoaded && now() < freshUntil + STALE_FOR ? null : unreachable('the keys cannot be fetched'),
    )
  }

  async function findUnknown(kid: string | undefined, alg: Algorithm): Promise<FoundKey> {
    if (running === null) {
      if (now() - unknownAt < UNKNOWN_EVERY) return UNKNOWN_KEY
      unknownAt = now()
    }
    await fetchOnce()
    return look(kid, alg)
  }

  return {
    ready: atHand,
    find(kid, alg) {
      const waiting = atHand()
      // what has only just been fetched is not fetched again
      if (waiting instanceof Promise) return waiting.then((missing) => missing ?? look(kid, alg))
      if (waiting !== null) return waiting
      const found = look(kid, alg)
      return found === UNKNOWN_KEY ? findUnknown(kid, alg) : found
    },
    refetch() {
      // a fetch under way may have been answered before the change
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
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error('this is no JWK set')
  const found = new Map<string, VerificationKey>()
  for (const jwk of keys as JsonWebKey[]) {
    const name = JSON.stringify(jwk)
    try {
      found.set(name, known.get(name) ?? keyOfJwk(jwk, algorithms))
    } catch {
      // RFC 7517 §5: what is not understood is passed over
    }
  }
  return found
}

/** RFC 9111 §4.2.1, §5.1: milliseconds, within bounds that no header can leave. */
function lifetimeOf(headers: Headers): number {
  const control = headers.get('cache-control') ?? ''
  const age = /(?:^|[\s,])max-age="?(\d{1,10})/i.exec(control)?.[1]
  if (/no-store|no-cache/i.test(control)) return LIFETIME.least
  if (age === undefined) return LIFETIME.usual
  const seconds = Number(age) - Number(/^\d{1,10}$/.exec(headers.get('age') ?? '')?.[0] ?? 0)
  return Math.min(LIFETIME.most, Math.max(LIFETIME.least, seconds * SECOND))
}

export interface LocalKeys extends KeySource {
  /** Takes another set; a key that is in both stays, tokens of the others are no longer believed. */
  replace(jwks: readonly JsonWebKey[]): void
}

/**
 * Keys at hand, for whoever has them: the server itself.
 *
 * @param jwks may have secrets (`kty` `oct`) with their `alg`
 * @throws TypeError for a key that cannot be used
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
    find: (kid, alg) =>
      choose([...keys.values()], kid, alg) ?? refusedToken('the key is bound to another algorithm'),
    replace(set) {
      const next = load(set, keys)
      for (const [name, key] of keys) if (!next.has(name)) key.isLive = false
      keys = next
    },
  }
}
