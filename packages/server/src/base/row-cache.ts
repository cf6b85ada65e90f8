/**
 * A cache of rows in memory, filled on demand: what a credential was found to be, by the hash of the credential, and OAuth
 * clients by their id. Owns its bound, eviction and single-flight loads; leaves to changes.ts whether a row is current, and to
 * its user what the row permits at an instant.
 *
 * Invariant: a row is found only where neither its subject (a user, a client) nor its organization has changed since before it
 * was loaded, by the argument of changes.ts. The absence of a row is never cached, and a row that refuses is read again by its user:
 * memory may permit, only the database refuses.
 */
import type { Changes } from './changes.ts'
import { deepFrozen } from './frozen.ts'
import type { SharedStore } from './shared-rows.ts'

/** What the rows of credentials have in common. */
export interface CachedRow {
  user_id: string
  /** Whether or not the credential may act in it at present. */
  organization_id: string | null
}

/** The ids that are notified when a row changes. */
export interface RowSubject {
  id: string
  organizationId: string | null
}

export interface RowCache<R> {
  /** The row in memory, by its key, of a credential its digest (`digestKey`); null where there is none that is current. */
  find(key: string): R | null
  /**
   * The row in the database; null where there is none. Concurrent loads of one key are one statement. Where nodes share
   * rows, one that another node has read recently, if it is current and permitted.
   * @param permits whether a shared row may be used as it is; otherwise it is read from the database
   */
  load(key: string, permits?: (row: R) => boolean): Promise<R | null>
}

export interface RowCacheOptions<R> {
  changes: Changes
  /** The most rows in memory; 0: every row comes from the database. */
  most: number
  /** Reads one row by its key. */
  read(key: string): Promise<R | undefined>
  /** Computed once for each row that is read. */
  subjectOf(row: R): RowSubject
  /** Where nodes share rows; they have to have their position. */
  shared?: SharedStore<R> | null
}

interface Entry<R> {
  row: R
  subject: RowSubject
  since: number
}

export const subjectOfCredential = ({
  user_id: id,
  organization_id: organizationId,
}: CachedRow): RowSubject => ({
  id,
  organizationId,
})

export function createRowCache<R extends object>({
  changes,
  most,
  read,
  subjectOf,
  shared = null,
}: RowCacheOptions<R>): RowCache<R> {
  // two generations instead of an order of use: a row that is used moves to the young one, which replaces the old when full
  const half = Math.ceil(most / 2)
  let young = new Map<string, Entry<R>>()
  let old = new Map<string, Entry<R>>()
  const loads = new Map<string, Promise<Entry<R> | null>>()

  function keep(key: string, entry: Entry<R>): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(key, entry)
  }

  const isUnchanged = ({ subject, since }: Entry<R>): boolean =>
    changes.isUnchanged(since, subject.id, subject.organizationId)

  /** The row that another node has read, unless it has to be read again. */
  async function startShared(key: string, permits: (row: R) => boolean): Promise<Entry<R> | null> {
    if (shared === null || most === 0 || !changes.isCurrent()) return null
    const found = await shared.find(key)
    if (found === null || !permits(found.row)) return null
    const entry = { ...found, subject: subjectOf(found.row) }
    return changes.isCurrent() && isUnchanged(entry) ? entry : null
  }

  async function start(key: string, permits: (row: R) => boolean): Promise<Entry<R> | null> {
    const known = await startShared(key, permits)
    if (known !== null) {
      keep(key, known)
      return known
    }
    const since = changes.last()
    const row = await read(key)
    if (row === undefined) return null
    const entry = { row, subject: subjectOf(row), since }
    if (most > 0) {
      keep(key, entry)
      if (shared !== null && permits(row) && changes.isCurrent()) shared.keep(key, row)
    }
    return entry
  }

  return {
    find(key) {
      if (!changes.isCurrent()) return null
      let entry = young.get(key)
      if (entry === undefined) {
        entry = old.get(key)
        if (entry === undefined) return null
        old.delete(key)
        keep(key, entry)
      }
      if (isUnchanged(entry)) return entry.row
      young.delete(key)
      return null
    },
    async load(key, permits = () => true) {
      const joined = loads.get(key)
      if (joined !== undefined && changes.isCurrent()) {
        const entry = await joined
        // its statement was sent before this call: what has changed since then it may not contain
        if (entry !== null && isUnchanged(entry) && permits(entry.row)) return entry.row
      }
      const load = start(key, permits)
      loads.set(key, load)
      try {
        return (await load)?.row ?? null
      } finally {
        if (loads.get(key) === load) loads.delete(key)
      }
    },
  }
}

/** What is made of an object and depends on a replica as well; kept as long as both are the same. */
export function derived<O extends object, V>(make: (from: O) => V): (from: O, replica: object) => V {
  const kept = new WeakMap<O, { replica: object; value: V }>()
  return (from, replica) => {
    const found = kept.get(from)
    if (found?.replica === replica) return found.value
    const value = deepFrozen(make(from))
    kept.set(from, { replica, value })
    return value
  }
}
