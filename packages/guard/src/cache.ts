/**
 * A bounded memory by key, least recently used first out. Two generations instead of a linked list: what is
 * used moves to the young one, and when that is full the old one is forgotten whole; a hit costs one look-up.
 */
export interface Cache<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  clear(): void
  /** Forgets what fits. */
  sweep(isGone: (value: V) => boolean): void
  readonly size: number
}

/** @param max how many it holds at most; what was used within the last half of them is never forgotten */
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
