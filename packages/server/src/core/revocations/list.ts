/**
 * The in-memory revocation list of a process. Adding is idempotent and independent of order; an entry is deleted when
 * every credential that it covers has expired.
 */
import type { RevocationsTable } from './tables.ts'

export type RevocationKind = RevocationsTable['kind']

export interface Revocation {
  id: string
  kind: RevocationKind
  value: string
  /** Covers credentials issued at this time or earlier, in seconds since 1970 with milliseconds; null: all. */
  before: number | null
  /** When every covered credential has expired; seconds since 1970. */
  until: number
}

/** The properties that a credential can be revoked by. `issuedAt` in seconds since 1970, with milliseconds. */
export interface Revocable {
  jti?: string | null
  sid?: string | null
  sub?: string | null
  key?: string | null
  /** The family of tokens, of an app. */
  family?: string | null
  /** The app that it was issued to. */
  client?: string | null
  /** A revocation of any of these covers the credential; {@link UNNAMED_ROLE} where it depends on roles that it does not name. */
  roles?: readonly string[]
  org?: string | null
  /**
   * Who acts for `sub` (RFC 8693 §4.1), users and apps, and before them the app that was authorized: what is revoked of any of them
   * covers the credential as well.
   */
  actors?: readonly string[]
  issuedAt: number
}

/**
 * A value of kind `role` that is revoked with every role, for credentials that depend on roles without naming them: those by which an
 * administrator acts as a user, and those behind the permissions of a token whose app may not know the roles. No role has this name.
 */
export const UNNAMED_ROLE = '*'

/** The value of kind `org` for a single member. */
export const memberIn = (organizationId: string, userId: string): string => `${organizationId}/${userId}`

interface ListEntry {
  before: number
  until: number
  heardAt: Date
}

export interface RevocationList {
  /** @param heardAt when this process received it, which is after its commit */
  add(revocation: Revocation, heardAt: Date): void
  covers(credential: Revocable): boolean
  /** The last time of issue that revocations received until then cover; -1 for none, Infinity for all. */
  coveredUpTo(credential: Omit<Revocable, 'issuedAt'>, heardUntil: Date): number
  /** Deletes expired entries. @param now seconds since 1970 */
  sweep(now: number): void
  readonly size: number
}

export function revocationList(): RevocationList {
  const kept: Record<RevocationKind, Map<string, ListEntry>> = {
    jti: new Map(),
    sid: new Map(),
    sub: new Map(),
    key: new Map(),
    role: new Map(),
    org: new Map(),
    family: new Map(),
    client: new Map(),
  }
  /** The entries that concern a credential, until `use` returns true. @returns whether it did */
  function visit(
    { jti, sid, sub, key, family, client, org, roles, actors }: Omit<Revocable, 'issuedAt'>,
    use: (entry: ListEntry) => boolean,
  ): boolean {
    const hits = (kind: RevocationKind, value: string | null | undefined): boolean => {
      const entry = value ? kept[kind].get(value) : undefined
      return entry !== undefined && use(entry)
    }
    return (
      hits('jti', jti) ||
      hits('sid', sid) ||
      hits('sub', sub) ||
      hits('key', key) ||
      hits('family', family) ||
      hits('client', client) ||
      hits('org', org) ||
      (kept.org.size > 0 && Boolean(org && sub) && hits('org', memberIn(org ?? '', sub ?? ''))) ||
      (kept.role.size > 0 && (roles?.some((role) => hits('role', role)) ?? false)) ||
      (actors?.some((actor) => hits('sub', actor) || hits('client', actor)) ?? false)
    )
  }
  return {
    add({ kind, value, before, until }, heardAt) {
      const last = before ?? Number.POSITIVE_INFINITY
      const known = kept[kind].get(value)
      if (known && known.before >= last) {
        known.until = Math.max(until, known.until)
        return
      }
      kept[kind].set(value, { before: last, until: Math.max(until, known?.until ?? until), heardAt })
    },
    covers: (credential) => visit(credential, ({ before }) => credential.issuedAt <= before),
    coveredUpTo(credential, heardUntil) {
      let last = -1
      visit(credential, ({ before, heardAt }) => {
        if (heardAt <= heardUntil) last = Math.max(last, before)
        return false
      })
      return last
    },
    sweep(now) {
      for (const map of Object.values(kept))
        for (const [value, { until }] of map) if (until < now) map.delete(value)
    },
    get size() {
      return Object.values(kept).reduce((sum, map) => sum + map.size, 0)
    },
  }
}
