/** Rate limits over several processes: the workers of one server, and two nodes, with and without Redis. */
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { type RedisServer, startRedis } from '../setup/redis.ts'
import { createDatabase, type Node, recordLog, startNode } from './node.ts'
import { buildBundle, startWorkers } from './workers.ts'

const BUNDLE = join(import.meta.dirname, '../../packages/server/dist/latchkey.cjs')

let cluster: Cluster
let redis: RedisServer
const nodes: Pick<Node, 'stop'>[] = []
beforeAll(async () => {
  await buildBundle()
  cluster = await startCluster()
  redis = await startRedis()
}, 180_000)
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()))
})
afterAll(async () => {
  await redis.stop()
  await cluster.stop()
})

/** Each request opens a connection, so that all workers get some. */
const ask = (url: string, method: 'GET' | 'POST', path: string, body = ''): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(url + path, { method, agent: false, headers }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.once('error', reject).end(body)
  })

async function count(urls: readonly string[], times: number, ...what: ['GET' | 'POST', string, string?]) {
  const statuses: Record<number, number> = {}
  for (let i = 0; i < times; i += 5) {
    const asked = Array.from({ length: 5 }, (_, at) => ask(urls[(i + at) % urls.length] ?? '', ...what))
    for (const status of await Promise.all(asked)) statuses[status] = (statuses[status] ?? 0) + 1
  }
  return statuses
}

/** By the preset for callers without a credential: 10 a minute. */
const visits = (urls: readonly string[], times = 40) => count(urls, times, 'GET', '/api/v1/auth/me')
/** By the exact limit of a sensitive operation: 20 in ten minutes. */
const forgets = (urls: readonly string[], times = 60) =>
  count(urls, times, 'POST', '/api/v1/auth/password/forgot', '{"email":"ada@acme.test"}')

describe('four workers', () => {
  it.each([
    ['without Redis', 'limits_primary', false],
    ['with Redis', 'limits_redis', true],
  ])('%s have one limit, anonymous callers included', async (_how, name, withRedis) => {
    const database = await createDatabase(cluster, name)
    const workers = await startWorkers(database, {
      count: '4',
      env: { LATCHKEY_RATE_LIMITS: 'standard', ...(withRedis && { REDIS_URL: redis.url }) },
    })
    nodes.push(workers)
    const urls = [workers.url]
    expect(await visits(urls)).toEqual({ 401: 10, 429: 30 })
    expect(await forgets(urls)).toEqual({ 200: 20, 429: 40 })
  })
})

async function startNodes(name: string, redisUrl: string | null) {
  const database = await createDatabase(cluster, name)
  const log = recordLog()
  const started: Node[] = []
  for (let i = 0; i < 2; i++)
    started.push(await startNode(database, { rateLimits: 'standard', redisUrl, log }))
  nodes.push(...started)
  return { urls: started.map(({ url }) => url), log }
}

describe('two nodes', () => {
  it('without Redis count sensitive operations together, all other requests each by itself', async () => {
    const { urls } = await startNodes('limits_nodes', null)
    expect(await forgets(urls)).toEqual({ 200: 20, 429: 40 })
    expect(await visits(urls)).toEqual({ 401: 20, 429: 20 })
  })

  it('with Redis have one limit, and each its own while Redis is away: never none, and never an error', async () => {
    await redis.kill()
    await redis.startAgain()
    const { urls, log } = await startNodes('limits_nodes_redis', redis.url)
    expect(await visits(urls)).toEqual({ 401: 10, 429: 30 })
    const forgotten = forgets(urls, 200)
    await redis.kill()
    const statuses = await forgotten
    expect(Object.keys(statuses)).toEqual(['200', '429'])
    expect(statuses[200]).toBeGreaterThanOrEqual(20)
    expect(statuses[200]).toBeLessThanOrEqual(40)
    expect(log.lines).toContain('warn the rate limit store is unreachable: each node counts separately')
    await redis.startAgain()
    // what a node has allowed stays counted there
    expect(await visits(urls, 5)).not.toHaveProperty('500')
    expect(await forgets(urls, 20)).toEqual({ 429: 20 })
  })
})

describe('two nodes of two workers each', () => {
  const startBoth = async (name: string, env: Record<string, string> = {}): Promise<string[]> => {
    const database = await createDatabase(cluster, name)
    const urls: string[] = []
    // one after the other: the first migrates
    for (let i = 0; i < 2; i++) {
      const started = await startWorkers(database, { env: { LATCHKEY_RATE_LIMITS: 'standard', ...env } })
      nodes.push(started)
      urls.push(started.url)
    }
    return urls
  }

  it('with Redis have one limit', async () => {
    await redis.kill()
    await redis.startAgain()
    const urls = await startBoth('limits_both_redis', { REDIS_URL: redis.url })
    expect(await visits(urls)).toEqual({ 401: 10, 429: 30 })
    expect(await forgets(urls)).toEqual({ 200: 20, 429: 40 })
  })

  it('without Redis count sensitive operations together, and all others over the workers of each node', async () => {
    const urls = await startBoth('limits_both')
    expect(await forgets(urls)).toEqual({ 200: 20, 429: 40 })
    expect(await visits(urls)).toEqual({ 401: 20, 429: 20 })
  })
})

describe('doctor', () => {
  const examine = async () => {
    const env = { PATH: process.env.PATH, LATCHKEY_PROFILE: 'testing', REDIS_URL: redis.url }
    const ran = await promisify(execFile)(process.execPath, [BUNDLE, 'doctor', '--json'], {
      cwd: tmpdir(),
      env,
    })
      // a finding of another check may fail
      .catch((error: { stdout: string }) => error)
    const { findings } = JSON.parse(ran.stdout) as {
      findings: { check: string; state: string; message: string }[]
    }
    return findings.find(({ check }) => check === 'redis')
  }

  it('says whether Redis answers', async () => {
    expect(await examine()).toMatchObject({
      state: 'ok',
      message: expect.stringMatching(
        new RegExp(
          `^${new URL(redis.url).host} answers: [\\d.]+ ms, Redis \\d[\\d.]+, \\d+ MiB of unlimited memory$`,
        ),
      ),
    })
    await redis.kill()
    expect(await examine()).toMatchObject({ state: 'warn', message: expect.stringContaining('ECONNREFUSED') })
    await redis.startAgain()
  })
})
