/**
 * What counting requests costs a session check: the same server without limits, with limits in memory, and with limits in
 * Redis, by the CPU time of the server process per request. Every request is counted and none refused: each session
 * sends few. The development profile, because production does not start without limits.
 */
import { startRedis } from '../../tests/setup/redis.ts'
import type { Bench, Row } from '../harness/bench.ts'
import type { Latchkey } from '../harness/latchkey.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const WITHOUT = 'auth/validate, no limits'
const MEMORY = 'auth/validate, limits in memory'
const REDIS = 'auth/validate, limits in Redis'

export const limits: Row = {
  name: 'limits',
  title: 'Rate limits of a session check',
  async measure(bench) {
    const redis = await startRedis()
    bench.onClose(redis.stop)
    const validate = Array.from({ length: PEOPLE }, (_, i) =>
      requestText('GET', '/api/v1/auth/validate', { authorization: `Bearer ${tokenOf(i)}` }),
    )
    const { measured, byCpu } = await contest(bench, [
      await serves(bench, WITHOUT, await node(bench, { LATCHKEY_RATE_LIMITS: 'off' }), validate),
      await serves(bench, MEMORY, await node(bench, {}), validate),
      await serves(bench, REDIS, await node(bench, { REDIS_URL: redis.url }), validate),
    ])
    const cost = (name: string) => measured.find(({ contender }) => contender === name)?.cpuMicroseconds ?? 0
    return {
      measured,
      figures: [
        { what: 'in memory ÷ without, by CPU', value: byCpu(WITHOUT, MEMORY), unit: '', atMost: 1.1 },
        {
          what: 'Redis, more than without, by CPU',
          value: cost(REDIS) - cost(WITHOUT),
          unit: 'µs',
          atMost: 25,
        },
      ],
      notes: [],
    }
  },
}

const node = (bench: Bench, env: Record<string, string>): Promise<Latchkey> =>
  bench.node({
    env: {
      LATCHKEY_PROFILE: 'development',
      LATCHKEY_RATE_LIMITS: 'standard',
      LATCHKEY_CACHED_CREDENTIALS: String(2 * PEOPLE + 10),
      ...env,
    },
  })
