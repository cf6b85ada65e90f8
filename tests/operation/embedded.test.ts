/**
 * Outages of the embedded database, each made for real: its disk is full, full for its write-ahead log, read-only.
 * While it lasts every request is answered with 503, and the server is not ready but alive; what was acknowledged is
 * found afterwards, also when the server is killed. (It never calls fsync: what a failing disk has not written is
 * lost.)
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import type { Database } from '../../packages/server/src/base/db/database.ts'
import { Client, type Reply } from '../../packages/server/src/testing/client.ts'
import { freePort, PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Disk, MAY_FAIL, MAY_MOUNT, mountDisk, mountFailingDisk } from '../setup/disk.ts'
import { type Node, recordLog, startNode } from './node.ts'

const MAIN = join(import.meta.dirname, '../../packages/server/src/main.ts')

let disk: Disk
let node: Node | null = null
let log: ReturnType<typeof recordLog>
let users = 0
const acknowledged = new Set<string>()
afterEach(async () => {
  acknowledged.clear()
  try {
    await node?.stop()
  } finally {
    node = null
    await disk.remove()
  }
})

async function startHere(): Promise<Node> {
  log = recordLog()
  node = await startNode('', { log, databaseUrl: null, dataDir: join(disk.folder, 'data') })
  return node
}

/** A server in a separate process, which can be killed. */
async function startChild(): Promise<{ url: string; end(signal: NodeJS.Signals): Promise<number | null> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'start', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      LATCHKEY_PROFILE: 'testing',
      LATCHKEY_PORT: `${await freePort()}`,
      LATCHKEY_LOG_LEVEL: 'silent',
      LATCHKEY_SECRET: 'a secret of the operation tests, thirty-two characters',
      LATCHKEY_DATA_DIR: join(disk.folder, 'data'),
    },
  })
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => {
      child.stdout.resume()
      resolve(`${data}`)
    }),
  )
  return {
    url: JSON.parse(line).url,
    end(signal) {
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      child.kill(signal)
      return ended
    },
  }
}

async function register(url: string): Promise<Reply> {
  const email = `user${++users}@example.com`
  const reply = await new Client(url).post('/api/v1/auth/register', { email, password: PASSWORD })
  if (reply.status === 201) acknowledged.add(reply.data.user.id)
  return reply
}
const readiness = async (url: string): Promise<number> => (await fetch(`${url}/readyz`)).status

/** Fills what is left inside of the tables' pages, until no write succeeds. */
async function expectRefusals(url: string): Promise<void> {
  await expect.poll(async () => (await register(url)).status, { timeout: 60_000 }).toBe(503)
  for (let n = 0; n < 10; n++) {
    const { status, code, headers } = await register(url)
    expect([status, code, Number(headers.get('retry-after')) > 0]).toEqual([503, 'UNAVAILABLE', true])
  }
  expect(await readiness(url)).toBe(503)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
}

async function expectServing(url: string): Promise<void> {
  await expect.poll(() => readiness(url)).toBe(200)
  expect((await register(url)).status).toBe(201)
}

/** Every registration that was acknowledged is there, and each is whole. */
async function expectNothingLost({ app }: Node): Promise<void> {
  const { rows } = await app.tools.db.tx('system', (tx) =>
    sql<{ id: string; events: number }>`
      select u.id, (select count(*)::int from audit_events a
        where a.user_id = u.id and a.event_type = 'user.registered') as events from users u`.execute(tx),
  )
  const found = new Map(rows.map(({ id, events }) => [id, events]))
  expect([...acknowledged].filter((id) => found.get(id) !== 1)).toEqual([])
  expect(rows.filter(({ events }) => events !== 1)).toEqual([])
}

const switchLog = ({ app }: Node): Promise<unknown> =>
  (app.tools.db as Database).asOwner((connection) => connection.plain('select pg_switch_wal()'))

describe.runIf(MAY_MOUNT)('while the disk of the embedded database is full', () => {
  it('writes get 503 until there is room again', async () => {
    disk = await mountDisk(150)
    const { url } = await startHere()
    await expectServing(url)
    await disk.fill()
    await expectRefusals(url)
    expect(log.lines).toContain(
      'error the database cannot be written to; the server is not ready until it can',
    )
    await disk.free()
    await expectServing(url)
    expect(log.lines).toContain('info the database can be written to again')
    expect(log.lines.filter((line) => line.includes('unexpected'))).toEqual([])
    await node?.stop()
    await expectNothingLost(await startHere())
  })

  it('nothing acknowledged is lost when it is killed then', async () => {
    disk = await mountDisk(150)
    const child = await startChild()
    await expectServing(child.url)
    await disk.fill()
    await expectRefusals(child.url)
    await child.end('SIGKILL')
    await disk.free()
    const { url } = await startHere()
    await expectNothingLost(node as Node)
    await expectServing(url)
  })

  it('it crashes if there is no room for its log, and is opened again when there is', async () => {
    disk = await mountDisk(200)
    const here = await startHere()
    await expectServing(here.url)
    for (let round = 0; round < 2; round++) {
      await disk.fill()
      // nothing may follow the crash: PGlite by itself would answer, or never return
      await expect(
        (async () => {
          for (let n = 0; n < 40; n++) {
            await switchLog(here)
            await register(here.url)
          }
        })(),
      ).rejects.toMatchObject({ name: 'Unreachable' })
      await expectRefusals(here.url)
      await disk.free()
      await expectServing(here.url)
      await expectNothingLost(here)
    }
    const crashes = log.lines.filter((line) => line.includes('embedded database'))
    expect(crashes).toEqual(
      [0, 1].flatMap(() => [
        'error the embedded database has crashed; requests are refused until it can be opened again',
        'info the embedded database has been opened again',
      ]),
    )
    expect(log.lines.filter((line) => line.includes('unexpected'))).toEqual([])
    // it can be stopped while it is down
    await disk.fill()
    for (let n = 0; n < 40; n++) await switchLog(here).catch(() => {})
    await here.stop()
    await disk.free()
    await expectNothingLost(await startHere())
  })
})

describe.runIf(MAY_FAIL)('while the disk of the embedded database is read-only', () => {
  it.each([
    ['stopped', 'SIGTERM', 0],
    ['killed', 'SIGKILL', null],
  ] as const)(
    'writes get 503; %s, repaired and started, it has lost nothing that had reached the disk',
    async (_how, signal, exit) => {
      const failing = await mountFailingDisk(300)
      disk = failing
      const child = await startChild()
      for (let n = 0; n < 20; n++) await expectServing(child.url)
      await failing.fail()
      await expectRefusals(child.url)
      expect(await child.end(signal)).toBe(exit)
      await failing.repair()
      const { url } = await startHere()
      await expectNothingLost(node as Node)
      await expectServing(url)
    },
  )
})
