/**
 * A bounded cache with approximate LRU eviction. It has two generations instead of a linked list: an entry that is
 * used moves to the young generation, and when that is full the old one is dropped as a whole. A hit costs one look-up.
 */
export interface Cache<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  clear(): void
  /** Deletes every entry for which `isGone` returns true. */
  sweep(isGone: (value: V) => boolean): void
  readonly size: number
}

/** @param max the largest number of entries; the `max / 2` entries used last are never evicted */
export function boundedCache<V>(max: number): Cache<V> {
  const half = Math.max(1, Math.floor(max / 2))
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  const set = (key: string, value: V): void => {
    if (young.size >= half && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get(key) {
      const found = young.get(key)
      if (found !== undefined) return found
      const aged = old.get(key)
      if (aged === undefined) return undefined
      old.delete(key)
      set(key, aged)
      return aged
    },
    set(key, value) {
      old.delete(key)
      set(key, value)
    },
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
    clear() {
      young.clear()
      old.clear()
    },
    sweep(isGone) {
      for (const generation of [young, old])
        for (const [key, value] of generation) if (isGone(value)) generation.delete(key)
    },
    get size() {
      return young.size + old.size
    },
  }
}
