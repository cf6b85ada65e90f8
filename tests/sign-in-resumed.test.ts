/**
 * An attempt is stored in the database: a sign-in is resumed on another node, in another style, and after a restart.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createApp } from '../packages/server/src/app.ts'
import { openDatabase } from '../packages/server/src/base/db/index.ts'
import { type Config, loadConfig } from '../packages/server/src/config.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { createTestDatabase, quietLog, type TestDatabase } from '../packages/server/src/testing/database.ts'
import { freePort } from '../packages/server/src/testing/world.ts'

const OLD = 'Tr0ub4d!or-1'
const LATER = 91 * 86_400_000

let made: TestDatabase
let dataDir: string
const running: App[] = []
beforeAll(async () => {
  made = await createTestDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'latchkey-resumed-'))
})
afterAll(async () => {
  await Promise.all(running.map((app) => app.stop()))
  await made.drop()
  await rm(dataDir, { recursive: true, force: true })
})

/** Starts a node on the shared database. */
async function node(changes: Partial<Config> = {}): Promise<{ app: App; client: Client }> {
  const { databaseUrl, template } = made
  const config: Config = {
    ...loadConfig(
      { LATCHKEY_PROFILE: 'testing', LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters' },
      { cwd: '/nonexistent' },
    ),
    passwordProfile: 'classic',
    emailVerification: 'off',
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
    databaseUrl,
    dataDir,
    port: await freePort(),
    ...changes,
  }
  const options = { databaseUrl, dataDir, pool: 4, guardNesting: true, log: quietLog, template }
  const app = await createApp({ config, database: await openDatabase(options), log: quietLog })
  running.push(app)
  const { url } = await app.start()
  return { app, client: new Client(url) }
}

/** Registers a user, lets the password expire and signs in. @returns the attempt */
async function stopAtPasswordChange(
  { app, client }: Awaited<ReturnType<typeof node>>,
  email: string,
): Promise<string> {
  const registered = await new Client(client.url).post('/api/v1/auth/register', { email, password: OLD })
  expect(registered.status).toBe(201)
  app.tools.clock.advance(LATER)
  const reply = await client.post('/api/v1/auth/login', { email, password: OLD })
  expect([reply.status, reply.code]).toEqual([403, 'PASSWORD_EXPIRED'])
  return String(reply.body.error.details.attempt)
}

const complete = (client: Client, attempt: string, accept = 'application/json') =>
  client.post(
    `/api/v1/auth/attempts/${attempt}/password`,
    { password: 'An0ther-Passw0rt!' },
    { headers: { accept } },
  )

describe('a sign-in that stopped at a step', () => {
  it('is resumed after a restart, in another style', async () => {
    const before = await node()
    const attempt = await stopAtPasswordChange(before, 'restarted@example.com')
    await before.app.stop()
    const after = await node()
    after.app.tools.clock.advance(LATER)
    const pending = await after.client.get(`/api/v1/auth/attempts/${attempt}`)
    expect([pending.status, pending.data.step]).toEqual([200, 'change_password'])
    const reply = await complete(after.client, attempt, 'application/vnd.latchkey.detail+json')
    expect(reply.status).toBe(200)
    expect(reply.body.user.email).toBe('restarted@example.com')
    expect((await after.client.get('/api/v1/auth/me')).status).toBe(200)
    await after.app.stop()
  })

  it('is resumed on another node, and completed once', async () => {
    const one = await node()
    // an embedded database belongs to one process, so the other node starts after the first has stopped
    const attempt = await stopAtPasswordChange(one, 'moved@example.com')
    if (made.databaseUrl === null) await one.app.stop()
    const other = await node()
    other.app.tools.clock.advance(LATER)
    const clients = made.databaseUrl === null ? [other.client] : [one.client, other.client]
    const replies = await Promise.all(clients.map((client) => complete(client, attempt)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { url } of clients) expect((await complete(new Client(url), attempt)).status).toBe(404)
  })
})
