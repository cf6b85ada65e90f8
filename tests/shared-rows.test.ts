/**
 * Nodes that share checked credentials through Redis: what another node has read is used, and never after a change, in any
 * interleaving; and who reads or writes Redis gains nothing.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../packages/server/src/base/crypto.ts'
import { makeKey } from '../packages/server/src/features/access/api-keys/format.ts'
import { Client as Caller } from '../packages/server/src/testing/client.ts'
import { withoutListener } from '../packages/server/src/testing/connections.ts'
import { type Nodes, startNodes } from '../packages/server/src/testing/nodes.ts'
import { openRedisClient, type RedisClient } from '../packages/server/src/testing/redis-client.ts'
import { type RedisServer, startRedis } from './setup/redis.ts'
import { type Relay, startRelay } from './setup/relay.ts'

let redis: RedisServer
let relay: Relay
let store: RedisClient
let nodes: Nodes
/** A node that reaches Redis over the relay. */
let slow: Nodes['apps'][number]
beforeAll(async () => {
  redis = await startRedis()
  relay = await startRelay(redis.url)
  store = openRedisClient(redis.url)
  nodes = await startNodes(
    4,
    [
      { databasePool: 4, redisUrl: redis.url },
      { databasePool: 4, redisUrl: redis.url },
      { databasePool: 4, redisUrl: `redis://127.0.0.1:${relay.port}/0` },
      { databasePool: 4, redisUrl: redis.url, sharedCredentials: false },
    ],
    { pool: 8 },
  )
  slow = nodes.apps[2] as typeof slow
})
afterAll(async () => {
  await nodes?.stop()
  store?.disconnect()
  await relay?.stop()
  await redis?.stop()
})
const [A, B, SLOW, APART] = [0, 1, 2, 3]

const padded = (n: number) => String(n).padStart(32, '0')
const userId = (n: number) => `usr_${padded(n)}`
const organizationId = (n: number) => `org_${padded(n)}`
const tokenOf = (n: number) => `st_${sha256(`session ${n}`).toString('base64url')}`
const keys = new Map<number, string>()

let people = 0
/** A user with a session and an API key that act in an organization. @returns their number */
async function person(): Promise<number> {
  const n = ++people
  const { key } = makeKey('lk', 'live')
  keys.set(n, key)
  const hash = (text: string) => `\\x${sha256(text).toString('hex')}`
  await nodes.db.asOwner((line) =>
    line.plain(`
      insert into latchkey.users (id, username, username_key, full_name, status, roles, created_at, updated_at)
      values ('${userId(n)}', 'u${n}', 'u${n}', 'name', 'active', '{viewer}', now(), now());
      insert into latchkey.organizations (id, name, slug, created_at, updated_at)
      values ('${organizationId(n)}', 'a', 'o${n}', now(), now());
      insert into latchkey.memberships (organization_id, user_id, role, joined_at)
      values ('${organizationId(n)}', '${userId(n)}', 'owner', now());
      insert into latchkey.sessions (id, user_id, token_hash, organization_id, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr)
      values ('ses_${padded(n)}', '${userId(n)}', '${hash(tokenOf(n))}', '${organizationId(n)}', now(), now(), now(), now() + interval '1 day', 86400, false, '{pwd}');
      insert into latchkey.api_keys (id, user_id, name, environment, hint, token_hash, organization_id, created_at)
      values ('key_${padded(n)}', '${userId(n)}', 'k', 'live', 'lk', '${hash(key)}', '${organizationId(n)}', now())`),
  )
  return n
}

type By = 'session' | 'key'
/** What a node answers about a credential: its status, the user's roles and the organization that it acts in. */
async function askNow(node: number, n: number, by: By) {
  const headers: Record<string, string> =
    by === 'session' ? { authorization: `Bearer ${tokenOf(n)}` } : { 'x-api-key': keys.get(n) ?? '' }
  const { status, data } = await new Caller(nodes.urls[node] ?? '', { headers }).get('/api/v1/auth/validate')
  return status === 200 ? { status, roles: data.roles, organization: data.organization_id } : { status }
}
/** The same, once the node uses what is in memory and in Redis: after a second without a request it proves first that it hears changes. */
async function ask(node: number, n: number, by: By) {
  await expect.poll(() => nodes.apps[node]?.tools.changes.isCurrent()).toBe(true)
  return await askNow(node, n, by)
}
const countsOf = (node: number) =>
  ({ ...nodes.apps[node]?.tools.sharedRows?.counts }) as { hits: number; misses: number }
const commit = (change: ReturnType<typeof sql>): Promise<unknown> =>
  nodes.db.tx('system', (tx) => change.execute(tx))
/** Resolves when the nodes have heard of all that was committed. */
const heard = () => Promise.all(nodes.apps.map(({ tools }) => tools.db.heard()))

/** Resolves when positions from now on mean the last change that the node has heard of: it takes marks beside its look-ups. */
async function marked(node: number): Promise<void> {
  await heard()
  for (let i = 0; i < 2; i++) {
    await pause(120)
    expect((await ask(node, 99_998, 'session')).status).toBe(401)
  }
  await pause(50)
}

/** Each change, and what is seen of it. */
type Change = [name: string, by: By[], run: (n: number) => ReturnType<typeof sql>, seen: object]
const BOTH: By[] = ['session', 'key']
const CHANGES: Change[] = [
  ['a sign-out', ['session'], (n) => sql`update sessions set ended_at = now(), end_reason = 'signed_out' where user_id = ${userId(n)}`, { status: 401 }],
  ['a revoked key', ['key'], (n) => sql`update api_keys set revoked_at = now() where user_id = ${userId(n)}`, { status: 401 }],
  ['a new password', ['session'], (n) => sql`update sessions set ended_at = now(), end_reason = 'password_changed' where user_id = ${userId(n)}`, { status: 401 }],
  ['a new token', ['session'], (n) => sql`update sessions set token_hash = sha256('other' || id::bytea) where user_id = ${userId(n)}`, { status: 401 }],
  ['other roles', BOTH, (n) => sql`update users set roles = '{staff}' where id = ${userId(n)}`, { status: 200, roles: ['staff'] }],
  ['a disabled account', ['session'], (n) => sql`update users set status = 'disabled' where id = ${userId(n)}`, { status: 403 }],
  ['a disabled account', ['key'], (n) => sql`update users set status = 'disabled' where id = ${userId(n)}`, { status: 401 }],
  ['a deleted account', BOTH, (n) => sql`delete from users where id = ${userId(n)}`, { status: 401 }],
  ['a policy', BOTH, (n) => sql`insert into security_policies (organization_id, mode, grace_days, since, updated_at) values (${organizationId(n)}, 'require_any', 0, now(), now())`, { status: 200, organization: null }],
  ['an ended membership', BOTH, (n) => sql`delete from memberships where user_id = ${userId(n)}`, { status: 200, organization: null }],
] // biome-ignore format: a table

describe('a checked credential', () => {
  it('is found by a node that has not read it, as the node has it that has, and only once', async () => {
    const n = await person()
    await marked(B)
    for (const by of BOTH) {
      const before = { entries: await store.dbsize(), ...countsOf(B) }
      const read = await ask(A, n, by)
      await expect.poll(() => store.dbsize()).toBe(before.entries + 1)
      expect([await ask(B, n, by), await ask(B, n, by)]).toEqual([read, read])
      expect(countsOf(B)).toEqual({ hits: before.hits + 1, misses: before.misses })
    }
  })

  it('is in Redis for five minutes at most, and under no name or text that is a credential or a user', async () => {
    const n = await person()
    for (const by of BOTH) await ask(A, n, by)
    await expect.poll(() => store.dbsize()).toBeGreaterThan(1)
    for (const name of await store.keys('latchkey:row:*')) {
      expect(name).toMatch(/^latchkey:row:[A-Za-z0-9_-]{8}:[A-Za-z0-9_-]{43}$/)
      expect(await store.pttl(name)).toBeGreaterThan(0)
      expect(await store.pttl(name)).toBeLessThanOrEqual(5 * 60_000)
      expect(await store.get(name)).toMatch(/^v1\.[\w-]+\.[\w-]+$/)
    }
    const names = (await store.keys('*')).join()
    expect(names).not.toContain(tokenOf(n))
    expect(names).not.toContain(userId(n))
  })

  it('is not there where nodes share none', async () => {
    const n = await person()
    const before = await store.dbsize()
    for (const by of BOTH) expect((await ask(APART, n, by)).status).toBe(200)
    await pause(100)
    expect(await store.dbsize()).toBe(before)
    expect(nodes.apps[APART]?.tools.sharedRows).toBeNull()
  })

  it('is read from the database while the LISTEN connection is down', async () => {
    const n = await person()
    for (const by of BOTH) await ask(A, n, by)
    // opens the connection of the test
    await commit(sql`select 1`)
    await withoutListener(nodes.db, async () => {
      await expect.poll(() => nodes.apps.some(({ tools }) => tools.changes.isCurrent())).toBe(false)
      const before = countsOf(B)
      await commit(sql`update users set status = 'disabled' where id = ${userId(n)}`)
      expect((await askNow(B, n, 'session')).status).toBe(403)
      expect((await askNow(B, n, 'key')).status).toBe(401)
      expect(countsOf(B)).toEqual(before)
    })
    await expect.poll(() => nodes.apps.every(({ tools }) => tools.changes.isCurrent())).toBe(true)
    expect((await ask(B, n, 'session')).status).toBe(403)
  })
})

describe('who can write to Redis', () => {
  const nameOf = async (n: number): Promise<string> => {
    const digest = sha256(tokenOf(n)).toString('base64url')
    await expect.poll(async () => (await store.keys(`latchkey:row:*:${digest}`)).length).toBe(1)
    return (await store.keys(`latchkey:row:*:${digest}`))[0] ?? ''
  }

  it('cannot give a credential the entry of another user, nor change one, nor make one', async () => {
    const [own, victim] = [await person(), await person()]
    await commit(sql`update users set roles = '{super_admin}' where id = ${userId(victim)}`)
    await heard()
    await ask(A, own, 'session')
    await ask(A, victim, 'session')
    const [ownName, victimName] = [await nameOf(own), await nameOf(victim)]
    const entry = (await store.get(victimName)) ?? ''
    const mine = (await store.get(ownName)) ?? ''
    const forged = [
      entry,
      `${mine.slice(0, -2)}${mine.endsWith('AA') ? 'BB' : 'AA'}`,
      mine.replace('v1.', 'v2.'),
      '{"name":"x","row":{"user_id":"me"}}',
      '',
      'x'.repeat(1_000_000),
    ]
    for (const text of forged) {
      await store.set(ownName, text)
      const fresh = await person()
      const freshName = ownName.replace(/[^:]+$/, sha256(tokenOf(fresh)).toString('base64url'))
      await store.set(freshName, text)
      const before = countsOf(B).hits
      expect(await ask(B, fresh, 'session')).toMatchObject({ status: 200, roles: ['viewer'] })
      expect(countsOf(B).hits).toBe(before)
    }
    // a credential that there is not
    await store.set(ownName.replace(/[^:]+$/, sha256(tokenOf(99_999)).toString('base64url')), entry)
    expect((await ask(B, 99_999, 'session')).status).toBe(401)
    // another type than text
    const odd = await person()
    await store.lpush(ownName.replace(/[^:]+$/, sha256(tokenOf(odd)).toString('base64url')), 'x')
    expect((await ask(B, odd, 'session')).status).toBe(200)
  })

  it('cannot bring back an entry from before a change', async () => {
    const n = await person()
    await ask(A, n, 'session')
    const name = await nameOf(n)
    const entry = (await store.get(name)) ?? ''
    await commit(
      sql`update sessions set ended_at = now(), end_reason = 'revoked' where user_id = ${userId(n)}`,
    )
    await heard()
    for (let i = 0; i < 5; i++) {
      await store.set(name, entry)
      expect((await ask(B, n, 'session')).status).toBe(401)
      expect((await ask(SLOW, n, 'session')).status).toBe(401)
    }
  })
})

describe('a change', () => {
  const ROUNDS = 30
  it.each(CHANGES)(
    '%s (%j) is seen by nodes that have read nothing yet, each time',
    { timeout: 60_000 },
    async (_name, by, run, seen) => {
      const numbers = await Promise.all(Array.from({ length: ROUNDS }, person))
      const [kind] = by
      for (const credential of by) {
        // in Redis
        await Promise.all(numbers.map((n) => ask(A, n, credential)))
      }
      expect(kind).toBeDefined()
      await Promise.all(numbers.map((n) => commit(run(n))))
      await heard()
      for (const credential of by)
        for (const node of [B, SLOW, A])
          expect(await Promise.all(numbers.map((n) => ask(node, n, credential)))).toEqual(
            numbers.map(() => expect.objectContaining(seen)),
          )
    },
  )

  it('between the read of one node and its entry in Redis, which arrives late, is seen by another', {
    timeout: 60_000,
  }, async () => {
    let late = 0
    await relay.set({ random: 30 })
    const hits = countsOf(B).hits
    for (let round = 0; round < 8; round++) {
      const numbers = await Promise.all(Array.from({ length: 20 }, person))
      // the slow node reads while the change is made, and its entry arrives when the change is long heard of
      await Promise.all(
        numbers.map(async (n) => {
          const read = ask(SLOW, n, 'session')
          await pause(Math.random() * 12)
          await commit(sql`update users set roles = '{staff}' where id = ${userId(n)}`)
          await read
        }),
      )
      await heard()
      for (let again = 0; again < 3; again++) {
        const answers = await Promise.all(numbers.map((n) => ask(again % 2 === 0 ? B : A, n, 'session')))
        late += answers.filter(({ roles }) => roles?.[0] !== 'staff').length
        await pause(10)
      }
    }
    await relay.set({ delay: 0 })
    expect(late).toBe(0)
    // entries from after the change are used
    expect(countsOf(B).hits + countsOf(A).hits).toBeGreaterThan(hits)
  })

  it('of what is used all the time is seen by every node, in any interleaving', {
    timeout: 60_000,
  }, async () => {
    const numbers = await Promise.all(Array.from({ length: 6 }, person))
    const committed = new Map<number, number>()
    const found = { older: 0, reads: 0 }
    let isOver = false
    const write = async (n: number) => {
      for (let value = 1; value <= 40; value++) {
        await commit(sql`update users set roles = ${[`r${value}`]}::text[] where id = ${userId(n)}`)
        await heard()
        committed.set(n, value)
      }
    }
    const read = async (node: number) => {
      while (!isOver) {
        const n = numbers[Math.floor(Math.random() * numbers.length)] as number
        const least = committed.get(n) ?? 0
        const { roles } = await ask(node, n, Math.random() < 0.5 ? 'session' : 'key')
        found.reads += 1
        if (Number(/\d+/.exec(roles?.[0] ?? '')?.[0] ?? 0) < least) found.older += 1
      }
    }
    await relay.set({ random: 15 })
    const hits = () => [A, B, SLOW].reduce((sum, node) => sum + countsOf(node).hits, 0)
    const before = hits()
    const readers = Promise.all([A, A, B, B, SLOW, SLOW].map(read))
    await Promise.all(numbers.slice(0, 4).map(write))
    isOver = true
    await readers
    await relay.set({ delay: 0 })
    expect(found.older).toBe(0)
    expect(found.reads).toBeGreaterThan(100)
    expect(hits()).toBeGreaterThan(before)
    expect(slow.tools.changes.isCurrent()).toBe(true)
  })
})
