/** Signing in to an app in Chromium, whose forms end in a redirect to another origin; with scripts, without, and in German. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizePath, type TestApp, testApp, VERIFIER } from '../../packages/server/src/testing/apps.ts'
import { pngLogo } from '../../packages/server/src/testing/png.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { look } from './look.ts'
import { type Visitor, visitor } from './visitor.ts'

let world: World
let chromium: Chromium
let server: Server
let callback: string
let app: TestApp
/** What the app has received, the latest last. */
const received: URLSearchParams[] = []

beforeAll(async () => {
  world = await startWorld()
  chromium = await startChromium()
  server = createServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://app')
    if (url.pathname !== '/callback') return void res.writeHead(204).end()
    let body = ''
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      received.push(req.method === 'POST' ? new URLSearchParams(body) : url.searchParams)
      res.writeHead(200, { 'content-type': 'text/html' }).end('<title>App</title><h1>Back in the app</h1>')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  callback = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  app = await testApp(
    world,
    { redirect_uris: [callback], policy_uri: 'https://app.example.com/privacy', logo_uri: pngLogo(96) },
    { name: 'Acme Portal' },
  )
})
afterAll(async () => {
  await chromium?.close()
  await world?.stop()
  server?.close()
})

async function inBrowser(
  options: BrowserContextOptions,
  act: (me: Visitor, context: BrowserContext) => Promise<void>,
): Promise<void> {
  const context = await chromium.open({ locale: 'en-GB', ...options })
  try {
    await act(visitor(world, await context.newPage()), context)
  } finally {
    await context.close()
  }
}

const begun = (more: Record<string, string> = {}) =>
  authorizePath(app, { redirect_uri: callback, scope: 'openid profile email offline_access', ...more })
const TEXTS = {
  'en-GB': { signIn: 'Sign in', password: 'Password', allow: 'Allow', title: 'Allow Acme Portal?' },
  'de-DE': { signIn: 'Anmelden', password: 'Passwort', allow: 'Erlauben', title: 'Acme Portal erlauben?' },
} as const

describe('an app', () => {
  it.each([
    ['with JavaScript', { javaScriptEnabled: true, locale: 'en-GB' }],
    ['without JavaScript', { javaScriptEnabled: false, locale: 'en-GB' }],
    ['in German', { javaScriptEnabled: true, locale: 'de-DE' }],
  ] as const)('signs a user in through the form, a question, and back: %s', async (_mode, options) => {
    const { email, client } = await world.person()
    // pages for a user are in the language of the account
    await client.patch('/api/v1/users/me', { locale: options.locale.slice(0, 2) })
    await inBrowser(options, async (me, context) => {
      const texts = TEXTS[options.locale]
      await me.visit(begun())
      expect(await me.text()).toContain('Acme Portal')
      await look(me, `continues-${options.locale}-${options.javaScriptEnabled}`)
      await me.page.locator('[name=identifier]').fill(email)
      await me.page.locator('[name=password]').fill(PASSWORD)
      await me.press(texts.signIn)
      expect(await me.heading()).toBe(texts.title)
      expect(await me.text()).toContain(email)
      await look(me, `consent-${options.locale}-${options.javaScriptEnabled}`)
      await me.press(texts.allow)
      await me.page.getByText('Back in the app').waitFor()
      const code = received.at(-1)?.get('code') ?? ''
      const { status, body } = await app.exchange(code, { redirect_uri: callback, code_verifier: VERIFIER })
      expect([status, body.scope]).toEqual([200, 'openid profile email offline_access'])
      expect(complaintsOf(context)).toEqual([])
    })
  })

  it('gets the answer by a form, which a script sends, and without scripts a button', async () => {
    const { email } = await world.person({ signIn: false })
    for (const javaScriptEnabled of [true, false])
      await inBrowser({ javaScriptEnabled }, async (me, context) => {
        await me.visit(begun({ response_mode: 'form_post' }))
        await me.signIn(email)
        if (javaScriptEnabled) await me.press('Allow')
        else await me.page.getByRole('button', { name: 'Continue' }).click()
        await me.page.getByText('Back in the app').waitFor()
        expect(received.at(-1)?.get('code')).toMatch(/^ac_/)
        expect(received.at(-1)?.get('iss')).toBe(world.config.publicUrl)
        expect(complaintsOf(context)).toEqual([])
      })
  })

  it('learns that the user does not allow it, also by another account', async () => {
    const [{ email }, other] = [await world.person({ signIn: false }), await world.person({ signIn: false })]
    await inBrowser({}, async (me) => {
      await me.visit(begun())
      await me.signIn(email)
      await me.press('Use another account')
      await me.signIn(other.email)
      expect(await me.heading()).toBe('Allow Acme Portal?')
      await me.press('Do not allow')
      await me.page.getByText('Back in the app').waitFor()
      expect(received.at(-1)?.get('error')).toBe('access_denied')
    })
  })

  it.each([
    ['with JavaScript', { javaScriptEnabled: true, locale: 'en-GB' }, 'Cancel'],
    ['without JavaScript, in German', { javaScriptEnabled: false, locale: 'de-DE' }, 'Abbrechen'],
  ] as const)(
    'learns that the user has cancelled the proof that it demands: %s',
    async (_mode, options, cancel) => {
      const { email, client } = await world.person()
      await client.patch('/api/v1/users/me', { locale: options.locale.slice(0, 2) })
      await inBrowser(options, async (me, context) => {
        await me.visit('/sign-in')
        await me.page.locator('[name=identifier]').fill(email)
        await me.page.locator('[name=password]').fill(PASSWORD)
        await me.press(TEXTS[options.locale].signIn)
        await me.visit(begun({ prompt: 'login' }))
        expect(new URL(me.page.url()).pathname).toBe('/step-up')
        expect(await me.text()).toContain('Acme Portal')
        await look(me, `app-step-up-${options.locale}-${options.javaScriptEnabled}`)
        await me.press(cancel)
        await me.page.getByText('Back in the app').waitFor()
        expect(received.at(-1)?.get('error')).toBe('access_denied')
        expect(received.at(-1)?.get('iss')).toBe(world.config.publicUrl)
        expect(complaintsOf(context)).toEqual([])
      })
    },
  )

  it('that is not known, or names another address, leads nowhere', async () => {
    await inBrowser({}, async (me) => {
      await me.visit(authorizePath(app, { redirect_uri: 'https://evil.example/' }))
      expect(await me.heading()).toBe('This app cannot sign you in')
      await look(me, 'app-refused')
      await me.visit(`${begun()}&state=a&state=b`)
      await look(me, 'app-unreadable')
    })
  })
})

describe('signing out by an app', () => {
  it('asks the user where nothing proves who asks', async () => {
    const { email } = await world.person({ signIn: false })
    await inBrowser({}, async (me) => {
      await me.signIn(email)
      await me.visit('/oidc/logout')
      await look(me, 'logout-question')
    })
  })
})
