/** The workers of one server under load: replaced one by one, killed, and left without their primary process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Connection } from '../../packages/server/src/base/db/connection.ts'
import { Client } from '../../packages/server/src/testing/client.ts'
import { startOtlpReceiver } from '../../packages/server/src/testing/otlp-receiver.ts'
import { freePort, PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase } from './node.ts'
import { buildBundle, startWorkers, type Workers, type WorkersOptions } from './workers.ts'

let cluster: Cluster
let workers: Workers
beforeAll(async () => {
  await buildBundle()
  cluster = await startCluster()
}, 180_000)
afterEach(() => workers?.stop())
afterAll(() => cluster.stop())

const open = async (name: string, options: WorkersOptions = {}): Promise<Workers> => {
  workers = await startWorkers(await createDatabase(cluster, name), options)
  return workers
}

/** Requests without a pause on as many lanes, reading and writing, on kept connections and on new ones. */
function load(url: string) {
  const agent = new Agent({ keepAlive: true })
  const outcomes: Record<string, number> = {}
  let isOver = false
  let users = 0
  const send = (path: string, isKept: boolean, body = ''): Promise<string> =>
    new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const method = body ? 'POST' : 'GET'
      request(url + path, { method, agent: isKept && agent, headers }, (res) => {
        res.resume().on('end', () => resolve(`${res.statusCode}`))
      })
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
        .end(body)
    })
  const lane = async (n: number): Promise<void> => {
    while (!isOver) {
      const outcome =
        n % 4 === 0
          ? await send(
              '/api/v1/auth/register',
              n % 8 === 0,
              JSON.stringify({ email: `user${++users}@example.com`, password: PASSWORD }),
            )
          : await send('/readyz', n % 2 === 0)
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  }
  const lanes = Array.from({ length: 16 }, (_, n) => lane(n))
  return {
    outcomes,
    registered: () => outcomes[201] ?? 0,
    async stop() {
      isOver = true
      await Promise.all(lanes)
      agent.destroy()
      return outcomes
    },
  }
}

const hangUp = () => workers.child.kill('SIGHUP')
const replaced = (times: number) =>
  expect
    .poll(() => workers.messages().filter((text) => text === 'the workers have been replaced').length, {
      timeout: 60_000,
    })
    .toBe(times)

describe('SIGHUP', () => {
  it('replaces every worker, and no request fails, on kept connections or on new ones', async () => {
    const { url, pids } = await open('rolled')
    const before = await pids()
    const { registered, stop } = load(url)
    await expect.poll(registered).toBeGreaterThan(10)
    hangUp()
    await replaced(1)
    const after = await pids()
    const sofar = registered()
    await expect.poll(registered).toBeGreaterThan(sofar + 10)
    expect(Object.keys(await stop()).sort()).toEqual(['200', '201'])
    expect(after).toHaveLength(2)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
  })

  it('while workers are replaced has them replaced once more', async () => {
    const { pids } = await open('rolled_again')
    const before = await pids()
    hangUp()
    await expect.poll(async () => (await pids()).length).toBe(3)
    hangUp()
    hangUp()
    await replaced(2)
    const after = await pids()
    expect(after).toHaveLength(2)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
  })

  it('brings what `.env` has by then; where it is not valid, the workers keep serving', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'latchkey-workers-'))
    try {
      const settings = join(cwd, '.env')
      await writeFile(settings, 'LATCHKEY_BRAND_NAME=Before\n')
      const { url, pids, messages, ready } = await open('rolled_env', { cwd })
      const brand = async () => /<title>[^<]*/.exec(await (await fetch(`${url}/sign-in`)).text())?.[0]
      expect(await brand()).toContain('Before')
      await writeFile(settings, 'LATCHKEY_BRAND_NAME=After\nLATCHKEY_DRAIN=soon\n')
      const before = await pids()
      hangUp()
      await expect
        .poll(() => messages().some((text) => text.startsWith('a new worker has not started')), {
          timeout: 30_000,
        })
        .toBe(true)
      expect(await pids()).toEqual(before)
      expect([await ready(), await brand()]).toEqual([200, expect.stringContaining('Before')])
      await writeFile(settings, 'LATCHKEY_BRAND_NAME=After\n')
      hangUp()
      await replaced(1)
      expect(await brand()).toContain('After')
    } finally {
      await rm(cwd, { recursive: true, force: true })
    }
  })

  it('to a server without workers changes nothing, and is logged', async () => {
    const { ready, messages } = await open('not_rolled', { count: null })
    hangUp()
    await expect.poll(() => messages().some((text) => text.startsWith('SIGHUP replaces'))).toBe(true)
    expect(await ready()).toBe(200)
  })
})

describe('kill -9 under load', () => {
  it('of each worker in turn loses only what it was answering, and a successor serves', async () => {
    const { url, pids, messages } = await open('killed')
    const { outcomes, registered, stop } = load(url)
    const first = await pids()
    const successors = () => messages().filter((text) => text === 'another worker serves in its place').length
    for (const [n, victim] of first.entries()) {
      const sofar = registered()
      await expect.poll(registered).toBeGreaterThan(sofar + 5)
      process.kill(victim, 'SIGKILL')
      await expect.poll(successors).toBe(n + 1)
    }
    const lost = outcomes.ECONNRESET ?? 0
    const sofar = registered()
    await expect.poll(registered).toBeGreaterThan(sofar + 10)
    expect(Object.keys(await stop()).filter((one) => !['200', '201', 'ECONNRESET'].includes(one))).toEqual([])
    // of two workers' connections at the most
    expect(lost).toBeLessThanOrEqual(32)
    expect((await pids()).filter((pid) => first.includes(pid))).toEqual([])
  })

  it('of the only worker is not the end', async () => {
    const { pids, ready } = await open('killed_alone', { count: '1' })
    const [victim = 0] = await pids()
    process.kill(victim, 'SIGKILL')
    await expect.poll(ready, { timeout: 20_000 }).toBe(200)
    expect(await pids()).not.toContain(victim)
  })

  it('of the primary process ends its workers, which finish what they answer', async () => {
    const { url, pids, child, ready } = await open('killed_primary')
    const orphans = await pids()
    const { registered, stop } = load(url)
    await expect.poll(registered).toBeGreaterThan(10)
    child.kill('SIGKILL')
    const isAlive = (pid: number): boolean => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    }
    await expect.poll(() => orphans.filter(isAlive), { timeout: 20_000 }).toEqual([])
    await stop()
    expect(await ready()).toBe(0)
  })
})

describe('workers', () => {
  it('answer with the metrics of all of them', async () => {
    const port = await freePort()
    const { url } = await open('measured', {
      env: {
        LATCHKEY_ADMIN_EMAIL: 'ada@acme.test',
        LATCHKEY_ADMIN_PASSWORD: PASSWORD,
        LATCHKEY_METRICS_ADDRESS: `127.0.0.1:${port}`,
      },
    })
    const client = new Client(url)
    await client.signIn('ada@acme.test', PASSWORD)
    const { secret } = await client.apiKey({ permissions: ['metrics:read'] })
    const visits = 40
    for (let n = 0; n < visits; n++)
      await (await fetch(`${url}/healthz`, { headers: { connection: 'close' } })).text()
    const read = async (): Promise<string> => {
      const headers = { authorization: `Bearer ${secret}`, connection: 'close' }
      return (await fetch(`${url}/metrics`, { headers })).text()
    }
    // those of the primary process, without a credential; never on the public address
    expect((await fetch(`${url}/metrics`)).status).toBe(401)
    const own = `http://127.0.0.1:${port}`
    expect(await (await fetch(`${own}/healthz`)).text()).toBe('ok\n')
    expect((await fetch(`${own}/api/v1/auth/me`)).status).toBe(404)
    const ofPrimary = async (): Promise<string> => (await fetch(`${own}/metrics`)).text()
    // whichever of them answers
    for (let n = 0; n < 4; n++) {
      const text = n % 2 === 0 ? await read() : await ofPrimary()
      expect(text).toContain('latchkey_processes 2\n')
      expect(text).toContain(
        `latchkey_http_requests_total{route="/healthz",method="GET",status="200"} ${visits}\n`,
      )
    }
  })

  it('share the connections of LATCHKEY_DATABASE_POOL, and `auto` starts one for each core', async () => {
    const count = Math.min(availableParallelism(), 64)
    const { url, pids } = await open('shared_pool', {
      count: 'auto',
      env: { LATCHKEY_DATABASE_POOL: `${count * 3}` },
    })
    expect(await pids()).toHaveLength(count)
    const { registered, stop } = load(url)
    await expect.poll(registered, { timeout: 20_000 }).toBeGreaterThan(50)
    const observer = await Connection.open({ connectionString: `${cluster.baseUrl}postgres` }, '')
    const { rows } = await observer.plain(
      "select pid from pg_stat_activity where datname = 'shared_pool' and application_name like 'latchkey transactions%'",
    )
    await observer.close()
    await stop()
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.length).toBeLessThanOrEqual(count * 3)
  })
})

describe('traces', () => {
  it('are exported by each worker as an instance, and what is left when the server stops', async () => {
    const collector = await startOtlpReceiver()
    onTestFinished(collector.close)
    const { url, stop } = await open('traced', {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, LATCHKEY_TRACE_SAMPLE: '100%' },
    })
    const probe = () => fetch(`${url}/healthz`, { headers: { connection: 'close' } })
    await expect
      .poll(
        async () => {
          await Promise.all(Array.from({ length: 10 }, probe))
          return new Set(collector.spans.map(({ resource }) => resource['service.instance.id'])).size
        },
        { timeout: 60_000 },
      )
      .toBe(2)
    const email = 'last@example.com'
    await new Client(url).post('/api/v1/auth/register', { email, password: PASSWORD })
    await stop()
    const root = collector.spans.find(({ name }) => name === 'POST /api/v1/auth/register')
    const inside = collector.spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId)
    expect(inside.map(({ name }) => name)).toContain('hash password')
    expect(collector.faults).toEqual([])
  })
})
