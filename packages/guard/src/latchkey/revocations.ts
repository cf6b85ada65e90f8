/**
 * The revocation list in memory, filled by the stream. Adding is idempotent and independent of the order; an entry is
 * deleted when every credential that it covers has expired. Times are those of the server: its tokens and revocations
 * are compared with each other, and its answers with the order in which revocations arrived, never with the guard's
 * clock.
 */

const KINDS = ['jti', 'sid', 'sub', 'key', 'role', 'org', 'family', 'client'] as const

/** One `revoked` event of the stream. Times are in seconds since the Unix epoch. */
export interface Revocation {
  readonly kind: (typeof KINDS)[number]
  readonly value: string
  /** Covers credentials issued at or before this time; null: all. */
  readonly before: number | null
  /** The time by which all covered credentials have expired. */
  readonly until: number
}

/** The properties by which a credential may be revoked. */
export interface Revocable {
  readonly jti?: string | null
  readonly sid?: string | null
  readonly sub?: string | null
  readonly keyId?: string | null
  readonly org?: string | null
  /** The tokens that an app has got for one authorization. */
  readonly family?: string | null
  /** The app that the token was issued to. */
  readonly client?: string | null
  readonly roles?: readonly string[]
  /** Who acts for `sub`, users and apps: what is revoked of any of them covers the token as well. */
  readonly actors?: readonly string[]
  /** In seconds since the Unix epoch; null for an answer of the server, which is as recent as its `version`. */
  readonly issuedAt: number | null
  /** For an answer of the server: the version of this list at the time of the request to the server. */
  readonly version?: number
}

export interface Revocations {
  add(revocation: Revocation): void
  covers(credential: Revocable): boolean
  /** Incremented by every revocation, to detect that one arrived while the server was called. */
  readonly version: number
  readonly size: number
}

const SWEEP_EVERY = 1000
/** Seconds after the end of an entry, because the clock of the guard may be ahead of the server's. */
const KEPT_FOR = 600

interface RevocationEntry {
  before: number
  until: number
  /** The version of the list that the last revocation made. */
  version: number
}

/** @param now returns seconds since the Unix epoch */
export function revocations(now: () => number): Revocations {
  const kept: Record<Revocation['kind'], Map<string, RevocationEntry>> = {
    jti: new Map(),
    sid: new Map(),
    sub: new Map(),
    key: new Map(),
    role: new Map(),
    org: new Map(),
    family: new Map(),
    client: new Map(),
  }
  let version = 0
  let sinceSweep = 0
  const isCovered = (
    kind: Revocation['kind'],
    value: string | null | undefined,
    { issuedAt, version: asked = 0 }: Revocable,
  ): boolean => {
    const known = kept[kind]
    if (known.size === 0 || !value) return false
    const found = known.get(value)
    return found !== undefined && (issuedAt === null ? found.version > asked : issuedAt <= found.before)
  }
  const sweep = (): void => {
    sinceSweep = 0
    const time = now()
    for (const map of Object.values(kept))
      for (const [value, entry] of map) if (entry.until + KEPT_FOR < time) map.delete(value)
  }
  return {
    add({ kind, value, before, until }) {
      version += 1
      const known = kept[kind].get(value)
      const last = before ?? Number.POSITIVE_INFINITY
      kept[kind].set(value, {
        before: Math.max(last, known?.before ?? last),
        until: Math.max(until, known?.until ?? until),
        version,
      })
      sinceSweep += 1
      if (sinceSweep >= SWEEP_EVERY) sweep()
    },
    covers(credential) {
      // fast path: nothing was revoked yet
      if (version === 0) return false
      const { jti, sid, sub, keyId, org, roles, family, client, actors } = credential
      return (
        isCovered('jti', jti, credential) ||
        isCovered('sid', sid, credential) ||
        isCovered('sub', sub, credential) ||
        isCovered('key', keyId, credential) ||
        isCovered('org', org, credential) ||
        isCovered('family', family, credential) ||
        isCovered('client', client, credential) ||
        (kept.org.size > 0 && isCovered('org', `${org}/${sub}`, credential)) ||
        (kept.role.size > 0 && roles?.some((role) => isCovered('role', role, credential)) === true) ||
        actors?.some(
          (actor) => isCovered('sub', actor, credential) || isCovered('client', actor, credential),
        ) === true
      )
    },
    get version() {
      return version
    },
    get size() {
      return Object.values(kept).reduce((sum, map) => sum + map.size, 0)
    },
  }
}

/** @returns null where the text is malformed or the kind is unknown */
export function readRevocation(text: string): Revocation | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { kind, value: what, before = null, until } = value as Record<string, unknown>
  const known = KINDS.find((one) => one === kind)
  if (known === undefined || typeof what !== 'string' || typeof until !== 'number') return null
  if (before !== null && typeof before !== 'number') return null
  return { kind: known, value: what, before, until }
}
