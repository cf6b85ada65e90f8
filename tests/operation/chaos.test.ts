/**
 * Fifty clients work while PostgreSQL is frozen, stopped, killed, restarted, and while its disk is full. Each request
 * is answered, with success or with 503; what was acknowledged is found afterwards; the server recovers without a
 * restart.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { type Disk, MAY_MOUNT, mountDisk } from '../setup/disk.ts'
import { createDatabase, type Node, recordLog, startNode, statement } from './node.ts'

const CLIENTS = 50

let disk: Disk | null = null
let cluster: Cluster
let node: Node
const log = recordLog()
beforeAll(async () => {
  // as in production: what is acknowledged is on the disk, also when the server is killed
  disk = MAY_MOUNT ? await mountDisk(400) : null
  cluster = await startCluster({ durable: true, ...(disk ? { parent: disk.folder } : {}) })
  node = await startNode(await createDatabase(cluster, 'chaos'), {
    log,
    databasePool: 8,
    databaseTimeout: 2000,
  })
})
afterAll(async () => {
  await cluster.signal('SIGCONT')
  await node?.stop()
  await cluster.stop()
  await disk?.remove()
})

/** What is left inside of the tables' pages is used first. */
async function fillTables(): Promise<void> {
  await disk?.fill()
  await expect.poll(() => node.ready()).toBe(503)
}

/** Until its last segment is full, which PostgreSQL does not survive: it crashes, and cannot recover before there is room. */
async function fillLog(): Promise<void> {
  await disk?.fill()
  for (let n = 0; n < 50 && cluster.isRunning(); n++)
    await statement(`${cluster.superuserUrl}postgres`, 'select pg_switch_wal()').catch(() => {})
  await expect.poll(() => cluster.isRunning()).toBe(false)
}

/** As an operator does it: space is freed, and what has ended is started. */
async function makeRoom(): Promise<void> {
  await disk?.free()
  await expect
    .poll(async () => {
      if (!cluster.isRunning()) await cluster.startAgain()
      return node.ready()
    })
    .toBe(200)
}

type Outage = readonly [string, begin: () => Promise<unknown>, end: () => Promise<unknown>]

const OUTAGES: readonly Outage[] = [
  ['frozen', () => cluster.signal('SIGSTOP'), () => cluster.signal('SIGCONT')],
  ['stopped', () => cluster.shutDown('fast'), () => cluster.startAgain()],
  ['killed', () => cluster.shutDown('immediate'), () => cluster.startAgain()],
  ['frozen again', () => cluster.signal('SIGSTOP'), () => cluster.signal('SIGCONT')],
]
const FULL: readonly Outage[] = [
  ['full', fillTables, makeRoom],
  ['full, its log too', fillLog, makeRoom],
]

/** Fifty clients register users, while these outages follow each other. */
async function survive(name: string, sequence: readonly Outage[]): Promise<void> {
  const acknowledged = new Set<string>()
  const answers: Record<number, number> = {}
  const odd: string[] = []
  /** The request that each client waits for, by the number of outages that began before it. */
  const waiting = new Map<number, number>()
  let outages = 0
  let isOver = false
  const work = async (n: number): Promise<void> => {
    const client = node.client()
    for (let count = 0; !isOver; count++) {
      const email = `${name}${n}n${count}@example.com`
      waiting.set(n, outages)
      const reply = await client.post('/api/v1/auth/register', { email, password: PASSWORD })
      waiting.delete(n)
      answers[reply.status] = (answers[reply.status] ?? 0) + 1
      if (reply.status === 201) acknowledged.add(reply.data.user.id)
      else if (reply.status !== 503 || !(Number(reply.headers.get('retry-after')) > 0)) odd.push(reply.text)
      // a client that was refused waits before it tries again
      if (reply.status === 503) await pause(100)
    }
  }
  const clients = Array.from({ length: CLIENTS }, (_, n) => work(n))
  const more = (status: number, by: number) => {
    const from = answers[status] ?? 0
    return expect.poll(() => (answers[status] ?? 0) - from, { timeout: 60_000 }).toBeGreaterThan(by)
  }
  for (const [, begin, end] of sequence) {
    await more(201, CLIENTS)
    await begin()
    outages += 1
    // every request that began before the outage is answered while it lasts
    await expect.poll(() => [...waiting.values()].filter((began) => began < outages).length).toBe(0)
    await more(503, CLIENTS)
    expect(await node.ready()).toBe(503)
    await end()
    await expect.poll(() => node.ready()).toBe(200)
  }
  await more(201, CLIENTS)
  isOver = true
  await Promise.all(clients)

  expect(odd).toEqual([])
  const { rows } = await node.app.tools.db.tx('system', (tx) =>
    sql<{ id: string; events: number }>`
      select u.id, (select count(*)::int from audit_events a
        where a.user_id = u.id and a.event_type = 'user.registered') as events from users u`.execute(tx),
  )
  const found = new Map(rows.map(({ id, events }) => [id, events]))
  expect([...acknowledged].filter((id) => found.get(id) !== 1)).toEqual([])
  // a registration is whole or absent
  expect(rows.filter(({ events }) => events !== 1)).toEqual([])
  // jobs of before and during the outages run
  await node.app.settle()
  expect(log.lines.filter((line) => line.includes('unexpected error'))).toEqual([])
}

describe('while PostgreSQL fails again and again', () => {
  it('no request of fifty clients hangs or gets a wrong answer, and nothing acknowledged is lost', () =>
    survive('outage', OUTAGES))

  it.runIf(MAY_MOUNT)('nor while its disk is full, and when it has crashed for that', () =>
    survive('full', FULL),
  )
})
