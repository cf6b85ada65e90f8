/**
 * An upgrade and its rollback: the server of the previous version serves 200 requests a second on PostgreSQL while this version
 * migrates its database up and down. A migration whose process is killed is begun again by the next one.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../../packages/server/src/testing/client.ts'
import { freePort, PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { blocksOf, differences, Shell, stepsOf } from '../setup/console.ts'
import { createDatabase } from './node.ts'
import { checkOut, findPrevious, migrationsOf, readGuide, SECRET, type Tree, thisTree } from './previous.ts'

const previous = findPrevious()
if (previous.obstacle !== null)
  console.warn(`The previous version did not serve beside the migrations: ${previous.obstacle}.`)

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.stop())

/** Requests a second. */
const RATE = 200
const PER_TURN = 4
const LANES = 8

interface Load {
  /** Answers of each kind of request so far. */
  served: Record<string, number>
  /** Answers that are no success, and requests without an answer. */
  faults: string[]
  end(): Promise<void>
}

/** Signed-in users whose sessions are checked and whose tokens are refreshed, an app that introspects, pages and forms. */
async function startLoad(tree: Tree, databaseUrl: string, url: string): Promise<Load> {
  const app = await tree.command(
    databaseUrl,
    'clients',
    'create',
    '--name',
    'Service',
    '--grants',
    'client_credentials',
  )
  const authorization = `Basic ${Buffer.from(`${app.client_id}:${app.client_secret}`).toString('base64')}`
  const asApp = (path: string, form: Record<string, string>) =>
    new Client(url).post(path, form, { form: true, headers: { authorization } })
  const granted = await asApp('/oidc/token', { grant_type: 'client_credentials' })
  expect(granted.status).toBe(200)
  const lanes = await Promise.all(
    Array.from({ length: LANES }, async (_, n) => {
      const client = new Client(url)
      const email = `load${n}@example.com`
      const registered = await client.post('/api/v1/auth/register', { email, password: PASSWORD })
      expect(registered.status).toBe(201)
      client.csrfToken = registered.data.session.csrf_token
      const issued = await client.post('/api/v1/auth/tokens')
      expect(issued.status).toBeLessThan(300)
      return { client, refreshToken: issued.data.refresh_token as string, isBusy: false }
    }),
  )
  const served: Record<string, number> = {}
  const faults: string[] = []
  const pending = new Set<Promise<void>>()
  const send = (kind: string, sent: Promise<{ status: number; text: string }>): Promise<void> => {
    const answered = sent.then(
      ({ status, text }) => {
        if (status === 200) served[kind] = (served[kind] ?? 0) + 1
        else faults.push(`${kind}: ${status} ${text.slice(0, 300)}`)
      },
      (error: Error) => void faults.push(`${kind}: ${error.message}`),
    )
    pending.add(answered)
    return answered.finally(() => pending.delete(answered))
  }
  let turn = 0
  const timer = setInterval(
    () => {
      const lane = lanes[turn++ % LANES]
      // as many as a slow machine answers: what waits does not pile up
      if (!lane || pending.size > 64) return
      void send('session', lane.client.get('/api/v1/auth/me'))
      void send('session', lane.client.get('/api/v1/auth/me'))
      void send('introspection', asApp('/oidc/introspect', { token: granted.body.access_token }))
      if (turn % 3 === 0) void send('page', new Client(url).get('/sign-in'))
      else if (turn % 3 === 1)
        void send('form', lane.client.patch('/api/v1/users/me', { full_name: `Name ${turn}` }))
      else if (!lane.isBusy) {
        // a refresh token works once: the next of a lane waits for its successor
        lane.isBusy = true
        const refreshed = new Client(url).post('/api/v1/auth/refresh', { refresh_token: lane.refreshToken })
        void refreshed.then(({ data }) => {
          lane.refreshToken = data?.refresh_token ?? lane.refreshToken
          lane.isBusy = false
        })
        void send('refresh', refreshed)
      }
    },
    (1000 / RATE) * PER_TURN,
  )
  return {
    served,
    faults,
    async end() {
      clearInterval(timer)
      await Promise.all(pending)
    },
  }
}

describe('an upgrade', () => {
  it.runIf(previous.obstacle === null)(
    'of a database, and its rollback, fail no request of the previous version, whose sessions both versions know',
    async () => {
      const databaseUrl = await createDatabase(cluster, 'upgrade')
      const tree = await checkOut(previous.commit)
      const now = thisTree()
      const server = await tree.start(databaseUrl)
      try {
        const before = await migrationsOf(tree)
        const added = (await migrationsOf(now)).filter((name) => !before.includes(name))
        const load = await startLoad(tree, databaseUrl, server.url)
        const more = async () => {
          const from = { ...load.served }
          for (const kind of ['session', 'introspection', 'page', 'form', 'refresh'])
            await expect.poll(() => (load.served[kind] ?? 0) - (from[kind] ?? 0)).toBeGreaterThan(10)
        }
        await more()
        const last = before.at(-1) ?? ''
        const plan = await now.command(databaseUrl, 'migrate', 'plan')
        expect(plan).toMatchObject({ previous_version_may_serve: true })
        expect((plan.migrations as { name: string }[]).map(({ name }) => name)).toEqual(added)
        for (let round = 0; round < 2; round++) {
          expect((await now.command(databaseUrl, 'migrate', 'up')).migrations).toEqual(added)
          await more()
          expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
          if (round === 0) {
            // both versions at once, as in a rolling upgrade: what one has begun, the other continues
            const next = await now.start(databaseUrl)
            const client = new Client(next.url)
            const email = 'both@example.com'
            expect((await client.post('/api/v1/auth/register', { email, password: PASSWORD })).status).toBe(
              201,
            )
            const older = new Client(server.url)
            for (const [name, value] of client.cookies) older.cookies.set(name, value)
            expect((await older.get('/api/v1/auth/me')).status).toBe(200)
            await next.stop()
          }
          expect(
            (await now.command(databaseUrl, 'migrate', 'down', '--to', last, '--yes')).migrations,
          ).toEqual(added.toReversed())
          await more()
        }
        await load.end()
        expect(load.faults).toEqual([])
      } finally {
        await server.stop()
        await tree.remove()
      }
    },
  )
})

describe('the guide for upgrades', () => {
  it('leads from a database of before the last migration to this version, and back', async () => {
    const databaseUrl = await createDatabase(cluster, 'guide')
    const now = thisTree()
    const names = await migrationsOf(now)
    const [last = '', newest = ''] = names.slice(-2)
    await now.start(databaseUrl).then((server) => server.stop())
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-guide-'))
    const shell = new Shell(folder, {
      DATABASE_URL: databaseUrl,
      LATCHKEY_PROFILE: 'testing',
      LATCHKEY_PORT: `${await freePort()}`,
      LATCHKEY_SECRET: SECRET,
      LAST: last,
    })
    try {
      const main = join(now.folder, 'packages/server/src/main.ts')
      const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
      await shell.run(`latchkey() { '${process.execPath}' --import '${loader}' '${main}' "$@"; }`)
      const page = await readGuide('upgrading')
      const steps = stepsOf(page)
      expect(steps.map(({ command }) => command)).toEqual([
        'latchkey backup --to before-upgrade.backup',
        'latchkey migrate plan',
        'latchkey migrate up',
        'latchkey doctor',
      ])
      for (const { command, printed } of steps) {
        expect(differences(printed, await shell.run(command)), command).toEqual([])
        // the backup is made by the version before
        if (command === steps[0]?.command)
          await now.command(databaseUrl, 'migrate', 'down', '--to', last, '--yes')
      }
      const [down = ''] = blocksOf(page, 'sh')
      expect(await shell.run(down)).toContain(`Reverted ${newest}`)
    } finally {
      await shell.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('a migration whose process is killed', () => {
  it('leaves nothing, and the next one applies it', async () => {
    const databaseUrl = await createDatabase(cluster, 'killed')
    const now = thisTree()
    const names = await migrationsOf(now)
    const [first = ''] = names
    const connection = new pg.Client({ connectionString: databaseUrl })
    const watch = new pg.Client({ connectionString: databaseUrl })
    await Promise.all([connection.connect(), watch.connect()])
    await now.command(databaseUrl, 'migrate', 'up')
    await now.command(databaseUrl, 'migrate', 'down', '--to', first, '--yes')
    try {
      // all of the second migration is done when it waits to be recorded
      await connection.query('begin; lock table latchkey.migrations in share mode')
      const words = [
        '--import',
        'tsx',
        join(now.folder, 'packages/server/src/main.ts'),
        'migrate',
        'up',
        '--json',
      ]
      const child = spawn(process.execPath, words, {
        cwd: now.folder,
        stdio: 'ignore',
        env: {
          PATH: process.env.PATH,
          DATABASE_URL: databaseUrl,
          LATCHKEY_PROFILE: 'testing',
          LATCHKEY_SECRET: SECRET,
        },
      })
      const ended = once(child, 'exit')
      const waiting = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      await expect.poll(async () => (await watch.query(waiting)).rows.length, { timeout: 60_000 }).toBe(1)
      child.kill('SIGKILL')
      await ended
      await connection.query('commit')
      const made = async () =>
        (await watch.query(`select to_regclass('latchkey.users') is not null as made`)).rows[0].made
      const others = `select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`
      // its session ends with it
      await expect.poll(async () => (await watch.query(others)).rows.length, { timeout: 30_000 }).toBe(0)
      expect(await made()).toBe(false)
      expect((await now.command(databaseUrl, 'migrate', 'up')).migrations).toEqual(names.slice(1))
      expect(await made()).toBe(true)
    } finally {
      await Promise.all([connection.end(), watch.end()])
    }
  })
})
