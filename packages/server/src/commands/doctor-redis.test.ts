import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../../tests/setup/redis.ts'
import { judgeRedis, lookAtRedis } from './doctor-redis.ts'

const MIB = 1024 * 1024
const info = (more: Record<string, string> = {}) => ({
  redis_version: '7.0.15',
  used_memory: String(MIB),
  maxmemory: String(128 * MIB),
  maxmemory_policy: 'allkeys-lru',
  role: 'master',
  ...more,
})
const adviceOn = (more: Record<string, string>, latency = 0.3): string[] =>
  judgeRedis('h:6379', { latency, info: info(more) })
    .slice(1)
    .map(({ message }) => message)

describe('what doctor says about Redis', () => {
  it('is what it is, without advice where nothing is to be changed', () => {
    expect(judgeRedis('h:6379', { latency: 0.31, info: info() })).toEqual([
      { state: 'ok', message: 'h:6379 answers: 0.3 ms, Redis 7.0.15, 1 MiB of 128 MiB, allkeys-lru' },
    ])
    expect(adviceOn({ maxmemory: '0', maxmemory_policy: 'noeviction' })).toEqual([])
    expect(adviceOn({ maxmemory_policy: 'noeviction' })).toEqual([])
  })

  it.each([
    ['an old version', { redis_version: '5.0.14' }, 0.3, /5\.0\.14: 6 or newer/],
    ['a replica', { role: 'slave' }, 0.3, /read-only replica/],
    [
      'a policy that deletes counters in use',
      { maxmemory_policy: 'volatile-ttl' },
      0.3,
      /noeviction or allkeys-lru/,
    ],
    ['another one', { maxmemory_policy: 'allkeys-random' }, 0.3, /noeviction or allkeys-lru/],
    [
      'memory that is nearly full',
      { maxmemory_policy: 'noeviction', used_memory: String(120 * MIB) },
      0.3,
      /120 of 128 MiB.*raise maxmemory/,
    ],
    ['slow answers', {}, 24, /takes 24 ms/],
  ])('is advice on %s', (_what, more, latency, text) => {
    const advice = adviceOn(more, latency)
    expect(advice).toHaveLength(1)
    expect(advice[0]).toMatch(text)
  })

  it('is that it answers where it does not permit more', () => {
    expect(judgeRedis('h', { latency: 1, info: null })).toMatchObject([{ state: 'ok' }])
  })

  describe('of a real one', () => {
    let redis: RedisServer
    beforeAll(async () => {
      redis = await startRedis('--maxmemory', '64mb', '--maxmemory-policy', 'volatile-random')
    })
    afterAll(() => redis?.stop())

    it('is read from it', async () => {
      const found = judgeRedis('h', await lookAtRedis(redis.url))
      expect(found[0]?.message).toMatch(
        /^h answers: [\d.]+ ms, Redis \d+\.\d+\.\d+, \d+ MiB of 64 MiB, volatile-random$/,
      )
      expect(found.at(-1)).toMatchObject({
        state: 'warn',
        message: expect.stringContaining('volatile-random'),
      })
    })

    it('is the error of the connection where there is none', async () => {
      await expect(lookAtRedis('redis://127.0.0.1:1/0')).rejects.toThrow('ECONNREFUSED')
    })
  })
})
