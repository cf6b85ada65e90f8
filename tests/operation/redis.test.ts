/**
 * A Redis that is gone, frozen, slow, full, restarted, of another password, read-only or no Redis at all, below two nodes: every
 * request is served, limits still count, each node logs the change and not each request, and both count together again without a restart.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { positioned } from '../../packages/server/src/base/positions.ts'
import { openRedisClient } from '../../packages/server/src/testing/redis-client.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { type RedisServer, startRedis } from '../setup/redis.ts'
import { type Relay, startRelay } from '../setup/relay.ts'
import { createDatabase, type Node, recordLog, startNode } from './node.ts'

let cluster: Cluster
let redis: RedisServer
let relay: Relay
const nodes: Node[] = []
const logs = [recordLog(), recordLog()]
beforeAll(async () => {
  cluster = await startCluster()
  redis = await startRedis()
  relay = await startRelay(redis.url)
  const database = await createDatabase(cluster, 'redis')
  for (const log of logs)
    nodes.push(
      await startNode(database, {
        log,
        rateLimits: 'standard',
        emailVerification: 'off',
        redisUrl: `redis://127.0.0.1:${relay.port}/0`,
        trustedProxies: ['127.0.0.1'],
        // each check is looked up
        cachedCredentials: 1,
      }),
    )
}, 180_000)
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await relay?.stop()
  await redis?.stop()
  await cluster?.stop()
})

let addresses = 0
const address = () => `198.51.${Math.floor(++addresses / 250)}.${addresses % 250}`
async function ask(
  node: number,
  from: string,
  more: RequestInit = {},
  path = '/api/v1/auth/me',
): Promise<number> {
  const { url } = nodes[node] as Node
  const headers = { 'x-forwarded-for': from, 'content-type': 'application/json', ...more.headers }
  const answer = await fetch(url + path, { ...more, headers })
  await answer.arrayBuffer()
  return answer.status
}

/** Requests without a credential, of which 10 a minute are allowed, to both nodes in turn, four at a time. */
async function visits(from: string, times: number): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (let i = 0; i < times; i += 4) {
    const asked = [0, 1, 0, 1].map((node) => ask(node, from))
    for (const status of await Promise.all(asked)) statuses[status] = (statuses[status] ?? 0) + 1
  }
  return statuses
}

let users = 0
/** A user signs up at one node, and both check the sessions. @returns every status */
async function serving(): Promise<number[]> {
  const [from, email] = [address(), `user${++users}@example.com`]
  const post = (path: string, body: object) =>
    fetch((nodes[0] as Node).url + path, {
      method: 'POST',
      headers: { 'x-forwarded-for': from, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const registered = await post('/api/v1/auth/register', { email, password: PASSWORD })
  const signedIn = await post('/api/v1/auth/login', { email, password: PASSWORD })
  const { data } = (await signedIn.json()) as { data?: { token?: string } }
  const headers = { authorization: `Bearer ${data?.token}` }
  const checks: number[] = []
  for (const node of users % 2 === 0 ? [0, 1, 0, 1] : [1, 0, 1, 0])
    checks.push(await ask(node, from, { headers }))
  return [registered.status, signedIn.status, ...checks]
}
const SERVED = [201, 200, 200, 200, 200, 200]

const LOST = 'warn the rate limit store is unreachable: each node counts separately'
const BACK = 'info the rate limit store is reachable again'
const NOT_SHARED = 'warn Redis shares no rows: each node reads them from the database'
const SHARED = 'info Redis shares rows again'

/** Requests of other addresses find out that both nodes count in Redis and share rows. */
async function recovered(): Promise<void> {
  for (const [node, log] of logs.entries()) {
    const isEven = (one: string, other: string) =>
      log.lines.filter((line) => line === one).length === log.lines.filter((line) => line === other).length
    await expect
      .poll(
        async () => {
          await ask(node, address())
          await serving()
          return isEven(LOST, BACK) && isEven(NOT_SHARED, SHARED)
        },
        { timeout: 15_000 },
      )
      .toBe(true)
  }
}

const command = async (...words: [string, ...string[]]): Promise<void> => {
  const client = openRedisClient(redis.url)
  try {
    await client.call(...words)
  } finally {
    client.disconnect()
  }
}

/** One line for each change of state; on a machine that gives Redis no time for a tenth of a second there are a few. */
const expectFew = (lines: readonly string[], text: string): void => {
  const { length } = lines.filter((line) => line === text)
  expect(length).toBeGreaterThan(0)
  expect(length).toBeLessThan(4)
}
/** Both nodes count together, for one of some addresses at the least. */
const expectOneLimit = () =>
  expect.poll(() => visits(address(), 32), { timeout: 15_000 }).toEqual({ 401: 10, 429: 22 })

/** The metric, as a scraper would read it. */
async function isUp(): Promise<number> {
  const { metrics, clock } = (nodes[0] as Node).app.tools
  const text = await metrics.write(clock.now())
  return Number(/^latchkey_redis_up (\d)$/m.exec(text)?.[1])
}

type Fault = [name: string, begin: () => Promise<void> | void, end: () => Promise<void> | void]
const FAULTS: Fault[] = [
  ['is gone', () => redis.kill(), () => redis.startAgain()],
  ['accepts no connections', () => relay.set({ refuses: true }), () => relay.set({ delay: 0 })],
  ['is frozen', () => redis.signal('SIGSTOP'), () => redis.signal('SIGCONT')],
  ['is slow', () => relay.set({ delay: 400 }), () => relay.set({ delay: 0 })],
  ['is full', () => command('config', 'set', 'maxmemory', '1'), () => command('config', 'set', 'maxmemory', '0')],
  ['is a read-only replica', () => command('replicaof', '127.0.0.1', '1'), () => command('replicaof', 'no', 'one')],
  ['speaks another protocol', () => relay.set({ answers: 'HTTP/1.1 400 Bad Request\r\n\r\n' }), () => relay.set({ delay: 0 })],
  ['answers with other values', () => relay.set({ answers: ':42\r\n' }), () => relay.set({ delay: 0 })],
] // biome-ignore format: a table

describe('while Redis', () => {
  it.each(FAULTS)(
    '%s, requests are served and limits count',
    { timeout: 60_000 },
    async (_name, begin, end) => {
      const [before, during] = [address(), address()]
      expect(await visits(before, 8)).toEqual({ 401: 8 })
      expect(await serving()).toEqual(SERVED)
      await recovered()
      expect(await isUp()).toBe(1)
      for (const { lines } of logs) lines.length = 0
      await begin()
      try {
        const counted = await visits(during, 32)
        expect(Object.keys(counted)).toEqual(['401', '429'])
        // one limit a node at the most
        expect(counted[401]).toBeGreaterThanOrEqual(10)
        expect(counted[401]).toBeLessThanOrEqual(20)
        // what a node has allowed before counts there
        expect((await visits(before, 32))[401]).toBeLessThanOrEqual(12)
        expect(await serving()).toEqual(SERVED)
        expect(await serving()).toEqual(SERVED)
        for (const { lines } of logs) {
          expectFew(lines, LOST)
          expect(lines.filter((line) => line === NOT_SHARED).length).toBeLessThan(4)
          expect(lines.filter((line) => line === BACK || line === SHARED)).toEqual([])
          expect(lines.filter((line) => line.startsWith('error'))).toEqual([])
        }
      } finally {
        await end()
      }
      await recovered()
      for (const { lines } of logs) {
        expectFew(lines, BACK)
        expect(lines.filter((line) => line === SHARED).length).toBeLessThan(4)
      }
      await expectOneLimit()
      expect(await serving()).toEqual(SERVED)
    },
  )

  it('demands a password that the URL does not have, requests are served, and counted when it has it', async () => {
    await recovered()
    for (const { lines } of logs) lines.length = 0
    await command('config', 'set', 'requirepass', 'other')
    const client = openRedisClient(redis.url, 'other')
    await client.call('client', 'kill', 'type', 'normal', 'skipme', 'yes')
    expect(Object.keys(await visits(address(), 32))).toEqual(['401', '429'])
    expect(await serving()).toEqual(SERVED)
    for (const { lines } of logs) expectFew(lines, LOST)
    await client.call('config', 'set', 'requirepass', '')
    client.disconnect()
    await recovered()
    await expectOneLimit()
  })

  it('takes longer than the database, but answers, requests are counted together', async () => {
    for (const { lines } of logs) lines.length = 0
    await relay.set({ delay: 40 })
    await expectOneLimit()
    expect(await serving()).toEqual(SERVED)
    await relay.set({ delay: 0 })
  })

  it('has other things under the names of counters, these are counted from none', async () => {
    const from = address()
    expect(await visits(from, 4)).toEqual({ 401: 4 })
    for (const { lines } of logs) lines.length = 0
    const client = openRedisClient(redis.url)
    for (const name of await client.keys('latchkey:limit:*')) {
      await client.del(name)
      await client.lpush(name, 'x')
    }
    // each node knows what it has allowed itself
    const counted = await visits(from, 32)
    expect(Object.keys(counted)).toEqual(['401', '429'])
    expect(counted[401]).toBeLessThanOrEqual(20)
    for (const name of await client.keys('latchkey:limit:*')) await client.set(name, 'no counter')
    await expectOneLimit()
    client.disconnect()
  })
})

describe('after a crash of PostgreSQL', () => {
  it('what nodes had shared before is used no more, because ids of transactions are used again', async () => {
    const { db, sharedRows } = (nodes[0] as Node).app.tools
    const positionNow = async (): Promise<string> => {
      const { rows } = await sql<{ position: string }>`select 1${positioned(true)}`.execute(db.hot)
      return rows[0]?.position ?? ''
    }
    const run = (position: string): string => position.split(' ')[0] ?? ''
    const before = await positionNow()
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db.hot)
    // the postmaster ends all backends, and recovers without another start
    process.kill(rows[0]?.pid ?? 0, 'SIGKILL')
    await expect
      .poll(() => positionNow().then(run, () => run(before)), { timeout: 20_000 })
      .not.toBe(run(before))
    await expect.poll(() => (nodes[0] as Node).app.tools.changes.isCurrent(), { timeout: 20_000 }).toBe(true)
    await expect.poll(serving, { timeout: 20_000 }).toEqual(SERVED)
    expect(sharedRows?.counts.hits).toBeGreaterThan(0)
  })
})
