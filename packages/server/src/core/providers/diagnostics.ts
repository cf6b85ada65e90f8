/**
 * What the diagnostics of a connection show: what a provider said, bounded, readable, and without anything that is a secret;
 * and how far its clock is from ours.
 */
import { visibleText } from '../../base/fields.ts'
import { claimOf, isObject } from './profile.ts'
import type { Claims } from './provider.ts'

/** Milliseconds by which the clock of a provider may differ. */
export const CLOCK_SKEW = 60_000

/** `4 min`, as people say how far two clocks differ. */
export function spellSpan(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}

const MOST_CHARACTERS = 8000
const MOST_MEMBERS = 50
const DEEPEST = 4
/** Tokens, their hashes, and what binds them to a round trip. */
const SECRET_NAME = /token|secret|password|_hash$|^nonce$|^code/i

function readable(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return visibleText(value, 500) ?? ''
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.slice(0, MOST_MEMBERS).map((one) => readable(one, depth - 1))
  if (!isObject(value)) return null
  const members = Object.entries(value).slice(0, MOST_MEMBERS)
  return Object.fromEntries(
    members
      .filter(([name]) => !SECRET_NAME.test(name))
      .map(([name, one]) => [readableName(name), readable(one, depth - 1)]),
  )
}

const readableName = (name: string): string => visibleText(name, 200) ?? ''

/**
 * At most 8,000 characters of JSON; what is beyond is left out.
 * @param used the names of those from which the connection reads the user: they come first, and by no name are they secrets
 */
export function readableClaims(claims: Claims, used: readonly string[] = []): Claims {
  const first = used.map((name): [string, unknown] => [name, claimOf(claims, name)])
  const others = Object.entries(claims).filter(([name]) => !SECRET_NAME.test(name) && !used.includes(name))
  const shown: [string, unknown][] = []
  let left = MOST_CHARACTERS
  for (const [name, value] of [...first.filter(([, value]) => value !== undefined), ...others].slice(
    0,
    200,
  )) {
    const entry: [string, unknown] = [readableName(name), readable(value, DEEPEST)]
    const size = JSON.stringify(Object.fromEntries([entry])).length
    if (size > left) continue
    left -= size
    shown.push(entry)
  }
  return Object.fromEntries(shown)
}
