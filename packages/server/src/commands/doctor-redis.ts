/** What `doctor` looks at in Redis, and what it advises: a pure function of what Redis says about itself. */
import { systemClock } from '../base/clock.ts'
import { openRedis } from '../base/outbound/redis.ts'

interface RedisReport {
  /** The median of some pings, in milliseconds. */
  latency: number
  /** The lines of INFO by their names; null where Redis does not permit it. */
  info: Readonly<Record<string, string>> | null
}

interface RedisFinding {
  state: 'ok' | 'warn'
  message: string
}

const PINGS = 5
/** Each request waits for its count; beyond a tenth of a second the answer is not waited for. */
const SLOW = 10
const FULL = 0.9
const MIB = 1024 * 1024

/** @throws Error of the connection */
export async function lookAtRedis(url: string): Promise<RedisReport> {
  const client = await openRedis(url)
  try {
    await client.ping()
    const times: number[] = []
    for (let i = 0; i < PINGS; i++) {
      const began = systemClock().ticks()
      await client.ping()
      times.push(systemClock().ticks() - began)
    }
    const info = await client.info().then(readInfo, () => null)
    return { latency: times.sort((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0, info }
  } finally {
    client.close()
  }
}

const readInfo = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]))

/** @returns what it is first, then what to change */
export function judgeRedis(host: string, { latency, info }: RedisReport): RedisFinding[] {
  const about = [`${latency.toFixed(1)} ms`]
  const advice: string[] = []
  if (latency > SLOW)
    advice.push(
      `takes ${latency.toFixed(0)} ms to answer, for which each request waits: use one that is nearer`,
    )
  if (info) {
    const version = info.redis_version ?? 'of an unknown version'
    const [used, most] = [Number(info.used_memory), Number(info.maxmemory)]
    const policy = info.maxmemory_policy ?? ''
    about.push(`Redis ${version}`)
    about.push(`${mib(used)} MiB of ${most > 0 ? `${mib(most)} MiB, ${policy}` : 'unlimited memory'}`)
    if (Number.parseInt(version, 10) < 6) advice.push(`is Redis ${version}: 6 or newer is required`)
    if (info.role === 'slave') advice.push('is a read-only replica: name the primary in REDIS_URL')
    if (most > 0 && policy === 'noeviction' && used > most * FULL)
      advice.push(
        `has used ${mib(used)} of ${mib(most)} MiB and evicts nothing: when it is full, each node counts by itself; raise maxmemory`,
      )
    if (most > 0 && /random|ttl/.test(policy))
      advice.push(
        `evicts by ${policy}, so that counters of rate limits are lost that are in use: set maxmemory-policy to noeviction or allkeys-lru`,
      )
  } else about.push('INFO is not permitted, so that nothing else is known')
  return [
    { state: 'ok', message: `${host} answers: ${about.join(', ')}` },
    ...advice.map((text): RedisFinding => ({ state: 'warn', message: `${host} ${text}` })),
  ]
}

const mib = (bytes: number): string => (Number.isFinite(bytes) ? Math.ceil(bytes / MIB) : 0).toString()
