/**
 * The revocation list in memory, filled by the stream. Adding is idempotent and independent of the order; an entry is
 * deleted when every credential that it covers has expired.
 */

const KINDS = ['jti', 'sid', 'sub', 'key', 'role', 'org'] as const

/** One `revoked` event of the stream. Times are in seconds since the Unix epoch. */
export interface Revocation {
  readonly kind: (typeof KINDS)[number]
  readonly value: string
  /** Covers credentials issued at or before this time; null: all. */
  readonly before: number | null
  /** The time by which all covered credentials have expired. */
  readonly until: number
}

/** The properties by which a credential may be revoked. `issuedAt` is in seconds since the Unix epoch. */
export interface Revocable {
  readonly jti?: string | null
  readonly sid?: string | null
  readonly sub?: string | null
  readonly keyId?: string | null
  readonly org?: string | null
  readonly roles?: readonly string[]
  readonly issuedAt: number
}

export interface Revocations {
  add(revocation: Revocation): void
  covers(credential: Revocable): boolean
  /** Incremented by every revocation, to detect that one arrived while the server was called. */
  readonly version: number
  readonly size: number
}

const SWEEP_EVERY = 1000

interface RevocationEntry {
  before: number
  until: number
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
  }
  let version = 0
  let sinceSweep = 0
  const isCovered = (
    kind: Revocation['kind'],
    value: string | null | undefined,
    issuedAt: number,
  ): boolean => {
    const known = kept[kind]
    if (known.size === 0 || !value) return false
    const found = known.get(value)
    return found !== undefined && issuedAt <= found.before
  }
  const sweep = (): void => {
    sinceSweep = 0
    const time = now()
    for (const map of Object.values(kept))
      for (const [value, { until }] of map) if (until < time) map.delete(value)
  }
  return {
    add({ kind, value, before, until }) {
      version += 1
      const known = kept[kind].get(value)
      const last = before ?? Number.POSITIVE_INFINITY
      kept[kind].set(value, {
        before: Math.max(last, known?.before ?? last),
        until: Math.max(until, known?.until ?? until),
      })
      sinceSweep += 1
      if (sinceSweep >= SWEEP_EVERY) sweep()
    },
    covers(credential) {
      // fast path: nothing was revoked yet
      if (version === 0) return false
      const { jti, sid, sub, keyId, org, roles, issuedAt } = credential
      return (
        isCovered('jti', jti, issuedAt) ||
        isCovered('sid', sid, issuedAt) ||
        isCovered('sub', sub, issuedAt) ||
        isCovered('key', keyId, issuedAt) ||
        isCovered('org', org, issuedAt) ||
        (kept.org.size > 0 && isCovered('org', `${org}/${sub}`, issuedAt)) ||
        (kept.role.size > 0 && roles?.some((role) => isCovered('role', role, issuedAt)) === true)
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
