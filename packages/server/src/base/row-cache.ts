/**
 * A cache of rows in memory, filled on demand: what a credential was found to be, by the hash of the credential. Owns
 * its bound, eviction and single-flight loads; leaves to changes.ts whether a row is current, and to its user what
 * the row permits at an instant.
 *
 * Invariant: a row is found only where neither its user nor its organization has changed since before it was loaded, by
 * the argument of changes.ts. The absence of a row is never cached, and a row that refuses is read again by its user:
 * memory may permit, only the database refuses.
 */
import type { Changes } from './changes.ts'
import { digestBytes } from './crypto.ts'
import { deepFrozen } from './frozen.ts'

/** What the rows of a cache have in common. */
export interface CachedRow {
  user_id: string
  /** Whether or not the credential may act in it at present. */
  organization_id: string | null
}

export interface RowCache<R> {
  /** The row in memory, by the digest of its credential (`digestKey`); null where there is none that is current. */
  find(key: string): R | null
  /** The row in the database; null where there is none. Concurrent loads of one key are one statement. */
  load(key: string): Promise<R | null>
}

export interface RowCacheOptions<R> {
  changes: Changes
  /** The most rows in memory; 0: every row comes from the database. */
  most: number
  /** Reads one row. */
  read(hash: Buffer): Promise<R | undefined>
}

interface Entry<R> {
  row: R
  since: number
}
interface Load<R> {
  row: Promise<R | null>
  since: number
}

export function createRowCache<R extends CachedRow>({
  changes,
  most,
  read,
}: RowCacheOptions<R>): RowCache<R> {
  // two generations instead of an order of use: a row that is used moves to the young one, which replaces the old when full
  const half = Math.ceil(most / 2)
  let young = new Map<string, Entry<R>>()
  let old = new Map<string, Entry<R>>()
  const loads = new Map<string, Load<R>>()

  function keep(key: string, entry: Entry<R>): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(key, entry)
  }

  const isUnchanged = ({ row, since }: Entry<R>): boolean =>
    changes.isUnchanged(since, row.user_id, row.organization_id)

  function start(key: string): Load<R> {
    const since = changes.last()
    const row = read(digestBytes(key)).then((found) => {
      if (found === undefined) return null
      if (most > 0) keep(key, { row: found, since })
      return found
    })
    return { row, since }
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
    async load(key) {
      const joined = loads.get(key)
      if (joined !== undefined && changes.isCurrent()) {
        const row = await joined.row
        // its statement was sent before this call: what has changed since then it may not contain
        if (row !== null && isUnchanged({ row, since: joined.since })) return row
      }
      const load = start(key)
      loads.set(key, load)
      try {
        return await load.row
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
