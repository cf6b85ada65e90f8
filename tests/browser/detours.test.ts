/**
 * Exceptional paths through the pages: expired sessions and links, a locked account, an expired password, the first
 * administrator, another language. With and without JavaScript where it matters.
 */
import type { BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { linkIn } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, makeProfile, startChromium } from './chromium.ts'
import { read, type Visitor, visitor } from './visitor.ts'

const MODES = [
  { mode: 'with JavaScript', javaScriptEnabled: true },
  { mode: 'without JavaScript', javaScriptEnabled: false },
]

let chromium: Chromium
let world: World
const open: BrowserContext[] = []

beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())
afterEach(async () => {
  const complaints = open.flatMap(complaintsOf)
  await Promise.all(open.splice(0).map((context) => context.close()))
  expect(complaints).toEqual([])
})

async function newVisitor(options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await chromium.open({ locale: 'en-GB', ...options })
  open.push(context)
  return visitor(world, await context.newPage())
}

describe.each(MODES)('$mode', ({ javaScriptEnabled }) => {
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.stop())
  const visits = () => newVisitor({ javaScriptEnabled })

  it('redirects a visitor who is not signed in to sign-in, and then to the requested page', async () => {
    const { email } = await world.person({ signIn: false })
    const me = await visits()
    await me.visit('/account/sessions')
    expect(await me.heading()).toBe('Sign in')
    expect(await me.text()).toContain('Please sign in to continue.')
    await me.signIn(email, 'a wrong one of several words')
    await me.signIn(email)
    expect(me.path()).toBe('/account/sessions')
  })

  it('reports that the session has expired, and returns to the page after sign-in', async () => {
    const { email } = await world.person({ signIn: false })
    const me = await visits()
    await me.signIn(email)
    await world.clock.advance('31 minutes')
    await me.follow('Security')
    expect(await me.heading()).toBe('Sign in')
    expect(await me.text()).toContain('Your session has expired. Please sign in again.')
    await me.signIn(email)
    expect(me.path()).toBe('/account/security')
  })

  it('links back to the page of a form that is sent too late', async () => {
    const { email } = await world.person()
    const me = await visits()
    await me.signIn(email)
    await me.visit('/account/sessions')
    await world.clock.advance('31 minutes')
    await me.page.getByRole('button', { name: /^End session/ }).click()
    expect(await me.heading()).toBe('Your session has expired')
    await me.follow('Sign in')
    await me.signIn(email)
    expect(me.path()).toBe('/account/sessions')
  })

  it('creates the first administrator by the set-up link, once', async () => {
    const link = (await world.app.setupLink()) ?? ''
    const me = await visits()
    await me.page.goto(link)
    expect(await me.heading()).toBe('Welcome to Latchkey')
    const email = 'root@example.com'
    await me.fill({ 'E-mail address': email, Password: PASSWORD, 'Repeat the password': 'another' })
    await me.press('Create administrator')
    expect(await me.text()).toContain('The two entries are not the same.')
    expect(await me.value('E-mail address')).toBe(email)
    await me.fill({ Password: PASSWORD, 'Repeat the password': PASSWORD })
    await me.press('Create administrator')
    expect(me.path()).toBe('/account')
    expect(await me.text()).toContain(email)

    await me.page.goto(link)
    expect(await me.heading()).toBe('This set-up link is no longer valid')
    expect(await world.app.setupLink()).toBeNull()
  })

  it('reports that the link of an e-mail has expired, and sends a new one', async () => {
    const email = 'late@example.com'
    await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
    await world.mailbox.emailTo(email)
    await world.clock.advance('25 hours')
    const me = await visits()
    await me.openEmail(email, /verify-email/)
    expect(await me.heading()).toBe('This link has expired')
    await me.fill({ 'E-mail address': email })
    await me.press('Send a new e-mail')
    expect(await me.heading()).toBe('Check your e-mail')
    await me.openEmail(email, /verify-email/)
    await me.press('Confirm address')
    expect(await me.heading()).toBe('Your address is confirmed')

    await me.visit('/forgot-password')
    await me.fill({ 'E-mail address': email })
    await me.press('Send the link')
    await world.mailbox.emailTo(email, /Reset/)
    await world.clock.advance('61 minutes')
    await me.openEmail(email, /reset-password/)
    expect(await me.heading()).toBe('This link has expired')
    await me.follow('Request a new link')
    expect(await me.heading()).toBe('Forgot your password?')
  })

  it('warns before the lock-out of an account, shows its duration, and ends it', async () => {
    const { email } = await world.person({ signIn: false })
    const me = await visits()
    const alerts: string[] = []
    for (let attempt = 1; attempt <= 6; attempt++) {
      await me.signIn(email, `wrong password number ${attempt}`)
      alerts.push(await read(me.page.getByRole('alert')))
    }
    expect(alerts.map((text) => text.replaceAll(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/is wrong\.$/),
      expect.stringMatching(/After 3 more failed attempts, sign-in is locked for a while\.$/),
      expect.stringMatching(/After 2 more failed attempts, /),
      expect.stringMatching(/After one more failed attempt, /),
      expect.stringMatching(/is wrong\.|locked/i),
      'Too many failed attempts. You can try again in 15 minutes.',
    ])
    await me.signIn(email)
    expect(await me.text()).toContain('You can try again in 15 minutes.')
    await world.clock.advance('15 minutes')
    await me.signIn(email)
    expect(me.path()).toBe('/account')
  })

  it('uses the language of the browser, also in errors and e-mails', async () => {
    const email = 'grete@example.com'
    const me = await newVisitor({ javaScriptEnabled, locale: 'de-AT' })
    await me.visit('/sign-up')
    expect(await me.page.locator('html').getAttribute('lang')).toBe('de')
    expect(await me.page.title()).toMatch(/^Konto /)
    await me.fill({ 'E-Mail-Adresse': email })
    await me.page.locator('[name=password]').fill('kurz')
    await me.page.locator('[name=password_confirm]').fill('kurz')
    await me.page.locator('main [type=submit]').click()
    expect(await me.text()).toContain('Verwenden Sie mindestens 15 Zeichen.')
    await me.page.locator('[name=password]').fill(PASSWORD)
    await me.page.locator('[name=password_confirm]').fill(PASSWORD)
    await me.page.locator('main [type=submit]').click()
    expect(await me.text()).toContain(email)
    const verification = await world.mailbox.emailTo(email)
    expect(verification.subject).toBe('Bestätigen Sie Ihre E-Mail-Adresse für Latchkey')
    await me.page.goto(linkIn(verification, /verify-email/))
    expect(await me.heading()).toBe('E-Mail-Adresse bestätigen')
    await me.visit('/nothing/here')
    expect(await me.heading()).toBe('Seite nicht gefunden')
  })

  it('uses the language of the profile', async () => {
    const { email } = await world.person({ signIn: false })
    const me = await visits()
    await me.signIn(email)
    await me.page.getByLabel('Language').selectOption('Deutsch')
    await me.press('Save profile')
    expect(await me.page.locator('html').getAttribute('lang')).toBe('de')
    expect(await me.text()).toContain('Abmelden')
    // an error page is in the language of the profile as well
    await me.visit('/nothing/here')
    expect(await me.heading()).toBe('Seite nicht gefunden')
    await me.page.getByRole('main').getByRole('link', { name: 'Zu Ihrem Konto' }).click()
    expect(me.path()).toBe('/account')
    await me.visit('/verify-email/resend')
    await me.press('Abmelden')
    expect(await me.heading()).toBe('You are signed out')
  })

  it('returns to the requested page after a sign-up', async () => {
    const email = 'wanderer@example.com'
    const me = await visits()
    await me.visit('/account/sessions')
    await me.follow('Create an account')
    await me.fill({ 'E-mail address': email, Password: PASSWORD, 'Repeat the password': PASSWORD })
    await me.press('Create account')
    await me.openEmail(email, /verify-email/)
    await me.press('Confirm address')
    expect(me.path()).toBe('/account/sessions')
  })

  it('shows the e-mails at /dev/outbox, with links that work', async () => {
    const email = 'outbox@example.com'
    await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
    const { subject } = await world.mailbox.emailTo(email)
    const me = await visits()
    await me.visit('/dev/outbox')
    await me.page.getByRole('link', { name: email }).first().click()
    expect(await me.page.getByRole('article').count()).toBe(1)
    expect(await me.text()).toContain(subject)
    await me.page.getByRole('link', { name: 'as HTML' }).click()
    await me.page.getByRole('link', { name: 'Verify address' }).click()
    expect(await me.heading()).toBe('Confirm your address')
    await me.visit('/dev/outbox')
    await me.page
      .getByRole('link', { name: /\/verify-email\?/ })
      .first()
      .click()
    expect(await me.heading()).toBe('Confirm your address')
  })
})

describe.each(MODES)('an expired password $mode', ({ javaScriptEnabled }) => {
  const FIRST = 'Old-and-grey-7'
  const SECOND = 'Fresh-as-rain-8'
  beforeAll(async () => {
    world = await startWorld({ passwordProfile: 'classic' })
  })
  afterAll(() => world?.stop())

  it('must be changed before the sign-in continues', async () => {
    const { email } = await world.person({ password: FIRST, signIn: false })
    await world.clock.advance('91 days')
    const me = await newVisitor({ javaScriptEnabled })
    await me.visit('/account/sessions')
    await me.signIn(email, FIRST)
    expect(await me.heading()).toBe('Your password has expired')
    await me.fill({ 'New password': FIRST, 'Repeat the new password': FIRST })
    await me.press('Save and continue')
    expect(await me.heading()).toBe('Your password has expired')
    expect(await me.text()).toContain('You have used this password before.')
    await me.fill({ 'New password': SECOND, 'Repeat the new password': SECOND })
    await me.press('Save and continue')
    expect(me.path()).toBe('/account/sessions')
    expect(await me.heading()).toBe('Sessions')
  })

  it('opens no other page until it is changed, because the sign-in is not complete', async () => {
    const { email } = await world.person({ password: FIRST, signIn: false })
    await world.clock.advance('91 days')
    const me = await newVisitor({ javaScriptEnabled })
    await me.signIn(email, FIRST)
    for (const path of ['/', '/account', '/account/delete']) {
      await me.visit(path)
      expect(await me.heading()).toBe('Sign in')
    }
    await me.visit('/sign-in/new-password')
    expect(await me.heading()).toBe('Your password has expired')
    await me.fill({ 'New password': SECOND, 'Repeat the new password': SECOND })
    await me.press('Save and continue')
    expect(me.path()).toBe('/account')
  })
})

describe('the back button, with a back/forward cache', () => {
  let keeping: Chromium
  beforeAll(async () => {
    keeping = await startChromium({ keepsPages: true })
    world = await startWorld()
  })
  afterAll(async () => {
    await keeping?.close()
    await world?.stop()
  })

  it('shows a form that can be sent again, and nothing personal after signing out', async () => {
    const { email } = await world.person({ signIn: false })
    const context = await keeping.open({ locale: 'en-GB' })
    open.push(context)
    const me = visitor(world, await context.newPage())
    const back = async (heading: string) => {
      await me.page.evaluate('history.back()')
      await me.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
    }
    await me.visit('/forgot-password')
    await me.fill({ 'E-mail address': email })
    await me.press('Send the link')
    await me.page.getByRole('heading', { name: 'Check your e-mail' }).waitFor()
    await back('Forgot your password?')
    await me.press('Send the link')
    await me.page.getByRole('heading', { name: 'Check your e-mail' }).waitFor()

    await me.signIn(email)
    await me.visit('/account')
    await me.visit('/account/sessions')
    await me.page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
    await me.page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await back('Sign in')
    expect(me.path()).toBe('/sign-in?return_to=%2Faccount%2Fsessions')
    await me.page.evaluate('history.back()')
    await expect.poll(() => me.path()).toBe('/sign-in?return_to=%2Faccount')
    expect(await me.heading()).toBe('Sign in')
    expect(await me.page.content()).not.toContain(email)
  })
})

describe('keep me signed in', () => {
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.stop())

  it('survives a restart of the browser; without it, a restart signs out', async () => {
    const { email } = await world.person({ signIn: false })
    const profile = await makeProfile({ locale: 'en-GB' })
    /** Starts the browser and opens /account. @returns the path that is shown */
    async function started(then?: (me: Visitor) => Promise<void>): Promise<string> {
      const context = await profile.start()
      const me = visitor(world, context.pages()[0] ?? (await context.newPage()))
      await me.visit('/account')
      const path = me.path()
      await then?.(me)
      await context.close()
      return path
    }
    try {
      expect(await started((me) => me.signIn(email))).toMatch(/^\/sign-in/)
      expect(await started((me) => me.signIn(email, PASSWORD, { remember: true }))).toMatch(/^\/sign-in/)
      expect(await started()).toBe('/account')
      await world.clock.advance('6 days')
      expect(await started()).toBe('/account')
      await world.clock.advance('8 days')
      expect(await started()).toMatch(/^\/sign-in\?.*expired=1/)
    } finally {
      await profile.remove()
    }
  })
})
