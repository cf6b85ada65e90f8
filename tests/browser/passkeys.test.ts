/** Passkeys in Chromium, with a virtual authenticator: adding one, signing in with it, and living without JavaScript. */
import { readFileSync } from 'node:fs'
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { addAuthenticator, type VirtualAuthenticator } from './authenticator.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

const LIST = '/account/security/passkeys'

let chromium: Chromium
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())

interface Browser {
  context: BrowserContext
  me: Visitor
  authenticator: VirtualAuthenticator
}

async function open(world: World, options = {}): Promise<Browser> {
  const context = await chromium.open({ locale: 'en-GB' })
  const page = await context.newPage()
  return { context, me: visitor(world, page), authenticator: await addAuthenticator(page, options) }
}

/** The codes of the page, after they were copied, downloaded and printed. */
async function savedCodes(context: BrowserContext, { page }: Visitor): Promise<string[]> {
  await page.getByRole('heading', { name: 'Save your backup codes' }).waitFor()
  const codes = await page.locator('#codes li').allInnerTexts()
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  const copied = String(await page.evaluate('navigator.clipboard.readText()'))
  expect(copied.split(/\s+/)).toEqual(codes)
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download' }).click(),
  ])
  expect(file.suggestedFilename()).toBe('backup-codes.txt')
  const text = readFileSync(await file.path(), 'utf8')
  expect(text.split('\r\n').slice(2, -1)).toEqual(codes)
  await page.evaluate('window.print = () => { document.body.dataset.printed = "yes" }')
  await page.getByRole('button', { name: 'Print' }).click()
  expect(await page.locator('body').getAttribute('data-printed')).toBe('yes')
  await page.emulateMedia({ media: 'print' })
  expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(false)
  expect(await page.locator('#codes').isVisible()).toBe(true)
  await page.emulateMedia({ media: null })
  return codes
}

const at = (me: Visitor, path: string) => me.page.waitForURL((url) => url.pathname + url.search === path)

describe('a passkey', () => {
  let world: World
  let browser: Browser
  let email: string
  beforeAll(async () => {
    world = await startWorld()
    browser = await open(world)
    ;({ email } = await world.person({ signIn: false }))
  })
  afterAll(async () => {
    await browser?.context.close()
    await world?.stop()
  })
  afterEach(() => expect(complaintsOf(browser.context)).toEqual([]))

  it('is added on the security page, with backup codes that are copied, downloaded and printed', async () => {
    const { context, me, authenticator } = browser
    await me.signIn(email)
    await me.visit(LIST)
    expect(await me.text()).toContain('You have no passkey yet.')
    await me.follow('Add a passkey')
    expect(await me.text()).not.toContain('need JavaScript')
    await me.fill({ 'Name (optional)': 'Laptop' })
    await me.press('Create passkey')
    const codes = await savedCodes(context, me)
    expect(codes).toHaveLength(10)
    await me.follow('I have saved them')
    await at(me, `${LIST}?done=added`)
    expect(await me.text()).toContain('Passkey added.')
    expect(await me.text()).toContain('Laptop')
    expect(await authenticator.passkeys()).toHaveLength(1)
  })

  it('is not added twice to one device, which the page says', async () => {
    const { me, authenticator } = browser
    await me.visit(`${LIST}/new`)
    await me.press('Create passkey')
    await me.page.getByText('This device has a passkey of your account already.').waitFor()
    expect(await authenticator.passkeys()).toHaveLength(1)
  })

  it('signs in from the field of the user name, without a click', async () => {
    const { me } = browser
    await me.visit('/sign-out')
    await me.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
    await me.visit('/sign-in?return_to=%2Faccount%2Fsessions')
    await at(me, '/account/sessions')
    expect(await me.heading()).toBe('Sessions')
  })

  it('signs in by the button, where the browser does not offer it by itself, and is remembered', async () => {
    const { me, authenticator } = browser
    await me.visit('/sign-out')
    await me.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
    await authenticator.answers(false)
    await me.visit('/sign-in')
    await me.page.getByLabel('Keep me signed in').check()
    await authenticator.answers(true)
    await me.press('Sign in with a passkey')
    await at(me, '/account')
    await me.visit('/account/sessions')
    expect(await me.text()).toContain('stays signed in')
  })

  it('is renamed and removed, and no longer signs in', async () => {
    const { me, authenticator } = browser
    await me.visit(LIST)
    await me.page.getByRole('link', { name: 'Rename: Laptop' }).click()
    await me.fill({ Name: 'Old laptop' })
    await me.press('Save name')
    await at(me, `${LIST}?done=renamed`)
    await me.page.getByRole('link', { name: 'Remove: Old laptop' }).click()
    expect(await me.text()).toContain('your backup codes and all your other sessions will end')
    await me.press('Remove')
    await at(me, `${LIST}?done=removed_last`)
    expect(await me.text()).toContain('You have no passkey yet.')

    await me.visit('/sign-out')
    await me.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
    await authenticator.answers(false)
    await me.visit('/sign-in')
    await me.signIn(email)
    await at(me, '/account')
  })
})

describe('a second factor', () => {
  let world: World
  let browser: Browser
  beforeAll(async () => {
    world = await startWorld()
    browser = await open(world, { verifiesUser: false })
  })
  afterAll(async () => {
    await browser?.context.close()
    await world?.stop()
  })
  afterEach(() => expect(complaintsOf(browser.context)).toEqual([]))

  it('by a passkey that does not verify its user follows the password', async () => {
    const { me } = browser
    const { email } = await world.person({ signIn: false })
    await me.signIn(email)
    await me.visit(`${LIST}/new`)
    await me.press('Create passkey')
    await me.follow('I have saved them')
    await at(me, `${LIST}?done=added`)
    expect(await me.text()).toContain('After the password only')

    await me.visit('/sign-out')
    await me.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
    await me.signIn(email)
    await at(me, '/second-factor')
    await me.press('Use a passkey')
    await at(me, '/account')
  })

  it('that is required is set up within the sign-in', async () => {
    const required = await startWorld({ mfa: 'required' })
    const other = await open(required)
    const { email } = await required.person({ signIn: false })
    await other.me.visit('/sign-in')
    await other.me.signIn(email)
    await at(other.me, '/second-factor/enrol')
    await other.me.visit('/second-factor/enrol?method=passkey')
    await other.me.press('Create passkey')
    // its backup codes come first
    await other.me.page.locator('main a[href="/account"]').click()
    await at(other.me, '/account')
    expect(await other.authenticator.passkeys()).toHaveLength(1)
    expect(complaintsOf(other.context)).toEqual([])
    await other.context.close()
    await required.stop()
  })
})

describe('without JavaScript', () => {
  it('the password signs in, and the page of passkeys says what they need', async () => {
    const world = await startWorld()
    const context = await chromium.open({ javaScriptEnabled: false, locale: 'en-GB' })
    const me = visitor(world, await context.newPage())
    const { email } = await world.person({ signIn: false })
    await me.visit('/sign-in')
    expect(await me.page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0)
    await me.signIn(email)
    await me.visit(`${LIST}/new`)
    expect(await me.text()).toContain('Passkeys need JavaScript')
    expect(await me.page.getByRole('button', { name: 'Create passkey' }).count()).toBe(0)
    await context.close()
    await world.stop()
  })
})

it('a passkey that was removed by an administrator is sent once, and the page says that it is not accepted', async () => {
  const world = await startWorld()
  const { context, me } = await open(world)
  try {
    const { id, email } = await world.person({ signIn: false })
    await me.signIn(email)
    await me.visit(`${LIST}/new`)
    await me.press('Create passkey')
    await me.follow('I have saved them')
    await at(me, `${LIST}?done=added`)
    await world.db.tx('system', (tx) => tx.deleteFrom('factors').where('user_id', '=', id).execute())
    await me.visit('/sign-out')
    await me.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
    let sent = 0
    me.page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().endsWith('/sign-in/passkey')) sent += 1
    })
    await me.visit('/sign-in')
    const refusal = 'This passkey is not accepted here any more. Sign in another way.'
    await me.page.getByText(refusal).waitFor()
    await me.page.waitForLoadState('networkidle')
    expect(sent).toBe(1)
    expect(await me.text()).not.toContain('password is wrong')
    await Promise.all([
      me.page.waitForResponse((response) => response.url().endsWith('/sign-in/passkey')),
      me.page.getByRole('button', { name: 'Sign in with a passkey' }).click(),
    ])
    await me.page.getByText(refusal).waitFor()
    expect(sent).toBe(2)
    await me.signIn(email)
    await at(me, '/account')
    expect(complaintsOf(context)).toEqual([])
  } finally {
    await context.close()
    await world.stop()
  }
})
