/** The time for which a fetched key set, or the metadata that names it, is fresh. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const LIFETIME = { least: 30 * SECOND, usual: 10 * MINUTE, most: 24 * 60 * MINUTE }

/** RFC 9111 §4.2.1, §5.1: the freshness lifetime in milliseconds, clamped to {@link LIFETIME}. */
export function lifetimeOf(headers: Headers): number {
  const control = headers.get('cache-control') ?? ''
  const age = /(?:^|[\s,])max-age="?(\d{1,10})/i.exec(control)?.[1]
  if (/no-store|no-cache/i.test(control)) return LIFETIME.least
  if (age === undefined) return LIFETIME.usual
  const seconds = Number(age) - Number(/^\d{1,10}$/.exec(headers.get('age') ?? '')?.[0] ?? 0)
  return Math.min(LIFETIME.most, Math.max(LIFETIME.least, seconds * SECOND))
}
