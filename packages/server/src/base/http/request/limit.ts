/**
 * Rate limits of requests. An operation with limits uses those; all other API rows use the preset for the caller's
 * method of authentication. Pages are counted only if their operation has limits.
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

/** A promise only if the limits are stored elsewhere. @throws Problem RATE_LIMIT_EXCEEDED, or rejects with it */
export type CountRequest = (call: Call, headers: string[]) => void | Promise<void>

/** Of a row, or of an operation that one of its credentials is counted as. */
type CountedFace = Pick<Row, 'kind' | 'of' | 'anonymous'> & { limit?: Row['limit'] | undefined }

/** Prepared once a row; null if its requests are not counted. */
export function requestCounter(
  row: CountedFace,
  limits: Limits,
  setting: Config['rateLimits'],
): CountRequest | null {
  if (setting === 'off' || row.anonymous) return null
  const own =
    row.limit === undefined
      ? null
      : [row.limit].flat().map((l: RateLimit) => rule(l.by, l.max, l.per, (l.sharedWith ?? row.of).name))
  if (!own && row.kind === 'page') return null
  const rules: Rules = own ? { anonymous: own, session: own, apiKey: own } : PRESETS[setting]
  return (call, headers) => {
    const tightest = takeAll(limits, rulesFor(rules, call.principal), call)
    if (tightest instanceof Promise) return tightest.then((verdict) => assertWithinLimit(verdict, headers))
    assertWithinLimit(tightest, headers)
  }
}

type Tightest = LimitVerdict | undefined

/** Counts the request under each rule from the `nth`, until one refuses. @returns the verdict nearest to its limit */
function takeAll(
  limits: Limits,
  rules: readonly Rule[],
  call: Call,
  nth = 0,
  tightest?: LimitVerdict,
): Tightest | Promise<Tightest> {
  const rule = rules[nth]
  if (!rule) return tightest
  const subject = (rule.by !== 'ip' && idOf(call.principal, rule.by)) || addressKey(call.ip)
  const next = (verdict: LimitVerdict): Tightest | Promise<Tightest> => {
    if (!verdict.allowed) return verdict
    const isTighter = !tightest || verdict.remaining < tightest.remaining
    return takeAll(limits, rules, call, nth + 1, isTighter ? verdict : tightest)
  }
  const verdict = limits.take(rule.key + subject, rule.max, rule.milliseconds, call.now)
  return verdict instanceof Promise ? verdict.then(next) : next(verdict)
}

const rulesFor = (rules: Rules, principal: Call['principal']): readonly Rule[] =>
  principal === null ? rules.anonymous : principal.method === 'api_key' ? rules.apiKey : rules.session

const idOf = (principal: Call['principal'], by: 'user' | 'key'): string | null =>
  (by === 'key' ? principal?.keyId : principal?.userId) ?? null

/** @throws Problem RATE_LIMIT_EXCEEDED */
function assertWithinLimit(verdict: Tightest, headers: string[]): void {
  if (!verdict) return
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
