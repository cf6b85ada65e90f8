/**
 * What Redis spares a server that finds no credential in memory: the same server without Redis, with Redis where another node has
 * read the session, and with a Redis that is too small to keep any, so that each check reads Redis and the database and writes to
 * Redis. By the CPU time of the server's process per request; limits are off, because Redis would count them, and the profile is
 * that of development, because production does not start without them.
 */
import { startRedis } from '../../tests/setup/redis.ts'
import type { Bench, Row } from '../harness/bench.ts'
import type { Latchkey } from '../harness/latchkey.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const DATABASE = 'auth/validate, from the database'
const FOUND = 'auth/validate, found in Redis'
const NOT_FOUND = 'auth/validate, not found in Redis'

export const sharedRows: Row = {
  name: 'shared-rows',
  title: 'Session checks of a node that has not seen the session',
  async measure(bench) {
    const large = await startRedis()
    bench.onClose(large.stop)
    const small = await startRedis('--maxmemory', '2mb', '--maxmemory-policy', 'allkeys-lru')
    bench.onClose(small.stop)
    const validate = Array.from({ length: PEOPLE }, (_, i) =>
      requestText('GET', '/api/v1/auth/validate', { authorization: `Bearer ${tokenOf(i)}` }),
    )
    const { measured, byCpu } = await contest(bench, [
      await serves(bench, DATABASE, await node(bench, {}), validate),
      await serves(bench, FOUND, await node(bench, { REDIS_URL: large.url }), validate),
      await serves(bench, NOT_FOUND, await node(bench, { REDIS_URL: small.url }), validate),
    ])
    return {
      measured,
      figures: [
        { what: 'found in Redis ÷ from the database, by CPU', value: byCpu(FOUND, DATABASE), unit: '' },
        {
          what: 'not found in Redis ÷ from the database, by CPU',
          value: byCpu(NOT_FOUND, DATABASE),
          unit: '',
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
      LATCHKEY_RATE_LIMITS: 'off',
      LATCHKEY_CACHED_CREDENTIALS: '1000',
      ...env,
    },
  })
