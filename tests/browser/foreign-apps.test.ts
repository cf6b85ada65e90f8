/**
 * The examples of apps in Chromium, against a whole server: libraries that are not ours sign in through the pages, read who
 * it is, refresh and sign out, registered by the command of its guide. openid-client, oauth4webapi (below
 * openid-client and Auth.js, and by itself), Auth.js, Passport, Apache's mod_auth_openidc, and a page without a library.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Program, run } from '../../packages/guard/src/testing/programs.ts'
import { clientsByOperator } from '../../packages/server/src/features/oidc/clients/index.ts'
import { freePort, PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { registerAsPrinted } from '../setup/app-guides.ts'
import { hasModAuthOpenidc, startModAuthOpenidc } from '../setup/mod-auth-openidc.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { read, type Visitor, visitor } from './visitor.ts'

let world: World
let chromium: Chromium
let context: BrowserContext
let me: Visitor
const programs: Program[] = []

beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
  // the libraries have the clock of this machine
  world.app.tools.clock.set(new Date())
})
afterEach(() => context?.close())
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()))
  await chromium?.close()
  await world?.stop()
})

interface Kind {
  /** Of docs/guides/apps, whose command registers the app. */
  guide: string
  example: string
  /** What differs from what the guide registers. */
  settings?: Record<string, unknown>
  /** Pressed in a page of the library, between the app and Latchkey. */
  button?: string
}

const KINDS: Readonly<Record<string, Kind>> = {
  'openid-client': { guide: 'openid-client', example: 'sign-in-with-openid-client' },
  'Passport with openid-client': { guide: 'passport', example: 'sign-in-with-passport' },
  'Auth.js': {
    guide: 'auth-js',
    example: 'sign-in-with-auth-js',
    // so that each request for its session finds an access token that is about to expire
    settings: { access_token_lifetime: 60 },
    button: 'Sign in with Latchkey',
  },
  'a page without a library': { guide: 'single-page', example: 'sign-in-in-the-page' },
}

let count = 0
/** Registers the app as its guide says. */
async function register(guide: string, port: number) {
  const url = `http://localhost:${port}`
  count += 1
  return { url, app: await registerAsPrinted(world, guide, { url, id: `${guide}-${count}` }) }
}

/** Runs the example with what a developer has copied. @returns its address */
async function start({ guide, example, settings }: Kind): Promise<string> {
  const port = await freePort()
  const { url, app } = await register(guide, port)
  if (settings) await clientsByOperator.change(world.app.tools, null, app.id, { settings })
  const program = run(['examples/run.ts', example], {
    PORT: `${port}`,
    LATCHKEY_PUBLIC_URL: world.config.publicUrl,
    CLIENT_ID: app.id,
    CLIENT_SECRET: app.secret,
  })
  programs.push(program)
  await program.printed(/Open http/)
  return url
}

async function openBrowser(): Promise<void> {
  context = await chromium.open({ locale: 'en-GB' })
  me = visitor(world, await context.newPage())
}

const press = (name: string) =>
  me.page
    .getByRole('button', { name, exact: true })
    .or(me.page.getByRole('link', { name, exact: true }))
    .click()
/** Of the pages of this server: a library's page may load what is not there. */
const complaintsOfPages = () =>
  complaintsOf(context).filter((complaint) => complaint.startsWith(world.config.publicUrl))
const status = () => read(me.page.locator('[role=status]'))

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  it('signs in through the pages, knows the user, refreshes and signs out', async () => {
    const url = await start(kind)
    const { email } = await world.person({ signIn: false })
    await openBrowser()
    await me.page.goto(url)
    await press('Sign in')
    if (kind.button) await press(kind.button)
    await me.signIn(email)
    await me.press('Allow')
    await me.page.getByText(`Signed in as`).waitFor()
    expect(await me.text()).toContain(email)
    expect(me.page.url()).toBe(`${url}/`)

    const before = await status()
    // two access tokens of one second look the same in a status of seconds
    await me.page.waitForTimeout(1100)
    await press('Refresh')
    await expect.poll(status).toMatch(kind.button ? /^Access until / : /^Refreshed$/)
    await expect.poll(status).not.toBe(before)
    expect(await me.text()).toContain(email)

    // with the ID token of its session the app needs no question
    await press('Sign out')
    await me.page
      .getByRole('button', { name: 'Sign in' })
      .or(me.page.getByRole('link', { name: 'Sign in' }))
      .waitFor()
    expect(me.page.url().startsWith(url)).toBe(true)
    await press('Sign in')
    if (kind.button) await press(kind.button)
    await me.page.locator('[name=identifier]').waitFor()
    expect(complaintsOfPages()).toEqual([])
  })

  it('knows no user where that user does not allow it', async () => {
    const url = await start(kind)
    const { email } = await world.person({ signIn: false })
    await openBrowser()
    await me.page.goto(url)
    await press('Sign in')
    if (kind.button) await press(kind.button)
    await me.signIn(email)
    await me.press('Do not allow')
    await me.page.waitForURL((at) => at.href.startsWith(url))
    expect(await me.text()).not.toContain('Signed in as')
  })
})

/** An app that knows no sign-in: it trusts the fields that Apache adds. */
async function startPlainApp(): Promise<Server> {
  const server = createServer(({ headers, url }, response) => {
    if (url === '/favicon.ico') return void response.writeHead(204).end()
    const [email, access] = [headers.oidc_claim_email, headers.oidc_access_token_expires]
    response.writeHead(200, { 'content-type': 'text/html' }).end(
      `<title>App</title><h1>App</h1><p>Signed in as ${email}</p><p role="status">${access}</p>
       <a href="/callback?logout=${encodeURIComponent(`http://${headers.host}/`)}">Sign out</a>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const modules = hasModAuthOpenidc()
  ? 'mod_auth_openidc'
  : 'mod_auth_openidc (not run: install apache2 libapache2-mod-auth-openidc)'
describe.skipIf(!hasModAuthOpenidc())(`Apache with ${modules}`, () => {
  let behind: Server
  let apache: Awaited<ReturnType<typeof startModAuthOpenidc>>
  let url: string
  beforeAll(async () => {
    behind = await startPlainApp()
    const port = await freePort()
    const registered = await register('apache', port)
    url = registered.url
    const { port: appPort } = behind.address() as AddressInfo
    const settings = { port, appPort, issuer: world.config.publicUrl, client: registered.app }
    // an hour before the end, so that each request refreshes
    apache = await startModAuthOpenidc(settings, (text) =>
      text.replace('BeforeExpiry 30', 'BeforeExpiry 3600'),
    )
  })
  afterAll(async () => {
    await apache?.stop()
    behind?.close()
  })

  async function signedIn(): Promise<string> {
    const { email } = await world.person({ signIn: false })
    await openBrowser()
    await me.page.goto(url)
    await me.signIn(email)
    await me.press('Allow')
    const shown = me.page.getByText(`Signed in as ${email}`)
    await shown.waitFor().catch((error) => Promise.reject(new Error(apache.log(), { cause: error })))
    return email
  }
  // the app behind it is for members alone, so that others are led to the sign-in
  const isSignedOut = () => me.page.locator('[name=identifier]').waitFor()

  it('signs in in front of an app that knows no sign-in, refreshes and signs out', async () => {
    await signedIn()
    const before = await status()
    await me.page.waitForTimeout(1100)
    await me.page.reload()
    expect(await status()).not.toBe(before)
    await press('Sign out')
    await isSignedOut()
    expect(complaintsOfPages()).toEqual([])
  })

  it('takes the message that a session has ended elsewhere', async () => {
    const email = await signedIn()
    const elsewhere = world.client()
    await elsewhere.signIn(email, PASSWORD)
    expect((await elsewhere.delete('/api/v1/auth/sessions')).status).toBe(200)
    await world.app.settle()
    const { rows } = await world.db.tx('system', (tx) =>
      sql<{
        state: string
      }>`select * from latchkey.logout_deliveries order by created_at desc limit 1`.execute(tx),
    )
    expect(rows).toEqual([expect.objectContaining({ status: 200 })])
    await me.page.reload()
    await isSignedOut()
  })
})
