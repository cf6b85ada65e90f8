/** Signing in by e-mail in Chromium, with and without JavaScript: by the six digits, and by the link, here and elsewhere. */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

let chromium: Chromium
let world: World
const contexts: BrowserContext[] = []
beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
})
afterAll(async () => {
  await chromium?.close()
  await world?.stop()
})
afterEach(async () => {
  for (const context of contexts.splice(0)) {
    expect(complaintsOf(context)).toEqual([])
    await context.close()
  }
})

/** A browser with separate cookies. */
async function open(javaScriptEnabled: boolean): Promise<Visitor> {
  const context = await chromium.open({ locale: 'en-GB', javaScriptEnabled })
  contexts.push(context)
  return visitor(world, await context.newPage())
}
const at = (me: Visitor, path: string) => me.page.waitForURL((url) => url.pathname === path)

/** The newest e-mail to the address, as an app under test reads it. */
async function readOutbox(address: string): Promise<{ text: string; links: string[] }> {
  const emails: { to: string; text: string; links: string[] }[] = JSON.parse(
    (await world.client().get('/dev/outbox.json')).text,
  )
  const email = emails.find(({ to }) => to === address)
  if (!email) throw new Error(`no e-mail to ${address}`)
  return email
}
async function linkTo(address: string): Promise<string> {
  const link = (await readOutbox(address)).links.find((one) => one.includes('/sign-in/link?'))
  if (!link) throw new Error('the e-mail has no link to sign in')
  return link
}

async function request(me: Visitor, email: string, button: 'Send me a code' | 'Send me a link') {
  await me.visit('/sign-in/email')
  await me.fill({ 'E-mail address': email })
  await me.press(button)
}
async function expectSignedIn(me: Visitor, email: string) {
  await at(me, '/account')
  expect(await me.text()).toContain(email)
}
async function expectSignedOut(me: Visitor) {
  await me.visit('/account')
  await at(me, '/sign-in')
}

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('signing in by e-mail, %s', (_, isScripted) => {
  it('by the six digits, after wrong ones', async () => {
    const me = await open(isScripted)
    const { email } = await world.person({ signIn: false })
    await request(me, email, 'Send me a code')
    await at(me, '/sign-in/code')
    expect(await me.heading()).toBe('Enter the code')
    const code = /\b\d{6}\b/.exec((await readOutbox(email)).text)?.[0] ?? ''
    await me.fill({ Code: code === '123456' ? '654321' : '123456' })
    await me.press('Sign in')
    await me.page.locator('#field-code-error').waitFor()
    expect(await me.text()).toContain('This is not the code from the e-mail, or it has expired.')
    await me.fill({ Code: `${code.slice(0, 3)} ${code.slice(3)}` })
    await me.press('Sign in')
    await expectSignedIn(me, email)
  })

  it('by the link, in the browser that requested it, after a scanner has opened it', async () => {
    const me = await open(isScripted)
    const { email } = await world.person({ signIn: false })
    await request(me, email, 'Send me a link')
    await me.page.getByText('Open the link in this browser.').waitFor()
    expect(await me.heading()).toBe('Check your e-mail')
    const link = await linkTo(email)
    for (const method of ['HEAD', 'GET', 'HEAD', 'GET']) {
      const scanned = await fetch(link, { method, redirect: 'manual' })
      expect([method, scanned.status]).toEqual([method, 200])
      expect(scanned.headers.getSetCookie().join()).not.toContain('session')
    }
    await me.page.goto(link)
    expect(await me.heading()).toBe('Sign in')
    expect(await me.text()).toContain(`Sign in to the account ${email}.`)
    await me.press('Sign in')
    await expectSignedIn(me, email)
    // used: the browser that is signed in goes to its account, others learn that it is spent
    await me.page.goto(link)
    await at(me, '/account')
    const other = await open(isScripted)
    await other.page.goto(link)
    expect(await other.heading()).toBe('This link is no longer valid')
  })

  it('by the link, in another browser, which confirms it and is the one that is signed in', async () => {
    const [me, other] = [await open(isScripted), await open(isScripted)]
    const { email } = await world.person({ signIn: false })
    await request(me, email, 'Send me a link')
    await me.page.getByText('Open the link in this browser.').waitFor()
    await other.page.goto(await linkTo(email))
    expect(await other.heading()).toBe('Sign in in this browser?')
    expect(await other.text()).toContain('If you did not request it, close this page.')
    await expectSignedOut(me)
    await other.press('Sign in here')
    await expectSignedIn(other, email)
    await expectSignedOut(me)
  })
})
