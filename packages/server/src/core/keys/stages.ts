/**
 * The stages of signing keys, pure: published before one signs, active, retired when its successor signs, removed
 * when the last token it signed is dead.
 */
import { later } from '../../base/clock.ts'
import type { SigningKeysTable } from './tables.ts'

export type Stage = 'published' | 'active' | 'retired' | 'removed'

type Times = Pick<SigningKeysTable, 'kid' | 'active_at' | 'retired_at' | 'removed_at'>

/** The newest whose time has come; before any has (a clock that was set back), the first. */
export function activeOf<T extends Times>(keys: readonly T[], now: Date): T | null {
  const alive = keys.filter((key) => key.removed_at === null)
  const begun = alive.filter((key) => key.active_at <= now)
  const [first, ...rest] = begun.length > 0 ? begun : alive
  if (first === undefined) return null
  const isBetter = (a: T, b: T): boolean =>
    begun.length > 0 ? a.active_at > b.active_at : a.active_at < b.active_at
  return rest.reduce((best, key) => (isBetter(key, best) ? key : best), first)
}

export function stageOf(key: Times, keys: readonly Times[], now: Date): Stage {
  if (key.removed_at !== null) return 'removed'
  if (activeOf(keys, now)?.kid === key.kid) return 'active'
  return key.active_at > now ? 'published' : 'retired'
}

export interface Wanted {
  algorithm: SigningKeysTable['algorithm']
  /** The one key of the configured secret; null where keys are made. */
  kid: string | null
  /** Milliseconds. */
  rotation: number
  lead: number
}

/** When a further key has to become active; null where the newest one will do. */
export function nextKeyAt(
  keys: readonly (Times & Pick<SigningKeysTable, 'algorithm'>)[],
  wanted: Wanted,
  now: Date,
): Date | null {
  const newest = keys
    .filter((key) => key.removed_at === null)
    .reduce<(typeof keys)[number] | null>(
      (best, key) => (best === null || key.active_at > best.active_at ? key : best),
      null,
    )
  if (newest === null) return now
  // nobody waits for a secret to be published
  if (wanted.kid !== null) return newest.kid === wanted.kid ? null : now
  if (newest.algorithm !== wanted.algorithm) return later(now, wanted.lead)
  return later(newest.active_at, wanted.rotation) <= now ? later(now, wanted.lead) : null
}
