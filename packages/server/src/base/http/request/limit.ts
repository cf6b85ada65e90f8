/**
 * Rate limits of requests. An operation with limits uses those; all other requests are counted by the preset for the
 * caller's method of authentication, forms included. Displaying a page is counted only if its operation has limits.
 * Every answer names all windows (draft-ietf-httpapi-ratelimit-headers); `X-RateLimit-*` have room for one: the longest,
 * and in a 429 the one that refused.
 */
import type { Config } from '../../../config.ts'
import type { Call } from '../../call.ts'
import { duration } from '../../clock.ts'
import { problem } from '../../errors.ts'
import { type Eventual, whenReady } from '../../eventual.ts'
import type { LimitVerdict, LimitWindow, RateLimits } from '../../limits/index.ts'
import type { RateLimit } from '../row/operation.ts'
import type { Row } from '../row/route.ts'
import { addressKey } from './address.ts'

interface Rule {
  by: RateLimit['by'] | 'key'
  max: number
  milliseconds: number
  /** What is counted: the beginning of its keys in the store. */
  key: string
  /** Its name in the headers, and its whole policy there. */
  name: string
  policy: string
}
interface Rules {
  anonymous: readonly Rule[]
  session: readonly Rule[]
  apiKey: readonly Rule[]
}

function rule(by: Rule['by'], max: number, per: string, counted: string): Rule {
  const milliseconds = duration(per)
  const name = `${by}-${per}`
  const policy = `"${name}";q=${max};w=${Math.ceil(milliseconds / 1000)}`
  return { by, max, milliseconds, key: `${counted} ${per} `, name, policy }
}

/** Each from its shortest window to its longest. */
const PRESETS: Record<'standard' | 'single', Rules> = {
  standard: {
    anonymous: [rule('ip', 10, '1m', 'anonymous'), rule('ip', 100, '1h', 'anonymous')],
    session: [rule('user', 50, '1m', 'session'), rule('user', 1000, '1h', 'session')],
    apiKey: [rule('key', 100, '1m', 'api_key'), rule('key', 5000, '1h', 'api_key')],
  },
  single: {
    anonymous: [rule('ip', 100, '1m', 'anonymous')],
    session: [rule('user', 100, '1m', 'session')],
    apiKey: [rule('key', 100, '1m', 'api_key')],
  },
}

/** A promise only if the limits are stored elsewhere. @throws Problem RATE_LIMIT_EXCEEDED, or rejects with it */
export type CountRequest = (call: Call, headers: string[]) => Eventual<void>

/** Of a row, or of an operation that one of its credentials is counted as. */
type CountedFace = Pick<Row, 'kind' | 'method' | 'of'> & {
  anonymous?: true | undefined
  limit?: Row['limit'] | undefined
}

/** Prepared once a row; null if its requests are not counted. */
export function requestCounter(
  row: CountedFace,
  limits: RateLimits,
  setting: Config['rateLimits'],
): CountRequest | null {
  if (setting === 'off' || row.anonymous) return null
  const own =
    row.limit === undefined
      ? null
      : [row.limit].flat().map((l: RateLimit) => rule(l.by, l.max, l.per, (l.sharedWith ?? row.of).name))
  if (!own && row.kind === 'page' && row.method === 'GET') return null
  const rules = own ? everyCaller(shortestFirst(own)) : PRESETS[setting]
  const isExact = [row.limit ?? []].flat().some(({ exact }) => exact)
  const counted = isExact ? limits.exact : limits.usual
  return (call, headers) => {
    const applied = rulesFor(rules, call.principal)
    return whenReady(counted.take(windowsOf(applied, call), call.now), (verdicts) =>
      assertWithinLimits(applied, verdicts, call.now, headers),
    )
  }
}

const everyCaller = (rules: readonly Rule[]): Rules => ({ anonymous: rules, session: rules, apiKey: rules })

/** The shortest window that is full answers a refusal. */
const shortestFirst = (rules: readonly Rule[]): readonly Rule[] =>
  [...rules].sort((a, b) => a.milliseconds - b.milliseconds)

const windowsOf = (rules: readonly Rule[], { principal, ip }: Call): LimitWindow[] =>
  rules.map(({ by, key, max, milliseconds }) => {
    const subject = (by !== 'ip' && idOf(principal, by)) || addressKey(ip)
    return { key: key + subject, max, milliseconds }
  })

const rulesFor = (rules: Rules, principal: Call['principal']): readonly Rule[] =>
  principal === null ? rules.anonymous : principal.method === 'api_key' ? rules.apiKey : rules.session

const idOf = (principal: Call['principal'], by: 'user' | 'key'): string | null =>
  (by === 'key' ? principal?.keyId : principal?.userId) ?? null

/** @throws Problem RATE_LIMIT_EXCEEDED */
function assertWithinLimits(
  rules: readonly Rule[],
  verdicts: readonly LimitVerdict[],
  now: Date,
  headers: string[],
): void {
  // the longest window, or the one that refused
  const verdict = verdicts.at(-1)
  if (!verdict) return
  const { limit, remaining, resetSeconds, windowSeconds } = verdict
  const judged = rules.slice(0, verdicts.length)
  headers.push('x-ratelimit-limit', `${limit}`, 'x-ratelimit-remaining', `${remaining}`)
  headers.push('x-ratelimit-reset', `${Math.ceil(now.getTime() / 1000) + resetSeconds}`)
  headers.push('x-ratelimit-window', `${windowSeconds}`)
  headers.push('ratelimit-policy', judged.map(({ policy }) => policy).join(', '))
  headers.push('ratelimit', judged.map(({ name }, at) => stateOf(name, verdicts[at])).join(', '))
  if (verdict.allowed) return
  throw problem('RATE_LIMIT_EXCEEDED', {
    retryAfter: resetSeconds,
    details: { limit, window: windowSeconds, retry_after: resetSeconds },
  })
}

const stateOf = (name: string, verdict: LimitVerdict | undefined): string =>
  `"${name}";r=${verdict?.remaining ?? 0};t=${verdict?.resetSeconds ?? 0}`
