/** Two nodes on one PostgreSQL database: one signing key, one successor of a refresh token, revocations on both. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withinASecond } from '../packages/guard/src/testing/waiting.ts'
import { type App, createApp } from '../packages/server/src/app.ts'
import { systemCall } from '../packages/server/src/base/call.ts'
import type { Database } from '../packages/server/src/base/db/database.ts'
import { openDatabase } from '../packages/server/src/base/db/index.ts'
import { loadConfig } from '../packages/server/src/config.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { cutListener } from '../packages/server/src/testing/connections.ts'
import { createTestDatabase, quietLog } from '../packages/server/src/testing/database.ts'
import { freePort, PASSWORD } from '../packages/server/src/testing/world.ts'
import { statusOf as me, race, signIn } from './tokens/refreshing.ts'

let apps: App[] = []
let urls: string[] = []
let db: Database
let drop: () => Promise<void>
beforeAll(async () => {
  const made = await createTestDatabase()
  drop = made.drop
  const { databaseUrl } = made
  const config = {
    ...loadConfig(
      { LATCHKEY_PROFILE: 'testing', LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters' },
      { cwd: '/nonexistent' },
    ),
    databaseUrl,
    emailVerification: 'off',
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
  } as const
  apps = await Promise.all(
    [0, 1].map(async () => createApp({ config: { ...config, port: await freePort() }, log: quietLog })),
  )
  urls = (await Promise.all(apps.map((app) => app.start()))).map(({ url }) => url)
  db = await openDatabase({ databaseUrl, dataDir: null, pool: 2, guardNesting: true, log: quietLog })
})
afterAll(async () => {
  await Promise.all(apps.map((app) => app.stop()))
  await db.close()
  await drop()
})

const at = (node: 0 | 1): string => urls[node] ?? ''
const register = async (email: string): Promise<{ email: string }> => {
  const { status } = await new Client(at(0)).post('/api/v1/auth/register', { email, password: PASSWORD })
  expect(status).toBe(201)
  return { email }
}
const revoke = (token: string) => new Client(at(0)).post('/api/v1/auth/revoke', { token })

describe('two nodes', () => {
  it('create one signing key at the first start', async () => {
    const keys = await Promise.all(apps.map((app) => app.tools.keys.list(app.tools.clock.now())))
    expect(keys[0]).toHaveLength(1)
    expect(keys[1]).toEqual(keys[0])
  })

  it('answer the same refresh token with the same successor', { timeout: 600_000 }, async () => {
    const bob = await register('bob@example.com')
    await race(urls, db, await signIn(at(0), bob), 100)
  })

  it('refuse on one a token revoked on the other, within a second', async () => {
    const cyd = await register('cyd@example.com')
    await withinASecond(async () => {
      const { access_token: token } = await signIn(at(0), cyd)
      expect(await me(at(1), token)).toBe(200)
      await revoke(token)
      return async () => (await me(at(1), token)) === 401
    })
  })

  it('accept tokens of each other’s new keys immediately', async () => {
    const dan = await register('dan@example.com')
    const { keys, clock } = apps[0]?.tools ?? {}
    for (let n = 0; n < 5; n++) {
      await keys?.rotate(systemCall(clock?.now() ?? new Date(0)), { immediately: true })
      expect(await me(at(1), (await signIn(at(0), dan)).access_token)).toBe(200)
    }
  })

  it('check the database while the LISTEN connection is down, and receive NOTIFY again afterwards', async () => {
    const fay = await register('fay@example.com')
    const [first, second] = [await signIn(at(0), fay), await signIn(at(0), fay)]
    const revocations = apps[1]?.tools.revocations
    let wasDown = false
    const stop = revocations?.onLine((isLive) => {
      if (!isLive) wasDown = true
    })
    expect(revocations?.isLive()).toBe(true)
    await cutListener(db)
    await expect.poll(() => wasDown).toBe(true)
    await revoke(first.access_token)
    // without the LISTEN connection each check reads the database; a restored connection receives the revocation by NOTIFY
    let isRefused = false
    for (let n = 0; n < 100; n++) {
      const wasLive = revocations?.isLive()
      const status = await me(at(1), first.access_token)
      isRefused ||= status === 401
      if (isRefused || !wasLive) expect(status).toBe(401)
      await pause(10)
    }
    expect(isRefused).toBe(true)
    await expect.poll(() => revocations?.isLive()).toBe(true)
    expect(await me(at(1), second.access_token)).toBe(200)
    await revoke(second.access_token)
    await expect.poll(() => me(at(1), second.access_token)).toBe(401)
    stop?.()
  })
})
