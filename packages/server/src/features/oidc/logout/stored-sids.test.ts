/** What names a session to an app with pairwise subjects stays the same when the server gets another secret. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type App, createApp } from '../../../app.ts'
import { openDatabase } from '../../../base/db/index.ts'
import { rotateAll } from '../../../commands/secrets.ts'
import { type Config, loadConfig } from '../../../config.ts'
import { authorizedCode, CALLBACK, claimsIn, type TestApp, testApp } from '../../../testing/apps.ts'
import { Client } from '../../../testing/client.ts'
import { createTestDatabase, quietLog, type TestDatabase } from '../../../testing/database.ts'
import { createUsers } from '../../../testing/founding.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../../../testing/logout-receiver.ts'
import { freePort, PASSWORD, type World } from '../../../testing/world.ts'

const OLD = 'the old secret of the tests, thirty-two characters'
const NEW = 'the new secret of the tests, thirty-two characters'
const EMAIL = 'ada@example.com'

let made: TestDatabase
let dataDir: string
let receiver: LogoutReceiver
let running: App | undefined
/** What the helpers of tests use of a world: that of the node that runs. */
const world = {} as World
/** Of every node, so that the issuer stays the same. */
let port: number
beforeEach(async () => {
  port = await freePort()
  made = await createTestDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'latchkey-sids-'))
  receiver = await startLogoutReceiver()
})
afterEach(async () => {
  await running?.stop()
  running = undefined
  await receiver.close()
  await made.drop()
  await rm(dataDir, { recursive: true, force: true })
})

/** Stops the node before, because the embedded database serves one process, and starts one with these secrets. */
async function restart(secret: string, secretPrevious: string | null = null): Promise<App> {
  await running?.stop()
  const { databaseUrl, template } = made
  const config: Config = {
    ...loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd: dataDir }),
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
    rateLimits: 'off',
    databaseUrl,
    dataDir,
    port,
    secret,
    secretPrevious,
  }
  const options = { databaseUrl, dataDir, pool: 4, guardNesting: true, log: quietLog, template }
  const database = await openDatabase(options)
  const app = await createApp({ config, database, log: quietLog })
  running = app
  const { url } = await app.start()
  const { clock } = app.tools
  Object.assign(world, { app, config, url, db: database, clock, client: () => new Client(url) })
  return app
}

/** Replaces OLD by NEW, as the guide says. */
async function replaceSecret(): Promise<App> {
  await rotateAll((await restart(NEW, OLD)).tools)
  return restart(NEW)
}

async function signedIn(app: App): Promise<Client> {
  await createUsers(app, [{ email: EMAIL, password: PASSWORD }])
  const browser = world.client()
  await browser.signIn(EMAIL, PASSWORD)
  return browser
}

const pairwiseApp = (): Promise<TestApp> =>
  testApp(world, {
    first_party: true,
    subject_type: 'pairwise',
    grant_types: ['authorization_code', 'refresh_token'],
    backchannel_logout_uri: receiver.url,
  })

const tokensOf = async (browser: Client, app: TestApp) =>
  (await app.exchange(await authorizedCode(browser, app), { redirect_uri: CALLBACK })).body

/** The same app at the node that runs now: its requests are sent there. */
const refreshed = async (app: TestApp, token: string) =>
  (await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token })).body

async function endSessions(app: App): Promise<string[]> {
  receiver.received.length = 0
  const now = app.tools.clock.now()
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: 'revoked' })
      .where('ended_at', 'is', null)
      .execute(),
  )
  await app.settle()
  return receiver.tokens().map((token) => String(claimsIn(token).sid))
}

it('is in the messages about its end what it was in the ID token, before and after the secret was replaced', async () => {
  const browser = await signedIn(await restart(OLD))
  const app = await pairwiseApp()
  const first = await tokensOf(browser, app)
  const { sid } = claimsIn(first.id_token)
  expect(sid).toMatch(/^[A-Za-z0-9_-]{43}$/)
  const after = await replaceSecret()
  expect(await endSessions(after)).toEqual([sid])
})

it('is in later ID tokens, and recognizes the session where the app signs its user out', async () => {
  const browser = await signedIn(await restart(OLD))
  const app = await pairwiseApp()
  const first = await tokensOf(browser, app)
  const { sid } = claimsIn(first.id_token)
  const cookies = [...browser.cookies]
  const after = await restart(NEW, OLD)
  const second = await refreshed(app, first.refresh_token)
  expect(claimsIn(second.id_token).sid).toBe(sid)
  const again = world.client()
  for (const [name, value] of cookies) again.cookies.set(name, value)
  // no question: it is this session
  const { status, headers, text } = await again.get(
    `/oidc/logout?${new URLSearchParams({ id_token_hint: second.id_token })}`,
    { headers: { accept: 'text/html' } },
  )
  expect([status, headers.get('location'), text.includes('You are signed out')]).toEqual([200, null, true])
  await after.settle()
  expect(receiver.tokens().map((token) => claimsIn(token).sid)).toEqual([sid])
})

it('that a previous version has not stored is stored with the next ID token, and is the same', async () => {
  const browser = await signedIn(await restart(OLD))
  const app = await pairwiseApp()
  const first = await tokensOf(browser, app)
  const stored = () => world.db.tx('system', (tx) => tx.selectFrom('client_sessions').select('sid').execute())
  await world.db.tx('system', (tx) => tx.updateTable('client_sessions').set({ sid: null }).execute())
  const second = await refreshed(app, first.refresh_token)
  const { sid } = claimsIn(first.id_token)
  expect([claimsIn(second.id_token).sid, ...(await stored()).map((row) => row.sid)]).toEqual([sid, sid])
  expect(await endSessions(await replaceSecret())).toEqual([sid])
})

it('is shown in the list of messages, and not the id of the session', async () => {
  const node = await restart(OLD)
  const browser = await signedIn(node)
  const [app, open] = [
    await pairwiseApp(),
    await testApp(world, { first_party: true, backchannel_logout_uri: receiver.url }),
  ]
  const sids = [await tokensOf(browser, app), await tokensOf(browser, open)].map(
    (one) => claimsIn(one.id_token).sid,
  )
  await endSessions(node)
  await createUsers(node, [{ email: 'root@example.com', password: PASSWORD, roles: ['super_admin'] }])
  const root = world.client()
  await root.signIn('root@example.com', PASSWORD)
  const shown = async ({ id }: TestApp) =>
    (await root.get(`/api/v1/oidc/clients/${id}/logouts`)).data.map(
      (one: { session_id: string }) => one.session_id,
    )
  expect([...(await shown(app)), ...(await shown(open))]).toEqual(sids)
  expect(sids[1]).toMatch(/^ses_/)
})
