/**
 * The guide docs/guides/add-sign-in.md in a real browser: the example `browser-app` on another host of the site of
 * Latchkey, on another port of localhost, behind one host with it, and on another site.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../packages/guard/src/testing/programs.ts'
import { freePort, PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type RunningApp, startBrowserApp } from '../setup/browser-app.ts'
import { PROXIES, type Running, startProxy } from '../setup/proxies.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { read, type Visitor, visitor } from './visitor.ts'

const guide = readFileSync(join(ROOT, 'docs/guides/add-sign-in.md'), 'utf8')
const PHONE = { width: 360, height: 740 }

let chromium: Chromium
let world: World
let context: BrowserContext
let me: Visitor
let page: Page
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())

/** The guard of the app has the clock of this machine. */
async function openWorld(options: Parameters<typeof startWorld>[0]): Promise<void> {
  world = await startWorld(options)
  world.app.tools.clock.set(new Date())
}
async function newContext(): Promise<void> {
  context = await chromium.open({ locale: 'en-GB', viewport: PHONE })
  page = await context.newPage()
  me = visitor(world, page)
}

/** What the page of the app shows. */
const status = () => read(page.locator('#status'))
const isSignedIn = () => page.locator('#member').isVisible()
const notes = () => page.locator('#notes li').allInnerTexts()
async function addNote(text: string): Promise<void> {
  await me.fill({ 'New note': text })
  await me.press('Add note')
}
async function expectPhoneWidth(): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(PHONE.width)
}
/** A refused request without a session is a message of the console, not an error of the page. */
const complaints = () =>
  complaintsOf(context).filter((text) => !/the server responded with a status of 401/.test(text))

/** The journey of a stranger; its steps depend on each other. */
function journey(appUrl: () => string, { sendsCookie }: { sendsCookie: boolean }): void {
  const EMAIL = 'grace@example.com'
  beforeAll(newContext)
  afterEach(() => expect(complaints()).toEqual([]))
  afterAll(() => context?.close())

  it('offers to sign in or to sign up', async () => {
    await page.goto(appUrl())
    await page.getByRole('link', { name: 'create an account' }).waitFor()
    expect([await isSignedIn(), await status()]).toEqual([false, ''])
    await expectPhoneWidth()
  })

  it('signs up, confirms the address, and is back in the app, signed in', async () => {
    await me.follow('create an account')
    await me.fill({
      'Full name (optional)': 'Grace Hopper',
      'E-mail address': EMAIL,
      Password: PASSWORD,
      'Repeat the password': PASSWORD,
    })
    await me.press('Create account')
    await me.openEmail(EMAIL, /verify-email/)
    await me.press('Confirm address')
    await page.waitForURL(appUrl())
    await page.getByText('Signed in as Grace Hopper.').waitFor()
    await expectPhoneWidth()
  })

  it('has a session cookie of the host of Latchkey alone, which no script reads', async () => {
    const cookies = await context.cookies()
    expect(cookies.find(({ name }) => name === 'lk_session')).toMatchObject({
      domain: new URL(world.config.publicUrl).hostname,
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
      expires: -1,
    })
    expect(await page.evaluate('document.cookie')).toBe('')
  })

  it('changes something in the app, with what the app receives', async () => {
    const sent = page.waitForRequest(
      (request) => request.url().endsWith('/notes') && request.method() === 'POST',
    )
    await addNote('milk')
    const { cookie, authorization, 'x-csrf-token': csrf } = await (await sent).allHeaders()
    expect(/\blk_session=/.test(cookie ?? '')).toBe(sendsCookie)
    if (csrf === undefined) expect(authorization).toMatch(/^Bearer ey/)
    else expect(authorization).toBeUndefined()
    await expect.poll(notes).toEqual(['milk'])
    await page.reload()
    await expect.poll(notes).toEqual(['milk'])
  })

  it('learns at the next request that the session has ended elsewhere', async () => {
    const other = visitor(world, await context.newPage())
    await other.visit('/account')
    await other.page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
    await other.page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await other.page.close()
    await addNote('eggs')
    await expect.poll(status).toBe('Your session has ended.')
    expect(await isSignedIn()).toBe(false)
  })

  it('signs in again, and returns', async () => {
    await me.follow('Sign in')
    await me.signIn(EMAIL)
    await page.waitForURL(appUrl())
    await expect.poll(notes).toEqual(['milk'])
  })

  it('signs out of both', async () => {
    await me.press('Sign out')
    await expect.poll(status).toBe('You are signed out.')
    await me.visit('/account')
    expect(await me.heading()).toBe('Sign in')
    await page.goto(appUrl())
    await page.getByRole('link', { name: 'create an account' }).waitFor()
  })
}

describe.each([
  { what: 'two ports of localhost', appHost: 'localhost', ownHost: 'localhost', sendsCookie: true },
  {
    what: 'two hosts of one site',
    appHost: 'app.example.localhost',
    ownHost: 'id.example.localhost',
    sendsCookie: false,
  },
])('an app and Latchkey on $what', ({ appHost, ownHost, sendsCookie }) => {
  let app: RunningApp
  let unlisted: RunningApp
  const appUrl = () => `http://${appHost}:${app.port}/`
  beforeAll(async () => {
    const [port, appPort] = [await freePort(), await freePort()]
    const issuer = `http://${ownHost}:${port}`
    const origins = [`http://${appHost}:${appPort}`]
    await openWorld({ port, publicUrl: issuer, returnOrigins: origins, corsOrigins: origins })
    app = await startBrowserApp({ issuer, port: String(port) }, { port: appPort })
    unlisted = await startBrowserApp({ issuer, port: String(port) })
  })
  afterAll(async () => {
    await Promise.all([app?.stop(), unlisted?.stop()])
    await world?.stop()
  })

  describe('a journey', () => journey(appUrl, { sendsCookie }))

  describe('refusals', () => {
    const unlistedUrl = () => `http://${appHost}:${unlisted.port}/`
    let email: string
    beforeAll(async () => {
      ;({ email } = await world.person({ signIn: false }))
      await newContext()
      await me.signIn(email)
    })
    afterAll(() => context?.close())

    /** Sends a request from the page that is open. @returns its status and error code, or what the script sees instead */
    const send = (path: string, init: object) =>
      page.evaluate(
        `fetch(${JSON.stringify(world.config.publicUrl + path)}, ${JSON.stringify({ credentials: 'include', ...init })})
          .then(async (r) => r.type === 'opaque' ? 'opaque' : [r.status, (await r.json()).error?.code], (e) => e.name)`,
      )
    const isAlive = async () => {
      await me.visit('/account')
      return (await me.heading()) !== 'Sign in'
    }

    it('a preflight names the origin that is listed, and no other', async () => {
      const preflight = async (origin: string) => {
        const headers = {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'x-csrf-token',
        }
        const answer = await fetch(`${world.url}/api/v1/auth/token`, { method: 'OPTIONS', headers })
        return ['origin', 'credentials', 'methods', 'headers'].map((name) =>
          answer.headers.get(`access-control-allow-${name}`),
        )
      }
      const [origin, credentials, methods, headers] = await preflight(new URL(appUrl()).origin)
      expect([origin, credentials]).toEqual([new URL(appUrl()).origin, 'true'])
      expect(methods).toContain('POST')
      expect(headers).toContain('x-csrf-token')
      expect(await preflight(new URL(unlistedUrl()).origin)).toEqual([null, null, null, null])
    })

    it('an origin that is not listed neither reads an answer nor changes anything', async () => {
      await page.goto(unlistedUrl())
      await expect.poll(status).toBe('Latchkey cannot be reached, or does not list this origin.')
      expect(await send('/api/v1/auth/me', {})).toBe('TypeError')
      for (const path of ['/api/v1/auth/logout', '/api/v1/auth/token'])
        expect(await send(path, { method: 'POST', mode: 'no-cors' })).toBe('opaque')
      expect(await isAlive()).toBe(true)
    })

    it('a listed origin needs the CSRF token of the session', async () => {
      await page.goto(appUrl())
      await expect.poll(isSignedIn).toBe(true)
      for (const headers of [{}, { 'x-csrf-token': `${'a'.repeat(22)}.${'b'.repeat(43)}` }])
        for (const path of ['/api/v1/auth/logout', '/api/v1/auth/token'])
          expect(await send(path, { method: 'POST', headers })).toEqual([403, 'CSRF_FAILED'])
      expect(await isAlive()).toBe(true)
    })

    it('no return to an origin that is not listed', async () => {
      await me.visit(`/sign-in?return_to=${encodeURIComponent(unlistedUrl())}`)
      expect(me.path()).toBe('/account')
      await me.press('Sign out')
      await me.visit(`/sign-in?return_to=${encodeURIComponent(unlistedUrl())}`)
      await me.signIn(email)
      expect(me.path()).toBe('/account')
    })
  })
})

describe('an app on another site', () => {
  let app: RunningApp
  beforeAll(async () => {
    const [port, appPort] = [await freePort(), await freePort()]
    const issuer = `http://id.example.localhost:${port}`
    const origins = [`http://app.elsewhere.localhost:${appPort}`]
    await openWorld({ port, publicUrl: issuer, returnOrigins: origins, corsOrigins: origins })
    app = await startBrowserApp({ issuer, port: String(port) }, { port: appPort })
    await newContext()
  })
  afterAll(async () => {
    await context?.close()
    await app?.stop()
    await world?.stop()
  })

  it('gets the user back from the sign-in, and does not learn who it is', async () => {
    const { email } = await world.person({ signIn: false })
    const url = `http://app.elsewhere.localhost:${app.port}/`
    await page.goto(url)
    await me.follow('Sign in')
    await me.signIn(email)
    await page.waitForURL(url)
    await page.getByRole('link', { name: 'create an account' }).waitFor()
    expect(await isSignedIn()).toBe(false)
    await me.visit('/account')
    expect(await me.heading()).not.toBe('Sign in')
  })
})

const nginx = PROXIES.nginx.isThere() ? 'nginx' : `nginx (not run: install ${PROXIES.nginx.packages})`
describe.skipIf(!PROXIES.nginx.isThere())(`an app and Latchkey on one host, by ${nginx}`, () => {
  let app: RunningApp
  let proxy: Running
  const configuration = /```nginx\n([\s\S]*?)```/.exec(guide)?.[1] ?? ''
  beforeAll(async () => {
    const [port, proxyPort] = [await freePort(), await freePort()]
    const issuer = `http://localhost:${proxyPort}`
    await openWorld({ port, publicUrl: issuer, trustedProxies: ['127.0.0.1'] })
    app = await startBrowserApp({ issuer, port: String(port) }, { oneHost: true })
    proxy = await startProxy(
      'nginx',
      { proxy: proxyPort, latchkey: port, app: app.port },
      () => configuration,
    )
  })
  afterAll(async () => {
    await proxy?.stop()
    await app?.stop()
    await world?.stop()
  })

  describe('a journey', () => journey(() => `${world.config.publicUrl}/`, { sendsCookie: true }))

  it('refuses a request that changes something without the CSRF token, or from another origin', async () => {
    const { client } = await world.person()
    const post = async (headers: Record<string, string>) => {
      const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await fetch(`${world.config.publicUrl}/notes`, {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json', ...headers },
        body: '{"text":"tea"}',
      })
      return answer.status
    }
    const csrf = { 'x-csrf-token': client.csrfToken ?? '' }
    expect(await post({})).toBe(403)
    expect(await post({ ...csrf, origin: 'https://evil.example' })).toBe(403)
    expect(await post({ ...csrf, 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await post({ ...csrf, origin: world.config.publicUrl })).toBe(201)
  })

  it('forwards every path of Latchkey, except the first page and the metrics, which are for a scraper inside', () => {
    const pattern = new RegExp(/location ~ "(.+)" \{/.exec(configuration)?.[1] ?? '')
    const others = world.app.rows.map(({ path }) => path).filter((path) => !pattern.test(path))
    expect([...new Set(others)]).toEqual(['/', '/metrics'])
    expect(pattern.test('/assets/index-DiwrgTda.js')).toBe(false)
  })
})

it('the guide prints the files of the example', () => {
  const blocks = [...guide.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)]
  expect(blocks.map(([, name]) => name)).toEqual(['page.html', 'page.js', 'token.js', 'app.ts', 'cookie.js'])
  for (const [, name = '', code] of blocks)
    expect(code).toBe(readFileSync(join(ROOT, 'examples/browser-app', name), 'utf8'))
})
