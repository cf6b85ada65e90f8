/** Rate limits of two nodes with one Redis that is killed, frozen and started again while requests arrive. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type RedisServer, startRedis } from '../../../../../tests/setup/redis.ts'
import { route, type Serving, serve } from '../http/testing.ts'
import { openRedis, type Redis, script } from '../outbound/redis.ts'
import { limitsInRedis } from './redis.ts'

const MAX = 20
const row = route({
  name: 'counted',
  summary: 'Test',
  method: 'GET',
  path: '/counted',
  tag: 'Test',
  open: 'a test',
  quiet: 'a test',
  limit: { by: 'ip', max: MAX, per: '1h' },
  input: z.object({}),
  output: z.null(),
  run: async () => ({ data: null }),
})

let redis: RedisServer
const clients: Redis[] = []
const nodes: Serving[] = []

beforeAll(async () => {
  redis = await startRedis()
  for (let i = 0; i < 2; i++) {
    const client = await openRedis(redis.url)
    await client.ping()
    clients.push(client)
    const config = { rateLimits: 'standard', trustedProxies: ['127.0.0.1'] } as const
    nodes.push(
      await serve([row], {
        config: { ...config, trustedProxies: ['127.0.0.1'] },
        store: limitsInRedis(client),
      }),
    )
  }
})
afterAll(async () => {
  for (const client of clients) client.close()
  await redis?.stop()
})

/** That many requests of one address, to both nodes, eight at a time. @returns how often each status was answered */
async function load(requests: number, from: string, during?: () => Promise<void>) {
  const statuses: Record<number, number> = {}
  let left = requests
  const one = async (node: Serving): Promise<void> => {
    while (left-- > 0) {
      const { status } = await node.ask('/counted', { headers: { 'x-forwarded-for': from } })
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  const running = Array.from({ length: 8 }, (_, i) => one(nodes[i % nodes.length] as Serving))
  await during?.()
  await Promise.all(running)
  return statuses
}

/** Requests of other addresses find out that Redis answers again. */
async function backOnBothNodes(): Promise<void> {
  let probe = 0
  for (const node of nodes)
    await expect
      .poll(async () => {
        const from = `198.51.100.${probe++ % 250}`
        await node.ask('/counted', { headers: { 'x-forwarded-for': from } })
        return node.logged.at(-1)?.message
      })
      .toBe('the rate limit store is reachable again')
}

const told = () => nodes.map(({ logged }) => logged.splice(0).map(({ message }) => message))
const LOST = 'the rate limit store is unreachable: each node counts separately'
const BACK = 'the rate limit store is reachable again'

describe('limits in Redis', () => {
  it('are one limit over both nodes', async () => {
    expect(await load(100, '192.0.2.1')).toEqual({ 200: MAX, 429: 80 })
    expect(told()).toEqual([[], []])
  })

  it('are counted by each node, from what it has allowed, while Redis is killed under load; one limit again afterwards', async () => {
    expect(await load(10, '192.0.2.2')).toEqual({ 200: 10 })
    const statuses = await load(400, '192.0.2.2', () => redis.kill())
    // each node knows its share of the first ten, so that both together allow at most twice the limit
    expect(Object.keys(statuses).sort()).toEqual(['200', '429'])
    expect(statuses[200]).toBeGreaterThanOrEqual(MAX - 10)
    expect(statuses[200]).toBeLessThanOrEqual(2 * MAX - 10)
    expect(await load(50, '192.0.2.2')).toEqual({ 429: 50 })

    await redis.startAgain()
    await backOnBothNodes()
    expect(told()).toEqual([[LOST, BACK], [LOST, BACK]]) // biome-ignore format: a row of nodes
    // the new server is empty: what was full stays full, and what is new is counted over both nodes
    expect(await load(50, '192.0.2.2')).toEqual({ 429: 50 })
    expect(await load(100, '192.0.2.3')).toEqual({ 200: MAX, 429: 80 })
  })

  it('are counted by each node while Redis is frozen', async () => {
    expect(await load(10, '192.0.2.4')).toEqual({ 200: 10 })
    redis.signal('SIGSTOP')
    const statuses = await load(200, '192.0.2.4')
    expect(Object.keys(statuses).sort()).toEqual(['200', '429'])
    expect(statuses[200]).toBeLessThanOrEqual(2 * MAX - 10)
    redis.signal('SIGCONT')
    await backOnBothNodes()
    expect(told()).toEqual([[LOST, BACK], [LOST, BACK]]) // biome-ignore format: a row of nodes
    expect(await load(100, '192.0.2.5')).toEqual({ 200: MAX, 429: 80 })
  })
})

describe('the Redis client', () => {
  it('runs a script that the server does not know any more', async () => {
    const [client] = clients as [Redis]
    const two = script('return tonumber(ARGV[1]) * 2')
    expect(await client.run(two, [], [21], Number)).toBe(42)
    await client.run(script(`return redis.call('script', 'flush')`), [], [], String).catch(() => {})
    expect(await client.run(two, [], [21], Number)).toBe(42)
  })

  it('answers an error of a script, and is not lost by it', async () => {
    const [client] = clients as [Redis]
    await expect(client.run(script(`return redis.call('get')`), [], [], String)).rejects.toThrow(
      /number of args/,
    )
    expect(await client.run(script('return 1'), [], [], Number)).toBe(1)
  })

  it('opens without a server, and says why it is not reachable', async () => {
    const client = await openRedis('redis://127.0.0.1:1/0')
    await expect(client.ping()).rejects.toThrow('ECONNREFUSED')
    await expect(client.run(script('return 1'), [], [], Number)).rejects.toThrow()
    client.close()
  })
})
