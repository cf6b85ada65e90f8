/**
 * How often a caller may ask. A row that states its own limits is judged by those; the other API rows by the
 * preset of the caller's method of authentication. Pages are counted only where their row says so.
 */
import type { Config } from '../../../config.ts'
import type { Call } from '../../call.ts'
import { duration } from '../../clock.ts'
import { problem } from '../../errors.ts'
import type { Limits, LimitVerdict } from '../../limits/index.ts'
import type { RateLimit } from '../row/operation.ts'
import type { Row } from '../row/route.ts'
import { addressKey } from './address.ts'

interface Rule {
  by: RateLimit['by'] | 'key'
  max: number
  milliseconds: number
  key: string
}
interface Rules {
  anonymous: readonly Rule[]
  session: readonly Rule[]
  apiKey: readonly Rule[]
}

const rule = (by: Rule['by'], max: number, per: string, name: string): Rule => ({
  by,
  max,
  milliseconds: duration(per),
  key: `${name} ${per} `,
})

const PRESETS: Record<'standard' | 'single', Rules> = {
  standard: {
    anonymous: [rule('ip', 100, '1h', 'anonymous'), rule('ip', 10, '1m', 'anonymous')],
    session: [rule('user', 1000, '1h', 'session'), rule('user', 50, '1m', 'session')],
    apiKey: [rule('key', 5000, '1h', 'api_key'), rule('key', 100, '1m', 'api_key')],
  },
  single: {
    anonymous: [rule('ip', 100, '1m', 'anonymous')],
    session: [rule('user', 100, '1m', 'session')],
    apiKey: [rule('key', 100, '1m', 'api_key')],
  },
}

export type Count = (call: Call, headers: string[]) => void

/** Compiled once a row; null where nothing is counted. The count throws RATE_LIMIT_EXCEEDED. */
export function counter(row: Row, limits: Limits, setting: Config['rateLimits']): Count | null {
  if (setting === 'off' || row.anonymous) return null
  const own =
    row.limit === undefined
      ? null
      : [row.limit].flat().map((l: RateLimit) => rule(l.by, l.max, l.per, row.of.name))
  if (!own && row.kind === 'page') return null
  const rules: Rules = own ? { anonymous: own, session: own, apiKey: own } : PRESETS[setting]
  return (call, headers) => {
    let tightest: LimitVerdict | undefined
    for (const { by, max, milliseconds, key } of rulesFor(rules, call.principal)) {
      const whom = (by !== 'ip' && idOf(call.principal, by)) || addressKey(call.ip)
      const verdict = limits.take(key + whom, max, milliseconds, call.now)
      if (!tightest || !verdict.allowed || verdict.remaining < tightest.remaining) tightest = verdict
      if (!verdict.allowed) break
    }
    if (tightest) judge(tightest, headers)
  }
}

const rulesFor = (rules: Rules, principal: Call['principal']): readonly Rule[] =>
  principal === null ? rules.anonymous : principal.method === 'api_key' ? rules.apiKey : rules.session

const idOf = (principal: Call['principal'], by: 'user' | 'key'): string | null =>
  (by === 'key' ? principal?.keyId : principal?.userId) ?? null

function judge(verdict: LimitVerdict, headers: string[]): void {
  headers.push('x-ratelimit-limit', `${verdict.limit}`, 'x-ratelimit-remaining', `${verdict.remaining}`)
  headers.push(
    'x-ratelimit-reset',
    `${verdict.resetSeconds}`,
    'x-ratelimit-window',
    `${verdict.windowSeconds}`,
  )
  if (verdict.allowed) return
  throw problem('RATE_LIMIT_EXCEEDED', {
    retryAfter: verdict.resetSeconds,
    details: { limit: verdict.limit, window: verdict.windowSeconds, retry_after: verdict.resetSeconds },
  })
}
