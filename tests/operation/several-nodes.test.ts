/**
 * Nodes as processes on one database: who runs recurring jobs while one is killed or frozen, and what a node accepts whose clock
 * is two minutes ahead or behind.
 */

import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../../packages/server/src/testing/client.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase } from './node.ts'
import { type SourceServer, thisTree } from './previous.ts'

let cluster: Cluster
let databaseUrl: string
let database: pg.Client
const nodes: Record<string, SourceServer> = {}
beforeAll(async () => {
  cluster = await startCluster()
  databaseUrl = await createDatabase(cluster, 'several')
  await start('a')
  // sees the rows of jobs, which row-level security hides from the owner
  database = new pg.Client({ connectionString: `${cluster.superuserUrl}several` })
  await database.connect()
})
afterAll(async () => {
  await Promise.all(Object.values(nodes).map((node) => node.stop()))
  await database?.end()
  await cluster.stop()
})

const ask = async (text: string) => (await database.query(text)).rows

/** A node, which its sessions at the database name. */
async function start(name: string, offsetMs = 0): Promise<void> {
  const shifted = `--require ${join(import.meta.dirname, 'shifted-clock.cjs')}`
  const env = offsetMs === 0 ? {} : { NODE_OPTIONS: shifted, CLOCK_OFFSET_MS: `${offsetMs}` }
  nodes[name] = await thisTree().start(`${databaseUrl}?application_name=node_${name}`, {
    LATCHKEY_ACCESS_TOKEN_LIFETIME: '5m',
    // one address for all, as behind a proxy: it is the issuer of their tokens
    LATCHKEY_PUBLIC_URL: 'http://localhost:4000',
    ...env,
  })
}
const nodeOf = (name: string): SourceServer => {
  const node = nodes[name]
  if (!node) throw new Error(`the node ${name} does not run`)
  return node
}

describe('recurring jobs', () => {
  /** Each run begins with a claim, which a trigger writes down. */
  beforeAll(() =>
    ask(`create table public.claims (name text, node text);
      create function public.note_claim() returns trigger language plpgsql as $$ begin
        if new.next_at > old.next_at then
          insert into public.claims values (new.name, current_setting('application_name'));
        end if;
        return new;
      end $$;
      alter function public.note_claim() security definer;
      create trigger note_claim after update on latchkey.recurring for each row execute function public.note_claim()`),
  )

  /** Makes every one due. @returns by which node each was run, when all have been */
  async function runAll(): Promise<Record<string, string[]>> {
    await ask('truncate public.claims')
    const due = await database.query(
      `update latchkey.recurring set next_at = now() - interval '1 second' returning name`,
    )
    const claims = () => ask('select name, node from public.claims')
    await expect
      .poll(async () => (await claims()).length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(due.rows.length)
    // several polls later, none has been run again
    await pause(2500)
    const found: Record<string, string[]> = Object.fromEntries(due.rows.map(({ name }) => [name, []]))
    for (const { name, node } of await claims()) found[name]?.push(node)
    return found
  }
  const once = (runs: Record<string, string[]>) => {
    expect(Object.keys(runs).length).toBeGreaterThan(5)
    expect(Object.entries(runs).filter(([, by]) => by.length !== 1)).toEqual([])
    return new Set(Object.values(runs).flat())
  }

  it('run once on one of the nodes; when that is killed, once on the other', async () => {
    await start('b')
    const [runner = ''] = once(await runAll())
    const other = runner === 'node_a' ? 'node_b' : 'node_a'
    nodeOf(runner.slice(5)).child.kill('SIGKILL')
    expect([...once(await runAll())]).toEqual([other])
    await start(runner.slice(5))
  })

  it('run once while a node is frozen, and not again when it continues', async () => {
    nodeOf('a').child.kill('SIGSTOP')
    try {
      expect([...once(await runAll())]).toEqual(['node_b'])
      await ask('truncate public.claims')
    } finally {
      nodeOf('a').child.kill('SIGCONT')
    }
    await expect.poll(() => fetch(`${nodeOf('a').url}/readyz`).then(({ status }) => status)).toBe(200)
    await pause(2500)
    expect(await ask('select name from public.claims')).toEqual([])
    once(await runAll())
  })
})

describe('a node whose clock is off by two minutes', () => {
  const OFF = 120_000
  beforeAll(async () => {
    await Promise.all([start('ahead', OFF), start('behind', -OFF)])
  })

  /** A new user, signed in at a node. */
  async function signIn(name: string): Promise<Client> {
    const client = new Client(nodeOf(name).url)
    const email = `${name}${Math.random().toString(36).slice(2)}@example.com`
    const registered = await client.post('/api/v1/auth/register', { email, password: PASSWORD })
    expect(registered.status).toBe(201)
    client.csrfToken = registered.data.session.csrf_token
    return client
  }
  /** The same browser at another node. */
  function at(name: string, { cookies, csrfToken }: Client): Client {
    const client = new Client(nodeOf(name).url)
    for (const [cookie, value] of cookies) client.cookies.set(cookie, value)
    client.csrfToken = csrfToken
    return client
  }
  const bearer = (name: string, token: string) =>
    new Client(nodeOf(name).url)
      .get('/api/v1/auth/me', { headers: { authorization: `Bearer ${token}` } })
      .then(({ status }) => status)

  it.each([
    ['ahead', 120],
    ['behind', -120],
  ])('that is %s says so when it starts', (name, seconds) => {
    const line = nodeOf(name)
      .output()
      .split('\n')
      .find((text) => text.includes('clock of this machine differs'))
    const { level, difference_s } = JSON.parse(line ?? '{}')
    expect(level).toBe('warn')
    expect(Math.round(difference_s)).toBe(seconds)
    expect(nodeOf('a').output()).not.toContain('clock of this machine differs')
  })

  it.each([
    ['a', 'ahead'],
    ['a', 'behind'],
    ['ahead', 'a'],
    ['behind', 'a'],
    ['behind', 'ahead'],
    ['ahead', 'behind'],
  ])('knows the sessions of others, and others its own: from %s at %s', async (from, to) => {
    const browser = await signIn(from)
    const elsewhere = at(to, browser)
    expect((await elsewhere.get('/api/v1/auth/me')).status).toBe(200)
    // what is ended there has ended here
    expect((await elsewhere.post('/api/v1/auth/logout')).status).toBeLessThan(300)
    await expect.poll(async () => (await browser.get('/api/v1/auth/me')).status).toBe(401)
  })

  it('issues refresh tokens that work once, at any node', async () => {
    for (const [from, to] of [
      ['ahead', 'behind'],
      ['behind', 'ahead'],
    ] as const) {
      const { data } = await (await signIn(from)).post('/api/v1/auth/tokens')
      const refresh = (name: string, token: string) =>
        new Client(nodeOf(name).url).post('/api/v1/auth/refresh', { refresh_token: token })
      const second = await refresh(to, data.refresh_token)
      expect(second.status).toBe(200)
      expect((await refresh(from, second.data.refresh_token)).status).toBe(200)
    }
  })

  it('issues access tokens by its clock: the tokens of one that is ahead are not valid yet, those of one behind are', async () => {
    const tokenOf = async (name: string) =>
      (await (await signIn(name)).post('/api/v1/auth/tokens')).data.access_token as string
    const [ahead, behind] = [await tokenOf('ahead'), await tokenOf('behind')]
    expect(await bearer('ahead', ahead)).toBe(200)
    expect(await bearer('a', behind)).toBe(200)
    // it ends two minutes earlier than here, and is valid for three more
    expect(await bearer('ahead', behind)).toBe(200)
    // a minute ahead is tolerated, two are not
    expect(await bearer('a', ahead)).toBe(401)
  })

  it('runs the jobs of others, and they its own', async () => {
    await signIn('ahead')
    await signIn('behind')
    await expect
      .poll(
        async () => (await ask(`select count(*)::int as n from latchkey.jobs where failed_at is null`))[0].n,
      )
      .toBe(0)
  })
})
