/** compose.yaml without an engine: its database is made by its script, and the server starts with its environment. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { SETTINGS } from '../../packages/server/src/config.ts'
import { freePort } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { readStages, textsOf } from '../setup/packaging/dockerfile.ts'
import { statement } from './node.ts'
import { buildBundle } from './workers.ts'

const ROOT = join(import.meta.dirname, '../..')

interface Service {
  image?: string
  build?: string
  command?: string[]
  environment?: Record<string, string>
  volumes?: string[]
  ports?: string[]
  depends_on?: Record<string, unknown>
}
const { services } = parse(readFileSync(join(ROOT, 'compose.yaml'), 'utf8')) as {
  services: Record<string, Service>
}
/** `${NAME:-default}`, as where nothing is set. */
const filled = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')

let cluster: Cluster
beforeAll(async () => {
  await buildBundle()
  cluster = await startCluster()
}, 180_000)
afterAll(() => cluster.stop())

describe('compose.yaml', () => {
  it('publishes ports on this machine alone, and names files and settings that exist', () => {
    const { latchkey, postgres } = services
    for (const { ports = [] } of Object.values(services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    const names = Object.values(SETTINGS).map(({ env }) => env as string)
    expect(Object.keys(latchkey?.environment ?? {}).filter((name) => !names.includes(name))).toEqual([])
    for (const volume of postgres?.volumes?.filter((one) => one.startsWith('.')) ?? [])
      expect(existsSync(join(ROOT, volume.split(':')[0] ?? '')), volume).toBe(true)
    expect(Object.keys(latchkey?.depends_on ?? {})).toEqual(['postgres'])
    for (const { image, build } of Object.values(services)) expect(image ?? build).toMatch(/^\.$|:[\w.-]*\d/)
  })

  it('is a server that answers, on a database whose role can do no more than it has to', async () => {
    const { latchkey, postgres } = services
    const admin = new URL(`${cluster.superuserUrl}postgres`)
    // that of the tests
    await statement(admin.href, 'drop role latchkey')
    await promisify(execFile)(join(ROOT, 'deploy/postgres/latchkey.sh'), {
      env: {
        PATH: `${cluster.bin}${delimiter}${process.env.PATH}`,
        PGHOST: admin.hostname,
        PGPORT: admin.port,
        POSTGRES_USER: admin.username,
        LATCHKEY_DATABASE_PASSWORD: filled(postgres?.environment?.LATCHKEY_DATABASE_PASSWORD ?? ''),
      },
    })
    const port = await freePort()
    const environment = Object.entries(latchkey?.environment ?? {}).map(([name, value]) => [
      name,
      filled(value).replace('postgres:5432', admin.host),
    ])
    const [entry = []] = textsOf(readStages(join(ROOT, 'Dockerfile'))[1] ?? [], 'ENTRYPOINT').map(
      (text) => JSON.parse(text) as string[],
    )
    expect(entry.at(-1)).toMatch(/latchkey\.cjs$/)
    const server = spawn(
      process.execPath,
      [join(ROOT, 'packages/server/dist/latchkey.cjs'), ...(latchkey?.command ?? [])],
      {
        cwd: tmpdir(),
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          PATH: process.env.PATH,
          ...Object.fromEntries(environment),
          LATCHKEY_PORT: `${port}`,
          LATCHKEY_DRAIN: '0s',
        },
      },
    )
    const ended = once(server, 'exit')
    let log = ''
    server.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    const page = () =>
      fetch(`http://127.0.0.1:${port}/sign-in`).then(
        ({ status }) => status,
        () => 0,
      )
    try {
      await expect.poll(page, { timeout: 60_000 }).toBe(200)
      await expect.poll(() => log).toContain('"setup_link":"http://localhost:4000/setup/')
      expect(log).not.toContain('bypasses row-level security')
    } finally {
      server.kill('SIGTERM')
      await ended
    }
  })
})
