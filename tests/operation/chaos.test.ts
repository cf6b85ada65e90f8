/**
 * Fifty clients work while PostgreSQL is frozen, stopped, killed and restarted. Each request is answered, with success or
 * with 503; what was acknowledged is found afterwards; the server recovers without a restart.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase, type Node, recordLog, startNode } from './node.ts'

const CLIENTS = 50

let cluster: Cluster
let node: Node
const log = recordLog()
beforeAll(async () => {
  // as in production: what is acknowledged is on the disk, also when the server is killed
  cluster = await startCluster({ durable: true })
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
})

const OUTAGES: readonly [string, begin: () => Promise<void>, end: () => Promise<void>][] = [
  ['frozen', () => cluster.signal('SIGSTOP'), () => cluster.signal('SIGCONT')],
  ['stopped', () => cluster.shutDown('fast'), () => cluster.startAgain()],
  ['killed', () => cluster.shutDown('immediate'), () => cluster.startAgain()],
  ['frozen again', () => cluster.signal('SIGSTOP'), () => cluster.signal('SIGCONT')],
]

describe('while PostgreSQL fails again and again', () => {
  it('no request of fifty clients hangs or gets a wrong answer, and nothing acknowledged is lost', async () => {
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
        const email = `client${n}n${count}@example.com`
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
    for (const [, begin, end] of OUTAGES) {
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
  })
})
