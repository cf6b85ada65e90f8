/** The challenge of a 429 in the hosted forms: solved by the browser in the background, or waited for without JavaScript. */
import type { BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

let chromium: Chromium
let world: World
const open: BrowserContext[] = []

beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld({ rateLimits: 'standard' })
})
afterAll(async () => {
  await chromium?.close()
  await world?.stop()
})
afterEach(async () => {
  const complaints = open.flatMap(complaintsOf)
  await Promise.all(open.splice(0).map((context) => context.close()))
  expect(complaints).toEqual([])
  // every window has passed
  await world.clock.advance('2 hours')
})

async function newVisitor(options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await chromium.open({ locale: 'en-GB', ...options })
  open.push(context)
  return visitor(world, await context.newPage())
}

/** Uses up the limit of an operation. */
async function flood(path: string, body: Record<string, string>): Promise<void> {
  const client = world.client()
  for (let i = 0; i < 200; i++) if ((await client.post(path, body)).status === 429) return
  throw new Error(`${path} has no limit`)
}

/** The path of the script that runs in the worker. */
async function solverOf({ page }: Visitor): Promise<string> {
  const script = await page.locator('script[src]').first().getAttribute('src')
  const text = await (await fetch(world.url + script)).text()
  return /new Worker\('([^']+)'\)/.exec(text)?.[1] ?? ''
}

const WAIT = 'Too many requests in a short time. You can try again in 10 minutes.'
const WORKING = 'Your browser is doing a short calculation'
const SOLVED = 'so that the form was not sent. You can send it now.'
const SOLVED_PASSWORD = 'so that the form was not sent. Enter your password again, and send it now.'

describe('after too many requests of a network', () => {
  it('the sign-in form solves the challenge while the password is typed, and then signs in', async () => {
    const { email } = await world.person({ signIn: false })
    const me = await newVisitor()
    await flood('/api/v1/auth/login', { username: 'mallory', password: 'a wrong one of several words' })
    await me.signIn(email)
    expect(await me.heading()).toBe('Sign in')
    await expect.poll(() => me.text()).toContain(SOLVED_PASSWORD)
    expect(await me.text()).not.toContain(WAIT)
    await me.fill({ Password: PASSWORD })
    await me.press('Sign in')
    expect(me.path()).toBe('/account')
  })

  it('a form that is sent before the challenge is solved is sent as soon as it is', async () => {
    const me = await newVisitor()
    await me.visit('/forgot-password')
    await flood('/api/v1/auth/password/forgot', { email: 'ada@acme.test' })
    let release: () => void = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    await me.page.route(`**${await solverOf(me)}`, async (route) => {
      await released
      await route.continue()
    })
    await me.fill({ 'E-mail address': 'ada@acme.test' })
    await me.press('Send the link')
    await expect.poll(() => me.text()).toContain(WORKING)
    await me.page.getByRole('button', { name: 'Send the link' }).click()
    expect(await me.heading()).toBe('Forgot your password?')
    release()
    await expect.poll(() => me.heading()).toBe('Check your e-mail')
  })

  it('a form without a password says why it was not sent, and that it can be', async () => {
    const me = await newVisitor()
    await me.visit('/forgot-password')
    await flood('/api/v1/auth/password/forgot', { email: 'ada@acme.test' })
    await me.fill({ 'E-mail address': 'ada@acme.test' })
    await me.press('Send the link')
    await expect.poll(() => me.text()).toContain(SOLVED)
    await me.press('Send the link')
    expect(await me.heading()).toBe('Check your e-mail')
  })

  it('in German the sign-in form says that the password has to be entered again', async () => {
    const { email } = await world.person({ signIn: false })
    const me = await newVisitor({ locale: 'de-DE' })
    await flood('/api/v1/auth/login', { username: 'mallory', password: 'a wrong one of several words' })
    await me.visit('/sign-in')
    await me.page.locator('[name=identifier]').fill(email)
    await me.page.locator('[name=password]').fill(PASSWORD)
    await me.press('Anmelden')
    await expect
      .poll(() => me.text())
      .toContain('Geben Sie Ihr Passwort erneut ein, und senden Sie es jetzt ab.')
  })

  it('the sign-up form keeps what was typed, and can be sent', async () => {
    const me = await newVisitor()
    await me.visit('/sign-up')
    await flood('/api/v1/auth/register', { email: 'nonsense', password: 'x' })
    const send = async () => {
      for (const field of ['password', 'password_confirm'])
        await me.page.locator(`[name=${field}]`).fill(PASSWORD)
      await me.press('Create account')
    }
    await me.page.locator('[name=email]').fill('new@acme.test')
    await send()
    await expect.poll(() => me.text()).toContain(SOLVED_PASSWORD)
    expect(await me.page.locator('[name=email]').inputValue()).toBe('new@acme.test')
    await send()
    expect(await me.heading()).toBe('Check your e-mail')
  })

  it('without JavaScript the page says how long to wait and keeps what was typed', async () => {
    const me = await newVisitor({ javaScriptEnabled: false })
    await me.visit('/forgot-password')
    await flood('/api/v1/auth/password/forgot', { email: 'ada@acme.test' })
    await me.fill({ 'E-mail address': 'ada@acme.test' })
    await me.press('Send the link')
    expect(await me.text()).toContain(WAIT)
    expect(await me.text()).not.toContain(WORKING)
    expect(await me.page.locator('[name=email]').inputValue()).toBe('ada@acme.test')
    await world.clock.advance('10 minutes')
    await me.press('Send the link')
    expect(await me.heading()).toBe('Check your e-mail')
  })

  it('the page stays responsive while the hardest challenge is solved', async () => {
    const me = await newVisitor()
    await me.visit('/sign-in')
    const turns = await me.page.evaluate(
      async (path) => {
        const worker = new Worker(path)
        worker.postMessage({ challenge: 'x'.repeat(47), difficulty: 31 })
        let turns = 0
        for (; turns < 20; turns++) await new Promise((resolve) => setTimeout(resolve, 0))
        worker.terminate()
        return turns
      },
      await solverOf(me),
    )
    expect(turns).toBe(20)
  })
})
