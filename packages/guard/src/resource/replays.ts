/**
 * Used proofs (RFC 9449 §11.1): each is accepted once while it is fresh. In memory two generations take turns, so that the
 * past is dropped as a whole; several processes share a store of the app.
 */
import type { Now } from '../clock.ts'
import type { Awaitable } from '../methods/callback.ts'

/** Used proofs that several processes share. */
export interface ReplayStore {
  /**
   * Records a proof, atomically: `SET id 1 NX PX lifetime` of Redis.
   *
   * @param id up to 64 ASCII characters
   * @param lifetime milliseconds for which it must be remembered
   * @returns whether it was not recorded yet
   */
  use(id: string, lifetime: number): Awaitable<boolean>
}

/** @param most the largest number of proofs; beyond it `use` returns null: neither new nor used */
export function memoryOfProofs(
  lifetime: number,
  most: number,
  now: Now,
): { use(id: string): boolean | null } {
  let young = new Set<string>()
  let old = new Set<string>()
  let turnAt = now() + lifetime
  return {
    use(id) {
      const time = now()
      if (time >= turnAt) {
        // what is older than a generation has lived for its lifetime
        old = time >= turnAt + lifetime ? new Set() : young
        young = new Set()
        turnAt = time + lifetime
      }
      if (young.has(id) || old.has(id)) return false
      if (young.size + old.size >= most) return null
      young.add(id)
      return true
    },
  }
}
