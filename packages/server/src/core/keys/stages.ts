/**
 * The stages of signing keys, as pure functions: published before it signs, active, retired when its successor signs,
 * removed when the last token that it signed has expired.
 */
import { later } from '../../base/clock.ts'
import type { SigningKeysTable } from './tables.ts'

export type Stage = 'published' | 'active' | 'retired' | 'removed'

/** What tells the lines of keys apart, which rotate each by itself. */
export type KeyLine = Pick<SigningKeysTable, 'line' | 'algorithm'>

/** Access tokens have one line, whose algorithm may change; ID tokens have one for each algorithm. */
export const isOfLine = (key: KeyLine, line: KeyLine): boolean =>
  key.line === line.line && (key.line === 'access_token' || key.algorithm === line.algorithm)

type Times = KeyLine & Pick<SigningKeysTable, 'kid' | 'active_at' | 'retired_at' | 'removed_at'>

/** The line's newest key whose `active_at` has passed; where none has (the clock was set back), its oldest. */
export function activeOf<T extends Times>(keys: readonly T[], line: KeyLine, now: Date): T | null {
  let newest: T | null = null
  let oldest: T | null = null
  for (const key of keys) {
    if (key.removed_at !== null || !isOfLine(key, line)) continue
    const { active_at: at } = key
    if (at <= now && (newest === null || at > newest.active_at)) newest = key
    if (oldest === null || at < oldest.active_at) oldest = key
  }
  return newest ?? oldest
}

export function stageOf(key: Times, keys: readonly Times[], now: Date): Stage {
  if (key.removed_at !== null) return 'removed'
  if (activeOf(keys, key, now)?.kid === key.kid) return 'active'
  return key.active_at > now ? 'published' : 'retired'
}

export interface RotationPolicy extends KeyLine {
  /** The key of the configured secret; null where keys are generated. */
  kid: string | null
  /** Milliseconds. */
  rotation: number
  lead: number
}

/** When a new key of the line must become active; null where none is due. */
export function nextKeyAt(keys: readonly Times[], policy: RotationPolicy, now: Date): Date | null {
  const newest = keys
    .filter((key) => key.removed_at === null && isOfLine(key, policy))
    .reduce<Times | null>((best, key) => (best === null || key.active_at > best.active_at ? key : best), null)
  if (newest === null) return now
  // a secret is not published, so it has no lead
  if (policy.kid !== null) return newest.kid === policy.kid ? null : now
  if (newest.algorithm !== policy.algorithm) return later(now, policy.lead)
  return later(newest.active_at, policy.rotation) <= now ? later(now, policy.lead) : null
}
