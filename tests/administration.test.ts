/**
 * Revocation by administrators across nodes: a lock, disabling and deletion of an account end its sessions, access
 * tokens, refresh tokens and API keys on another node and at a guard within a second.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latchkey } from '../packages/guard/src/index.ts'
import { type Probe, probe } from '../packages/guard/src/testing/probe.ts'
import { until, withinASecond } from '../packages/guard/src/testing/waiting.ts'
import { type App, createApp } from '../packages/server/src/app.ts'
import type { Database } from '../packages/server/src/base/db/database.ts'
import { openDatabase } from '../packages/server/src/base/db/index.ts'
import { type Config, loadConfig } from '../packages/server/src/config.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { createTestDatabase, quietLog, testDatabaseKind } from '../packages/server/src/testing/database.ts'
import { freePort, PASSWORD } from '../packages/server/src/testing/world.ts'

/** One node with the embedded database, which belongs to one process. */
const nodes = testDatabaseKind() === 'postgres' ? [0, 1] : [0]
let apps: App[] = []
let urls: string[] = []
let db: Database | null = null
let drop: () => Promise<void>
let admin: Client
let guarded: Probe

beforeAll(async () => {
  const made = await createTestDatabase()
  drop = made.drop
  const { databaseUrl, template } = made
  const common = { dataDir: null, guardNesting: true, log: quietLog }
  const config = {
    ...loadConfig(
      { LATCHKEY_PROFILE: 'testing', LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters' },
      { cwd: '/nonexistent' },
    ),
    databaseUrl,
    emailVerification: 'off',
    rateLimits: 'off',
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
  } as Config
  const open = (pool: number) => openDatabase({ ...common, databaseUrl, pool, template })
  apps = await Promise.all(
    nodes.map(async () =>
      createApp({ config: { ...config, port: await freePort() }, log: quietLog, database: await open(6) }),
    ),
  )
  urls = (await Promise.all(apps.map((app) => app.start()))).map(({ url }) => url)
  db = databaseUrl === null ? null : await open(2)
  admin = new Client(urls[0] ?? '')
  const { data } = await new Client(urls[0] ?? '').post('/api/v1/auth/register', {
    email: 'root@example.com',
    password: PASSWORD,
  })
  await (db ?? apps[0]?.tools.db)?.tx('system', (tx) =>
    tx
      .updateTable('users')
      .set({ roles: ['super_admin'] })
      .where('id', '=', data.user.id)
      .execute(),
  )
  await admin.signIn('root@example.com', PASSWORD)
  const key = await admin.apiKey({ permissions: ['revocations:read'] })
  const last = urls.at(-1) ?? ''
  guarded = probe({
    methods: [latchkey({ issuer: config.publicUrl, url: last, credential: key.secret })],
    now: () => apps[0]?.tools.clock.now().getTime() ?? 0,
  })
  await until(() => guarded.guard.state() === 'connected', 'the line')
})
afterAll(async () => {
  guarded.guard.close()
  await Promise.all(apps.map((app) => app.stop()))
  await db?.close()
  await drop()
})

describe('within a second, on another node and at a guard', () => {
  it.each([
    ['a lock', (id: string) => admin.post(`/api/v1/users/${id}/lock`, {})],
    [
      'a lock without end_sessions',
      (id: string) => admin.post(`/api/v1/users/${id}/lock`, { end_sessions: false }),
    ],
    ['disabling', (id: string) => admin.post(`/api/v1/users/${id}/disable`)],
    ['deleting', (id: string) => admin.delete(`/api/v1/users/${id}`)],
  ])('%s ends sessions, tokens and keys', async (what, act) => {
    const last = urls.at(-1) ?? ''
    let trials = 0
    await withinASecond(async () => {
      const email = `${what.replaceAll(' ', '.')}.${++trials}@example.com`
      const other = new Client(last)
      const { data } = await new Client(last).post('/api/v1/auth/register', { email, password: PASSWORD })
      const { data: signedIn } = await other.signIn(email, PASSWORD, { tokens: true })
      const made = await other.apiKey()
      const credentials: string[] = [signedIn.token, signedIn.access_token, made.secret]
      const validate = (credential: string) =>
        new Client(last, { headers: { authorization: `Bearer ${credential}` } }).get('/api/v1/auth/validate')
      const statuses = async () => {
        const replies = credentials.flatMap((one) => [validate(one), guarded.bearer(one)])
        return (await Promise.all(replies)).map(({ status }) => status)
      }
      expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200])
      expect((await act(data.user.id)).status).toBe(200)
      return async () => {
        if (!(await statuses()).every((status) => status > 400)) return false
        const { refresh_token } = signedIn
        expect((await other.post('/api/v1/auth/refresh', { refresh_token })).status).toBe(401)
        const username = email
        const again = await new Client(last).post('/api/v1/auth/login', { username, password: PASSWORD })
        expect(again.status).toBeGreaterThan(400)
        return true
      }
    })
  })
})
