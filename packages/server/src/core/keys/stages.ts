/**
 * The stages of signing keys, as pure functions: published before it signs, active, retired when its successor signs,
 * removed when the last token that it signed has expired.
 */
import { later } from '../../base/clock.ts'
import type { SigningKeysTable } from './tables.ts'

export type Stage = 'published' | 'active' | 'retired' | 'removed'

type Times = Pick<SigningKeysTable, 'kid' | 'active_at' | 'retired_at' | 'removed_at'>

/** The newest key whose `active_at` has passed; where none has (the clock was set back), the oldest. */
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

export interface RotationPolicy {
  algorithm: SigningKeysTable['algorithm']
  /** The key of the configured secret; null where keys are generated. */
  kid: string | null
  /** Milliseconds. */
  rotation: number
  lead: number
}

/** When a new key must become active; null where none is due. */
export function nextKeyAt(
  keys: readonly (Times & Pick<SigningKeysTable, 'algorithm'>)[],
  policy: RotationPolicy,
  now: Date,
): Date | null {
  const newest = keys
    .filter((key) => key.removed_at === null)
    .reduce<(typeof keys)[number] | null>(
      (best, key) => (best === null || key.active_at > best.active_at ? key : best),
      null,
    )
  if (newest === null) return now
  // a secret is not published, so it has no lead
  if (policy.kid !== null) return newest.kid === policy.kid ? null : now
  if (newest.algorithm !== policy.algorithm) return later(now, policy.lead)
  return later(newest.active_at, policy.rotation) <= now ? later(now, policy.lead) : null
}
