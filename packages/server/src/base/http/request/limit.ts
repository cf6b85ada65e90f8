/**
 * Rate limits of requests. An operation with limits uses those; all other requests are counted by the preset for the
 * caller's method of authentication, forms included. Displaying a page is counted only if its operation has limits.
 * Every answer names all windows (draft-ietf-httpapi-ratelimit-headers); `X-RateLimit-*` have room for one: the longest,
 * and in a 429 the one that refused. A request that brings a solved challenge (challenge.ts) counts in a second window
 * when the first is full.
 */
import type { Config } from '../../../config.ts'
import type { Call } from '../../call.ts'
import { duration } from '../../clock.ts'
import { problem } from '../../errors.ts'
import { type Eventual, whenReady } from '../../eventual.ts'
import {
  isRefused,
  type Limits,
  type LimitVerdict,
  type LimitWindow,
  type RateLimits,
} from '../../limits/index.ts'
import type { Cell } from '../../metrics/index.ts'
import type { RateLimit } from '../row/operation.ts'
import type { Row } from '../row/route.ts'
import { addressKey } from './address.ts'
import { type Challenges, isChallenged } from './challenge.ts'

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

/**
 * A promise only if the limits are stored elsewhere, or the solution of a challenge has to be read. `readSolution` is
 * called only where the request would be refused. @throws Problem RATE_LIMIT_EXCEEDED, or rejects with it
 */
export type CountRequest = (
  call: Call,
  headers: string[],
  readSolution?: () => Eventual<string | null>,
) => Eventual<void>

interface Counting {
  limits: RateLimits
  config: Pick<Config, 'rateLimits'>
  /** null: none are offered. */
  challenges: Challenges | null
  /** Counts what is refused, by operation. */
  refusals: (labels: { operation: string }) => Cell
}

/** Of a row, or of an operation that one of its credentials is counted as. */
type CountedFace = Pick<Row, 'kind' | 'method' | 'of'> & {
  anonymous?: true | undefined
  limit?: Row['limit'] | undefined
}

/** Prepared once a row; null if its requests are not counted. */
export function requestCounter(
  row: CountedFace,
  { limits, config, challenges, refusals }: Counting,
): CountRequest | null {
  const setting = config.rateLimits
  if (setting === 'off' || row.anonymous) return null
  const own =
    row.limit === undefined
      ? null
      : [row.limit].flat().map((l: RateLimit) => rule(l.by, l.max, l.per, (l.sharedWith ?? row.of).name))
  if (!own && row.kind === 'page' && row.method === 'GET') return null
  const rules = own ? everyCaller(shortestFirst(own)) : PRESETS[setting]
  const isExact = [row.limit ?? []].flat().some(({ exact }) => exact)
  const counted = isExact ? limits.exact : limits.usual
  const again = challenges && isChallenged(row) ? secondChance(row.of.name, counted, challenges) : null
  const assertWithin: typeof assertWithinLimits = (applied, verdicts, ...rest) => {
    if (isRefused(verdicts)) refusals({ operation: row.of.name }).add()
    assertWithinLimits(applied, verdicts, ...rest)
  }
  return (call, headers, readSolution = noSolution) => {
    const applied = rulesFor(rules, call.principal)
    const windows = windowsOf(applied, call)
    return whenReady(counted.take(windows, call.now), (verdicts) =>
      again && call.principal === null && isRefused(verdicts)
        ? whenReady(readSolution(), (solution) =>
            whenReady(again(call, windows, solution), ({ second, details }) =>
              assertWithin(applied, second ?? verdicts, call.now, headers, details),
            ),
          )
        : assertWithin(applied, verdicts, call.now, headers),
    )
  }
}

const noSolution = (): null => null

interface SecondChance {
  /** The verdicts of the second windows, where the request brought the solution of a challenge. */
  second?: readonly LimitVerdict[]
  /** What a refusal says beside its window. */
  details?: Record<string, unknown>
}

/** Counts a request with a solved challenge in second windows; offers a challenge where these are not full. */
function secondChance(operation: string, limits: Limits, challenges: Challenges) {
  const offered = (call: Call, second: readonly LimitWindow[]): SecondChance =>
    isRefused(limits.look(second, call.now))
      ? {}
      : { details: { challenge: challenges.offer(operation, call) } }
  return (call: Call, windows: readonly LimitWindow[], solution: string | null): Eventual<SecondChance> => {
    const second = windows.map((window) => ({ ...window, key: `again ${window.key}` }))
    const used = solution === null ? null : challenges.check(solution, operation, call)
    if (used === null) return offered(call, second)
    return whenReady(limits.take([...second, ...used], call.now), (verdicts) =>
      // the challenge was used before: the request is one without
      verdicts.length > second.length && isRefused(verdicts)
        ? offered(call, second)
        : { second: verdicts.slice(0, second.length) },
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
  more: SecondChance['details'] = {},
): void {
  // the longest window, or the one that refused
  const verdict = verdicts.at(-1)
  if (!verdict) return
  const { limit, remaining, resetSeconds, windowSeconds } = verdict
  headers.push('x-ratelimit-limit', `${limit}`, 'x-ratelimit-remaining', `${remaining}`)
  headers.push('x-ratelimit-reset', `${Math.ceil(now.getTime() / 1000) + resetSeconds}`)
  headers.push('x-ratelimit-window', `${windowSeconds}`)
  let [policies, states] = ['', '']
  for (let at = 0; at < verdicts.length; at++) {
    const { name, policy } = rules[at] as Rule
    const { remaining, resetSeconds } = verdicts[at] as LimitVerdict
    const separator = at === 0 ? '' : ', '
    policies += `${separator}${policy}`
    states += `${separator}"${name}";r=${remaining};t=${resetSeconds}`
  }
  headers.push('ratelimit-policy', policies, 'ratelimit', states)
  if (verdict.allowed) return
  throw problem('RATE_LIMIT_EXCEEDED', {
    retryAfter: resetSeconds,
    details: { limit, window: windowSeconds, retry_after: resetSeconds, ...more },
  })
}
