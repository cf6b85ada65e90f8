/**
 * LATCHKEY_SECRET belongs to the data: another one is refused at the start, and a rotation replaces it while serving.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type App, createApp } from '../packages/server/src/app.ts'
import { type Keyring, keyring } from '../packages/server/src/base/crypto.ts'
import { openDatabase } from '../packages/server/src/base/db/index.ts'
import type { Db } from '../packages/server/src/base/db/types.ts'
import { rotateAll, secretsRotate } from '../packages/server/src/commands/secrets.ts'
import { type Config, loadConfig } from '../packages/server/src/config.ts'
import { codeOf, enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { createTestDatabase, quietLog, type TestDatabase } from '../packages/server/src/testing/database.ts'
import { mailbox } from '../packages/server/src/testing/mailbox.ts'
import { freePort, PASSWORD } from '../packages/server/src/testing/world.ts'

const OLD = 'the old secret of the tests, thirty-two characters'
const NEW = 'the new secret of the tests, thirty-two characters'
const OTHER = 'some other secret of the tests, with enough characters'

let made: TestDatabase
let dataDir: string
let running: App[] = []
beforeEach(async () => {
  made = await createTestDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'latchkey-secrets-'))
})
afterEach(async () => {
  await stopAll()
  await made.drop()
  await rm(dataDir, { recursive: true, force: true })
})
const stopAll = async (): Promise<void> => {
  await Promise.all(running.map((app) => app.stop()))
  running = []
}

interface Node {
  app: App
  client: Client
  warnings: string[]
}

/** Stops the node before, because the embedded database serves one process, and starts one with these secrets. */
async function restart(secret: string, secretPrevious: string | null = null): Promise<Node> {
  await stopAll()
  const { databaseUrl, template } = made
  const config: Config = {
    ...loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd: dataDir }),
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
    databaseUrl,
    dataDir,
    port: await freePort(),
    secret,
    secretPrevious,
  }
  const warnings: string[] = []
  const log = { ...quietLog, warn: (_: object, text: string) => void warnings.push(text) }
  const options = { databaseUrl, dataDir, pool: 4, guardNesting: true, log, template }
  const app = await createApp({ config, database: await openDatabase(options), log })
  running.push(app)
  const { url } = await app.start()
  return { app, client: new Client(url), warnings }
}

const rotateByCommand = async ({ tools }: App): Promise<string> => {
  if (secretsRotate.on !== 'tools') throw new Error('not a command on the tools')
  return (await secretsRotate.run(tools, { values: {}, positionals: [] })).text
}

/** Every sealed text of the database, by column: whichever table has one, also of later versions. */
async function sealedTexts(db: Db): Promise<[column: string, text: string][]> {
  return await db.tx('system', async (tx) => {
    const columns = await sql<{ name: string; column: string }>`
      select table_name::text as name, column_name::text as column from information_schema.columns
      where table_schema = 'latchkey' and data_type = 'text' and table_name <> 'migrations'`.execute(tx)
    const found: [string, string][] = []
    for (const { name, column } of columns.rows) {
      const { rows } = await sql<{ text: string }>`
        select ${sql.id(column)} as text from ${sql.id('latchkey', name)}
        where ${sql.id(column)} ~ '^v1\\.[A-Za-z0-9_-]{16}\\.'`.execute(tx)
      for (const { text } of rows) found.push([`${name}.${column}`, text])
    }
    return found
  })
}

const PURPOSES = ['canary', 'keys', 'letters', 'totp'] as const
const opensUnder = (ring: Keyring, text: string): boolean =>
  PURPOSES.some((purpose) => ring.isCurrent(purpose, text))

async function signedIn({ client, app }: Node, email: string): Promise<Client> {
  expect((await client.post('/api/v1/auth/register', { email, password: PASSWORD })).status).toBe(201)
  const token = await mailbox(app).tokenFor(email, /verify-email/)
  expect((await client.post('/api/v1/auth/verify-email', { token })).status).toBe(200)
  await client.signIn(email, PASSWORD)
  return client
}

describe('a used database', () => {
  it('refuses a server with another secret, with the reason, and nothing changes', async () => {
    const before = await restart(OLD)
    await signedIn(before, 'ada@example.com')
    const texts = await sealedTexts(before.app.tools.db)
    expect(new Set(texts.map(([column]) => column))).toEqual(
      new Set(['secret_canary.sealed', 'signing_keys.sealed_private', 'letters.sealed']),
    )
    const refusal = {
      name: 'StartRefused',
      message: expect.stringMatching(/^LATCHKEY_SECRET is not the secret that this database was used with/),
    }
    await expect(restart(OTHER)).rejects.toMatchObject(refusal)
    // neither of the two is the right one
    await expect(restart(OTHER, NEW)).rejects.toMatchObject(refusal)
    const after = await restart(OLD)
    expect(await sealedTexts(after.app.tools.db)).toEqual(expect.arrayContaining(texts))
    expect(after.warnings).toEqual([])
  })

  it('of a version without a canary is recognized by its signing keys', async () => {
    const before = await restart(OLD)
    const forget = (app: App) => sql`delete from latchkey.secret_canary`.execute(app.tools.db.hot)
    await forget(before.app)
    await expect(restart(OTHER)).rejects.toMatchObject({ name: 'StartRefused' })
    // a rotation that began before the upgrade: its end plants the canary
    const during = await restart(NEW, OLD)
    expect(during.warnings.join()).toContain('latchkey secrets rotate')
    await rotateAll(during.app.tools)
    await expect(restart(OLD)).rejects.toMatchObject({ name: 'StartRefused' })
    expect((await restart(NEW)).warnings).toEqual([])
  })
})

describe('a rotation of the secret', () => {
  it('keeps sessions, tokens, forms and e-mails, before and after everything is sealed again', async () => {
    const before = await restart(OLD)
    const session = await signedIn(before, 'ada@example.com')
    const { cookies, csrfToken } = session
    const { data: tokens } = await new Client(session.url).post('/api/v1/auth/login', {
      email: 'ada@example.com',
      password: PASSWORD,
      tokens: true,
    })
    for (let n = 0; n < 3; n++) await new Client(session.url).signIn('ada@example.com', PASSWORD)
    const reset = await new Client(session.url).post('/api/v1/auth/password/forgot', {
      email: 'ada@example.com',
    })
    expect(reset.status).toBe(200)
    await before.app.settle()

    for (const secrets of [[NEW, OLD], [NEW, OLD], [NEW]] as const) {
      const node = await restart(secrets[0], secrets[1])
      const again = new Client(node.client.url)
      for (const [name, value] of cookies) again.cookies.set(name, value)
      again.csrfToken = csrfToken
      expect((await again.get('/api/v1/auth/me')).status).toBe(200)
      const bearer = { authorization: `Bearer ${tokens.access_token}` }
      expect((await new Client(again.url).get('/api/v1/auth/me', { headers: bearer })).status).toBe(200)
      const emails = await mailbox(node.app).emailsTo('ada@example.com')
      expect(emails.map(({ subject }) => subject).join()).toMatch(/password/i)
      if (secrets[1] === undefined) {
        // what was signed under the old secret is over: a page of a form, loaded before, is loaded again
        const stale = await again.patch('/api/v1/users/me', { full_name: 'Ada' })
        expect([stale.status, stale.code]).toEqual([403, 'CSRF_FAILED'])
        continue
      }
      expect((await again.patch('/api/v1/users/me', { full_name: 'Ada' })).status).toBe(200)
      if (node.warnings.length > 0) {
        const text = await rotateByCommand(node.app)
        expect(text).toMatch(
          /^Sealed again under LATCHKEY_SECRET: signing keys 1, e-mails \d+, authenticator apps 0\. /,
        )
      }
      const under = keyring(NEW)
      for (const [column, text] of await sealedTexts(node.app.tools.db))
        expect([column, opensUnder(under, text)]).toEqual([column, true])
    }
    await expect(restart(OLD)).rejects.toMatchObject({ name: 'StartRefused' })
  })

  it('repeats the successor of a refresh token that was used before it, within the grace period', async () => {
    const before = await restart(OLD)
    const client = await signedIn(before, 'ada@example.com')
    const { data } = await client.post('/api/v1/auth/login', {
      email: 'ada@example.com',
      password: PASSWORD,
      tokens: true,
    })
    const refresh = (url: string, refresh_token: string) =>
      new Client(url).post('/api/v1/auth/refresh', { refresh_token })
    const first = await refresh(client.url, data.refresh_token)
    expect(first.status).toBe(200)
    const node = await restart(NEW, OLD)
    const again = await refresh(node.client.url, data.refresh_token)
    expect([again.status, again.data?.refresh_token]).toEqual([200, first.data.refresh_token])
    const next = await refresh(node.client.url, first.data.refresh_token)
    expect(next.status).toBe(200)
    expect((await refresh(node.client.url, next.data.refresh_token)).status).toBe(200)
  })

  it('keeps authenticator apps, whose secrets are sealed again', async () => {
    const before = await restart(OLD)
    const client = await signedIn(before, 'ada@example.com')
    const world = (app: App) => ({
      clock: { now: app.tools.clock.now, advance: async () => app.tools.clock.advance(30_000) },
    })
    const { secret } = await enrolAuthenticator(world(before.app), client)
    for (const [n, secrets] of ([[NEW, OLD], [NEW, OLD], [NEW]] as const).entries()) {
      const node = await restart(secrets[0], secrets[1])
      // a code works once
      node.app.tools.clock.set(new Date(Date.now() + 3_600_000 * (n + 1)))
      const login = { username: 'ada@example.com', password: PASSWORD }
      const { body } = await new Client(node.client.url).post('/api/v1/auth/login', login)
      const code = codeOf(world(node.app), secret)
      const reply = await new Client(node.client.url).post('/api/v1/auth/mfa/verify', {
        attempt: body.error.details.attempt, method: 'totp', code,
      }) // biome-ignore format: a body
      expect(reply.status, reply.text).toBe(200)
      if (node.warnings.length > 0) expect(await rotateByCommand(node.app)).toContain('authenticator apps 1.')
      const sealed = await sealedTexts(node.app.tools.db)
      expect(sealed.filter(([column]) => column === 'totp_secrets.secret')).toHaveLength(1)
    }
  })

  it('can be run twice at once and interrupted, while e-mails are written', async () => {
    const before = await restart(OLD)
    for (let n = 0; n < 5; n++)
      await before.client.post('/api/v1/auth/register', { email: `user${n}@example.com`, password: PASSWORD })
    await before.app.settle()
    const node = await restart(NEW, OLD)
    const { tools } = node.app
    const register = (n: number) =>
      node.client.post('/api/v1/auth/register', { email: `later${n}@example.com`, password: PASSWORD })
    // one fails in the middle, as if its process had ended
    const failing: Keyring = {
      ...tools.keyring,
      decrypt(purpose, sealed) {
        if (purpose === 'letters') throw new Error('interrupted')
        return tools.keyring.decrypt(purpose, sealed)
      },
    }
    await expect(rotateAll({ ...tools, keyring: failing })).rejects.toThrow('interrupted')
    await expect(assertNotMoved()).resolves.toBe(undefined)
    const rotations = await Promise.all([rotateAll(tools), rotateAll(tools), register(1), register(2)])
    await node.app.settle()
    const [a, b] = rotations as unknown as [
      { emails: { resealed: number } },
      { emails: { resealed: number } },
    ]
    expect(a.emails.resealed + b.emails.resealed).toBe(5)
    const under = keyring(NEW)
    for (const [column, text] of await sealedTexts(tools.db))
      expect([column, opensUnder(under, text)]).toEqual([column, true])
    expect(await mailbox(node.app).emailsTo('user3@example.com')).toHaveLength(1)
  })

  /** The canary has not moved yet: the old secret alone still opens it. */
  async function assertNotMoved(): Promise<void> {
    const { rows } = await sql<{ sealed: string }>`select sealed from latchkey.secret_canary`.execute(
      (running[0] as App).tools.db.hot,
    )
    expect(keyring(OLD).opens('canary', rows[0]?.sealed ?? '')).toBe(true)
  }

  it('requires the previous secret', async () => {
    const node = await restart(OLD)
    const run = () => rotateByCommand(node.app)
    await expect(run()).rejects.toMatchObject({ code: 'NO_PREVIOUS_SECRET' })
  })
})
