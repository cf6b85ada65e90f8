/**
 * Outages of PostgreSQL, each made for real: frozen, stopped, killed, full, read-only, out of connections. While it
 * lasts every request is answered with 503 and `Retry-After`, the server is not ready and still alive; afterwards it
 * serves again without a restart, on no more connections than before.
 */
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Connection } from '../../packages/server/src/base/db/connection.ts'
import { rootCode } from '../../packages/server/src/base/db/faults.ts'
import { makeKey } from '../../packages/server/src/features/access/api-keys/format.ts'
import type { Reply } from '../../packages/server/src/testing/client.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { type Disk, MAY_MOUNT, mountDisk } from '../setup/disk.ts'
import { createDatabase, type Node, recordLog, startNode, statement } from './node.ts'

let cluster: Cluster
let databases = 0
let databaseUrl: string
let node: Node
let log: ReturnType<typeof recordLog>
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.stop())
beforeEach(async () => {
  databaseUrl = await createDatabase(cluster, `outage_${++databases}`)
  log = recordLog()
  node = await startNode(databaseUrl, { log, databasePool: 4 })
})
afterEach(() => node.stop())

let users = 0
const register = (): Promise<Reply> =>
  node.client().post('/api/v1/auth/register', { email: `user${++users}@example.com`, password: PASSWORD })

/** Pages, JSON that reads by `hot`, JSON that writes in a transaction, and a credential that is checked. */
const requests: readonly [string, () => Promise<Reply>][] = [
  ['a registration', register],
  ['a sign-in', () => node.client().post('/api/v1/auth/login', { email: 'ada@example.com', password: PASSWORD })],
  ['a session check', () => node.client().get('/api/v1/auth/me', { headers: { authorization: `Bearer st_${'a'.repeat(43)}` } })],
  ['an API key', () => node.client().get('/api/v1/auth/me', { headers: { 'x-api-key': makeKey('lk', 'live').key } })],
] // biome-ignore format: a table

/** How many connections of the server the database has. */
async function connections(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and application_name like 'latchkey %'`.execute(node.app.tools.db.hot)
  return rows[0]?.count ?? 0
}

async function expectUnavailable(which: readonly string[] = requests.map(([name]) => name)): Promise<void> {
  const chosen = requests.filter(([name]) => which.includes(name))
  const replies = await Promise.all(chosen.map(async ([name, send]) => [name, await send()] as const))
  for (const [name, { status, code, headers }] of replies) {
    expect([name, status, code]).toEqual([name, 503, 'UNAVAILABLE'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  }
}

async function expectServing(): Promise<void> {
  await expect.poll(() => node.ready()).toBe(200)
  expect((await register()).status).toBe(201)
  expect((await node.client().get('/api/v1/auth/me', { headers: { authorization: `Bearer st_${'a'.repeat(43)}` } })).status).toBe(
    401,
  ) // biome-ignore format: it reads as one line
  // 4 for transactions, the pair, and that of LISTEN
  await expect.poll(connections).toBeLessThanOrEqual(7)
}

const alive = async (): Promise<number> => (await fetch(`${node.url}/healthz`)).status

describe('while PostgreSQL is frozen', () => {
  afterEach(() => cluster.signal('SIGCONT'))

  it('requests and readiness are answered with 503; afterwards the server serves, on no more connections', async () => {
    await expectServing()
    await cluster.signal('SIGSTOP')
    const [ready] = await Promise.all([node.client().get('/readyz'), expectUnavailable()])
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await alive()).toBe(200)
    // known by now: refused before a statement is sent
    await Promise.all(Array.from({ length: 20 }, () => expectUnavailable()))
    expect(await node.ready()).toBe(503)
    const { metrics, clock } = node.app.tools
    const text = await metrics.write(clock.now())
    expect(text).toMatch(/^latchkey_db_unreachable_total [1-9]/m)
    expect(text).toMatch(/^latchkey_listen_up\{channel="revocations"\} 0$/m)
    expect(text).toMatch(/^latchkey_metrics_unread [1-9]/m)
    await cluster.signal('SIGCONT')
    await expectServing()
    expect(await metrics.write(clock.now())).toMatch(/^latchkey_metrics_unread 0$/m)
    expect(log.lines.filter((line) => /does not answer|answers again/.test(line))).toEqual([
      'error the database does not answer; requests are refused until it does',
      'info the database answers again',
    ])
    expect(log.lines.filter((line) => line.includes('unexpected'))).toEqual([])
  })

  it('it notices again after each thaw, and jobs run afterwards', async () => {
    for (let round = 0; round < 2; round++) {
      await cluster.signal('SIGSTOP')
      await expectUnavailable()
      await cluster.signal('SIGCONT')
      await expectServing()
    }
    await node.app.settle()
    const { rows } = await sql<{ left: number }>`select count(*)::int as left from latchkey.jobs`.execute(
      node.app.tools.db.hot,
    )
    expect(rows[0]?.left).toBe(0)
  })

  it('the server can be stopped', async () => {
    const other = await startNode(databaseUrl)
    await cluster.signal('SIGSTOP')
    await other.stop()
  })
})

describe('while PostgreSQL is down', () => {
  it.each(['fast', 'immediate'] as const)(
    'after a shutdown (%s) requests get 503 until it is back',
    async (mode) => {
      await cluster.shutDown(mode)
      try {
        await expectUnavailable()
        expect(await node.ready()).toBe(503)
        expect(await alive()).toBe(200)
      } finally {
        await cluster.startAgain()
      }
      await expectServing()
    },
  )

  it('as a standby it serves nothing that writes, and is not ready until it is promoted', async () => {
    await cluster.shutDown()
    await cluster.startAgain({ standby: true })
    try {
      await expect
        .poll(() => register().then(({ status, code }) => [status, code]))
        .toEqual([503, 'UNAVAILABLE'])
      // the reason is known from the failed write
      await expect
        .poll(() => log.lines)
        .toContain('error the database cannot be written to; the server is not ready until it can')
      expect(await node.ready()).toBe(503)
    } finally {
      await statement(`${cluster.superuserUrl}postgres`, 'select pg_promote()')
    }
    await expectServing()
  })

  it('without a free connection a node gets 503, and serves when there is one', async () => {
    const name = new URL(databaseUrl).pathname.slice(1)
    const limit = (most: number) =>
      statement(`${cluster.superuserUrl}postgres`, `alter database ${name} connection limit ${most}`)
    await limit(0)
    await statement(
      `${cluster.superuserUrl}postgres`,
      `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '${name}'`,
    )
    await expectUnavailable()
    expect(await node.ready()).toBe(503)
    await limit(-1)
    await expectServing()
    expect(log.lines.filter((line) => line.includes('free connection'))).toEqual([
      'error PostgreSQL has no free connection; requests that need one are refused until it has',
      'info PostgreSQL has free connections again',
    ])
  })
})

describe('while a transaction of an operator holds a lock', () => {
  it('a request that waits for it gets 503 before the timeout for statements, and others are served', async () => {
    const causes: unknown[] = []
    await node.stop()
    const record = (fields: Record<string, unknown>) => void causes.push(fields.err)
    node = await startNode(databaseUrl, { log: { ...log, warn: record } })
    await expectServing()
    const lock = 'begin; lock table latchkey.users in share row exclusive mode'
    const holder = await Connection.open({ connectionString: databaseUrl }, lock)
    const waiting = register()
    // reads nothing that is locked
    expect((await node.client().get('/readyz')).status).toBe(200)
    const { status, code, headers } = await waiting
    expect([status, code]).toEqual([503, 'UNAVAILABLE'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    // not 57014, the timeout for statements
    expect(causes.map(rootCode)).toContain('55P03')
    await holder.plain('rollback')
    await holder.close()
    await expectServing()
  })
})

describe.runIf(MAY_MOUNT)('while the disk of PostgreSQL is full', () => {
  let disk: Disk
  beforeEach(async () => {
    disk = await mountDisk(40)
  })
  afterEach(async () => {
    await node.stop()
    await statement(`${cluster.superuserUrl}postgres`, `drop database if exists full_disk`)
    await statement(`${cluster.superuserUrl}postgres`, `drop tablespace if exists small`)
    await disk.remove()
  })

  it('writes get 503, the server is not ready, and both end when there is room again', async () => {
    const place = join(disk.folder, 'tablespace')
    await mkdir(place)
    if (cluster.account) await chown(place, cluster.account.uid, cluster.account.gid)
    const superuser = `${cluster.superuserUrl}postgres`
    await statement(superuser, `create tablespace small owner latchkey location '${place}'`)
    await statement(superuser, 'create database full_disk owner latchkey tablespace small')
    await node.stop()
    node = await startNode(`${cluster.baseUrl}full_disk`, { log })
    await expectServing()

    await disk.fill()
    // what is left inside of the tables' pages is used first
    await expect.poll(async () => (await register()).status, { timeout: 60_000 }).toBe(503)
    await expectUnavailable(['a registration'])
    expect(await node.ready()).toBe(503)
    expect(await alive()).toBe(200)
    expect(log.lines).toContain(
      'error the database cannot be written to; the server is not ready until it can',
    )
    await disk.free()
    await expectServing()
    expect(log.lines).toContain('info the database can be written to again')
  })
})
