/** Two nodes behind a real nginx with kept connections: one, of one process or of several, is stopped under load. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort, PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase, type Node, startNode } from './node.ts'
import { buildBundle, startWorkers } from './workers.ts'

type Stoppable = Pick<Node, 'url' | 'ready' | 'stop'>

let cluster: Cluster
let nodes: Stoppable[] = []
let proxy: { port: number; stop(): Promise<void> }
beforeAll(async () => {
  await buildBundle()
  cluster = await startCluster()
}, 180_000)
afterEach(async () => {
  await proxy?.stop()
  await Promise.all(nodes.map((node) => node.stop()))
})
afterAll(() => cluster.stop())

/** As in the guide: connections to the nodes are kept, and a node that refuses one is passed over. */
async function startProxy(ports: readonly string[]): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-drain-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  await writeFile(
    join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${folder}/pid; worker_processes 1;
    events {} http { access_log off; ${temporary.join(' ')}
      upstream nodes { ${ports.map((one) => `server 127.0.0.1:${one} max_fails=1 fail_timeout=1s;`).join(' ')} keepalive 32; }
      server { listen 127.0.0.1:${port};
        location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } } }`,
  )
  const env = { PATH: `${process.env.PATH}${delimiter}/usr/sbin` }
  const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], { env })
  await vi.waitUntil(
    () =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    20_000,
  )
  return {
    port,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.kill('SIGTERM')) await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

let agent: Agent

/** One request on a kept connection to the proxy. @returns its status */
const send = (path: string, body?: object): Promise<number> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': text.length }
    const options = { port: proxy.port, path, agent, headers, method: body === undefined ? 'GET' : 'POST' }
    request({ host: '127.0.0.1', ...options }, (res) => {
      res.resume().on('end', () => resolve(res.statusCode ?? 0))
    })
      .on('error', reject)
      .end(text)
  })

describe('a node that is stopped behind a proxy', () => {
  it.each([
    ['in this process', 'drained'],
    ['with two workers', 'drained_workers'],
  ])(
    '%s is not ready before it refuses connections, and no request fails, reading or writing',
    async (how, name) => {
      const databaseUrl = await createDatabase(cluster, name)
      const start = () => startNode(databaseUrl, { drain: 1500, emailVerification: 'off' })
      const other = await start()
      const stopped =
        how === 'with two workers'
          ? await startWorkers(databaseUrl, { env: { LATCHKEY_DRAIN: '1500ms' } })
          : await start()
      nodes = [stopped, other]
      proxy = await startProxy(nodes.map(({ url }) => new URL(url).port))
      agent = new Agent({ keepAlive: true, maxSockets: 24 })
      const statuses: Record<string, number> = {}
      let isOver = false
      let users = 0
      const lane = async (n: number): Promise<void> => {
        while (!isOver) {
          const email = `user${++users}@example.com`
          const status = await (n % 3 === 0
            ? send('/api/v1/auth/register', { email, password: PASSWORD })
            : send('/healthz')
          ).catch((error: NodeJS.ErrnoException) => error.code ?? 'error')
          statuses[status] = (statuses[status] ?? 0) + 1
        }
      }
      const lanes = Array.from({ length: 16 }, (_, n) => lane(n))
      await expect.poll(() => statuses[201] ?? 0).toBeGreaterThan(20)
      const before = { ...statuses }
      const ended = stopped.stop()
      await expect.poll(() => stopped.ready()).toBe(503)
      await ended
      // both it and the one that is left have served in between
      await expect.poll(() => (statuses[201] ?? 0) - (before[201] ?? 0)).toBeGreaterThan(20)
      isOver = true
      await Promise.all(lanes)
      agent.destroy()
      expect(await other.ready()).toBe(200)
      expect(await stopped.ready()).toBe(0)
      expect(Object.keys(statuses).sort()).toEqual(['200', '201'])
    },
  )
})
