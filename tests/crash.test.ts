/**
 * Crash recovery: a server that is killed during its work (kill -9, by its pid) loses nothing that it acknowledged and
 * leaves nothing half written. The next server starts on the same data, even if the lock of the embedded database is
 * still there. PGlite survives a killed process, but not a power failure.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../packages/server/src/base/db/index.ts'
import { Client, type Json } from '../packages/server/src/testing/client.ts'
import { createTestDatabase, quietLog, type TestDatabase } from '../packages/server/src/testing/database.ts'
import { freePort, PASSWORD } from '../packages/server/src/testing/world.ts'

const ROOT = join(import.meta.dirname, '..')
const BUNDLE = join(ROOT, 'packages/server/dist/latchkey.cjs')

interface Running {
  url: string
  child: ChildProcess
  /** Ends it with the signal. @returns its output */
  end(signal: NodeJS.Signals): Promise<string>
}

let database: TestDatabase
let folder: string
const children: ChildProcess[] = []
beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  database = await createTestDatabase()
  folder = await mkdtemp(join(tmpdir(), 'latchkey-crash-'))
}, 180_000)
afterEach(() => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

async function start(): Promise<Running> {
  const port = await freePort()
  const child = spawn(process.execPath, [BUNDLE, 'start', '--json'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      LATCHKEY_PROFILE: 'testing',
      LATCHKEY_PORT: `${port}`,
      LATCHKEY_DATA_DIR: join(folder, 'data'),
      LATCHKEY_SECRET: 'a secret of the crash tests, thirty-two characters',
      LATCHKEY_LOG_LEVEL: 'error',
      // cheap hashes: many registrations are under way when it is killed
      LATCHKEY_ARGON2_MEMORY_KIB: '1024',
      ...(database.databaseUrl === null ? {} : { DATABASE_URL: database.databaseUrl }),
    },
  })
  children.push(child)
  let written = ''
  child.stdout.on('data', (chunk) => (written += chunk))
  child.stderr.on('data', (chunk) => (written += chunk))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `http://127.0.0.1:${port}`
  for (let waited = 0; ; waited += 50) {
    if (child.exitCode !== null || waited > 50_000) throw new Error(`the server did not start: ${written}`)
    const ready = await fetch(`${url}/readyz`).catch(() => null)
    if (ready?.status === 200) break
    await pause(50)
  }
  return {
    url,
    child,
    async end(signal) {
      child.kill(signal)
      await ended
      return written
    },
  }
}

interface Registration {
  id: string
  email: string
}

/** Registers users as fast as possible, and kills the server meanwhile. @returns the acknowledged registrations */
async function registerUntilKilled(server: Running, round: number, enough: number): Promise<Registration[]> {
  const acknowledged: Registration[] = []
  let killed: Promise<string> | null = null
  const register = async (lane: number): Promise<void> => {
    const client = new Client(server.url)
    for (let n = 0; ; n += 1) {
      const email = `r${round}l${lane}n${n}@example.com`
      const reply = await client
        .post('/api/v1/auth/register', { email, password: PASSWORD })
        .catch(() => null)
      if (reply === null) return
      if (reply.status === 201) acknowledged.push({ id: reply.data.user.id, email })
      else if (killed === null) throw new Error(`${reply.status}: ${reply.text}`)
      // while the other lanes have requests under way
      if (acknowledged.length >= enough) killed ??= server.end('SIGKILL')
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, lane) => register(lane)))
  await killed
  return acknowledged
}

async function outbox(url: string): Promise<Json[]> {
  return (await new Client(url).get('/dev/outbox.json?limit=500')).body
}

describe('a server that is killed during registrations', () => {
  it('loses nothing that it acknowledged, and the next server continues its jobs', {
    timeout: 180_000,
  }, async () => {
    const acknowledged: Registration[] = []
    for (let round = 0; round < 2; round += 1) {
      const server = await start()
      acknowledged.push(...(await registerUntilKilled(server, round, 25)))
      expect(server.child.signalCode).toBe('SIGKILL')
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(50)

    const server = await start()
    // the next server runs the jobs of the killed one, so every e-mail is written
    const missing = async () => {
      const to = new Set((await outbox(server.url)).map((email) => email.to))
      return acknowledged.filter(({ email }) => !to.has(email))
    }
    // a job that the killed server had leased is free after the lease expires
    const moved = await new Client(server.url).post('/dev/clock', { advance: '15m' })
    expect(moved.status).toBe(200)
    expect(await missing()).toEqual([])
    // the next server accepts requests
    const last = acknowledged.at(-1)
    const email = (await outbox(server.url)).find(({ to }) => to === last?.email)
    const token = new URL(email.links.find((link: string) => link.includes('verify-email'))).searchParams.get(
      'token',
    )
    const client = new Client(server.url)
    expect((await client.post('/api/v1/auth/verify-email', { token })).status).toBe(200)
    await client.signIn(last?.email ?? '', PASSWORD)
    await server.end('SIGTERM')
    expect(server.child.exitCode).toBe(0)

    const db = await openDatabase({
      databaseUrl: database.databaseUrl,
      dataDir: database.databaseUrl === null ? join(folder, 'data') : null,
      pool: 2,
      guardNesting: true,
      log: quietLog,
    })
    try {
      const users = await db.tx('system', async (tx) => {
        const rows = await sql<{
          id: string
          emails: number
          passwords: number
          events: number
          status: string
        }>`
          select u.id, u.status,
            (select count(*)::int from emails e where e.user_id = u.id) as emails,
            (select count(*)::int from passwords p where p.user_id = u.id) as passwords,
            (select count(*)::int from audit_events a where a.user_id = u.id and a.event_type = 'user.registered') as events
          from users u`.execute(tx)
        return rows.rows
      })
      const there = new Set(users.map(({ id }) => id))
      expect(acknowledged.filter(({ id }) => !there.has(id))).toEqual([])
      expect(
        users.filter(({ emails, passwords, events }) => emails !== 1 || passwords !== 1 || events !== 1),
      ).toEqual([])
      const strays = await db.tx('system', async (tx) => {
        const rows = await sql<{ user_id: string }>`
          select user_id from audit_events a
          where event_type = 'user.registered' and not exists (select from users u where u.id = a.user_id)`.execute(
          tx,
        )
        return rows.rows
      })
      expect(strays).toEqual([])
    } finally {
      await db.close()
    }
  })

  it('leaves no lock that blocks the next server; a running server keeps its lock', {
    timeout: 120_000,
  }, async () => {
    const first = await start()
    if (database.databaseUrl === null) {
      await expect(start()).rejects.toThrow(/already runs on/)
    }
    await first.end('SIGKILL')
    if (database.databaseUrl === null) expect(existsSync(join(folder, 'data'))).toBe(true)
    const second = await start()
    expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
    await second.end('SIGTERM')
    expect(second.child.exitCode).toBe(0)
  })
})
