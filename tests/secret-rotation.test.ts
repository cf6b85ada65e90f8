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
import { Authenticator, addPasskey, signInByPasskey } from '../packages/server/src/testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { createTestDatabase, quietLog, type TestDatabase } from '../packages/server/src/testing/database.ts'
import { mailbox } from '../packages/server/src/testing/mailbox.ts'
import { stepUp } from '../packages/server/src/testing/step-up.ts'
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

const worldOf = ({ tools: { clock } }: App) => ({
  clock: { now: clock.now, advance: async () => clock.advance(30_000) },
})
/** After which a session is no recent proof. */
const LATER = 11 * 60_000

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

const PURPOSES = ['canary', 'keys', 'letters', 'totp', 'forms'] as const
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
          /^Sealed again under LATCHKEY_SECRET: signing keys 1, e-mails \d+, authenticator apps 0, forms that wait for a step-up 0, secrets of connections 0, keys of connections 0, secrets of deleted connections 0, tokens of connected accounts 0\. /,
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
    const { secret } = await enrolAuthenticator(worldOf(before.app), client)
    for (const [n, secrets] of ([[NEW, OLD], [NEW, OLD], [NEW]] as const).entries()) {
      const node = await restart(secrets[0], secrets[1])
      // a code works once
      node.app.tools.clock.set(new Date(Date.now() + 3_600_000 * (n + 1)))
      const login = { username: 'ada@example.com', password: PASSWORD }
      const { body } = await new Client(node.client.url).post('/api/v1/auth/login', login)
      const code = codeOf(worldOf(node.app), secret)
      const reply = await new Client(node.client.url).post('/api/v1/auth/mfa/verify', {
        attempt: body.error.details.attempt, method: 'totp', code,
      }) // biome-ignore format: a body
      expect(reply.status, reply.text).toBe(200)
      if (node.warnings.length > 0) expect(await rotateByCommand(node.app)).toContain('authenticator apps 1,')
      const sealed = await sealedTexts(node.app.tools.db)
      expect(sealed.filter(([column]) => column === 'totp_secrets.secret')).toHaveLength(1)
    }
  })

  it('keeps what sign-ins are made of: factors, remembered browsers, open attempts, held forms, links and codes', async () => {
    const before = await restart(OLD)
    const url = () => `http://127.0.0.1:${running[0]?.tools.config.port}`
    const api = (client: Client, path: string, body: object = {}) => client.post(`/api/v1/auth/${path}`, body)
    /** The browser, at the server that runs now. */
    const moved = (client: Client): Client => {
      const again = new Client(url())
      for (const [name, value] of client.cookies) again.cookies.set(name, value)
      again.csrfToken = client.csrfToken
      return again
    }
    const user = (name: string) => signedIn({ ...before, client: new Client(url()) }, `${name}@example.com`)
    const [bea, cyn] = [await user('bea'), await user('cyn')]
    for (const name of ['dan', 'eve']) await user(name)
    before.app.tools.clock.advance(LATER)

    // of each two: one is used while both secrets are known, one after the rotation
    const ada = await user('ada')
    const authenticator = new Authenticator()
    // the public URL does not name the port of each server
    const origin = before.app.tools.config.publicUrl
    await addPasskey(ada, authenticator, { origin })
    const { secret, backupCodes } = await enrolAuthenticator(worldOf(before.app), ada)
    const login = (client: Client) =>
      api(client, 'login', { username: 'ada@example.com', password: PASSWORD })
    const waiting = async (): Promise<string> => (await login(new Client(url()))).body.error.details.attempt
    const attempts = [await waiting(), await waiting(), await waiting(), await waiting()]
    const laptop = new Client(url())
    const { body: asked } = await login(laptop)
    before.app.tools.clock.advance(30_000)
    const remembering = await api(laptop, 'mfa/verify', {
      attempt: asked.error.details.attempt, method: 'totp', code: codeOf(worldOf(before.app), secret), remember_device: true,
    }) // biome-ignore format: a body
    expect(remembering.status, remembering.text).toBe(200)
    laptop.cookies.delete('lk_session')
    const challenged = new Client(url())
    const { data: challenge } = await api(challenged, 'passkeys/login/begin')
    for (const client of [bea, cyn]) {
      const form = { csrf_token: client.csrfToken ?? '', name: 'K', description: '', environment: 'live', expires_in: '90d', access: 'some' }
      const sent = await client.post('/account/api-keys', form, { form: true, headers: { accept: 'text/html' } })
      expect(sent.headers.get('location')).toBe('/step-up')
    } // biome-ignore format: a form
    const [linked, linkedLater, coded, codedLater] = Array.from({ length: 4 }, () => new Client(url())) as [
      Client,
      Client,
      Client,
      Client,
    ]
    await api(linked, 'magic-link', { email: 'bea@example.com' })
    await api(linkedLater, 'magic-link', { email: 'cyn@example.com' })
    const { data: codeAsked } = await api(coded, 'email-code', { email: 'dan@example.com' })
    const { data: codeAskedLater } = await api(codedLater, 'email-code', { email: 'eve@example.com' })
    await before.app.settle()
    const link = (email: string) => mailbox(running[0] as App).tokenFor(email, /sign-in\/link/)
    const codeTo = async (email: string): Promise<string> =>
      /^\d{6}$/m.exec((await mailbox(running[0] as App).emailTo(email, /code/)).text)?.[0] ?? ''

    /** Everything that stays usable, at the server that runs now. */
    async function use(n: 0 | 1, app: App, holder: Client, asker: Client, email: string) {
      app.tools.clock.advance(LATER + 30_000 * (n + 2))
      const verify = (attempt: string | undefined, method: string, code: string | undefined) =>
        api(new Client(url()), 'mfa/verify', { attempt, method, code })
      const replies = {
        totp: await verify(attempts[n], 'totp', codeOf(worldOf(app), secret)),
        'backup code': await verify(attempts[2 + n], 'backup_code', backupCodes[n]),
        passkey: await signInByPasskey(new Client(url()), authenticator, { origin }),
        'remembered browser': await login(moved(laptop)),
        link: await api(moved(asker), 'magic-link/complete', { token: await link(email) }),
      }
      for (const [name, reply] of Object.entries(replies))
        expect([name, reply.status, reply.code]).toEqual([name, 200, undefined])
      const browser = moved(holder)
      // its pages have tokens under the new secret
      browser.csrfToken = null
      const { action, fields } = await stepUp(browser)
      expect([action, fields.name]).toEqual(['/account/api-keys', 'K'])
    }

    const between = await restart(NEW, OLD)
    await use(0, between.app, bea, linked, 'bea@example.com')
    const code = { attempt: codeAsked.attempt, code: await codeTo('dan@example.com') }
    expect((await api(moved(coded), 'email-code/complete', code)).status).toBe(200)
    const begun = moved(challenged)
    const credential = authenticator.get(challenge.options, { origin })
    expect((await api(begun, 'passkeys/login/complete', { credential })).status).toBe(200)
    expect(await rotateByCommand(between.app)).toMatch(
      /authenticator apps 1, forms that wait for a step-up 1, secrets of connections 0, keys of connections 0, secrets of deleted connections 0, tokens of connected accounts 0\./,
    )
    const sealed = await sealedTexts(between.app.tools.db)
    expect(new Set(sealed.map(([column]) => column))).toContain('attempts.held_form')
    for (const [column, text] of sealed)
      expect([column, opensUnder(keyring(NEW), text)]).toEqual([column, true])

    const after = await restart(NEW)
    await use(1, after.app, cyn, linkedLater, 'cyn@example.com')
    // a code is kept as a keyed hash; its digits are not known, so it cannot be made again
    const late = { attempt: codeAskedLater.attempt, code: await codeTo('eve@example.com') }
    expect((await api(moved(codedLater), 'email-code/complete', late)).code).toBe('AUTHENTICATION_FAILED')
    const again = new Client(url())
    after.app.tools.clock.advance(LATER)
    const { data: newer } = await api(again, 'email-code', { email: 'eve@example.com' })
    await after.app.settle()
    const fresh = { attempt: newer.attempt, code: await codeTo('eve@example.com') }
    expect((await api(again, 'email-code/complete', fresh)).status).toBe(200)
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
