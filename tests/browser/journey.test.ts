/**
 * End-to-end journey through the hosted pages in a real browser, with and without JavaScript: no step may require a
 * script. The tests of one mode are the steps of one journey and depend on each other.
 */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../packages/server/src/testing/client.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

const EMAIL = 'Ada.Lovelace@example.com'
const FIRST = 'correct horse battery staple'
const SECOND = 'a second one of several words'
const THIRD = 'third time is the charm, they say'

let world: World
let chromium: Chromium
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())

describe.each([
  { mode: 'with JavaScript', javaScriptEnabled: true },
  { mode: 'without JavaScript', javaScriptEnabled: false },
])('a journey $mode', ({ javaScriptEnabled }) => {
  let context: BrowserContext
  let me: Visitor
  beforeAll(async () => {
    world = await startWorld()
    context = await chromium.open({ javaScriptEnabled, locale: 'en-GB' })
    me = visitor(world, await context.newPage())
  })
  afterAll(async () => {
    await context?.close()
    await world?.stop()
  })
  afterEach(() => expect(complaintsOf(context)).toEqual([]))

  /** Another client signed in to the same account. */
  async function elsewhere(password: string): Promise<Client> {
    const client = world.client({ headers: { 'user-agent': 'elsewhere/1.0' } })
    await client.signIn(EMAIL, password)
    return client
  }
  const isSignedIn = async (client: Client) => (await client.get('/api/v1/auth/me')).status === 200

  it('starts at / and links to the sign-up', async () => {
    await me.visit('/')
    expect(await me.heading()).toBe('Sign in')
    await me.follow('Create an account')
    expect(await me.heading()).toBe('Create your account')
  })

  it('keeps the input if the passwords differ, except the passwords', async () => {
    await me.fill({
      'Full name (optional)': 'Ada Lovelace',
      'E-mail address': EMAIL,
      Password: FIRST,
      'Repeat the password': 'something else entirely',
    })
    await me.press('Create account')
    expect(await me.text()).toContain('The two entries are not the same.')
    expect(await me.page.title()).toMatch(/^Error: Create your account/)
    expect(await me.value('Full name (optional)')).toBe('Ada Lovelace')
    expect(await me.value('E-mail address')).toBe(EMAIL)
    expect(await me.value('Password')).toBe('')
    expect(await me.value('Repeat the password')).toBe('')
  })

  it('sends a verification e-mail, and sends it again', async () => {
    await me.fill({ Password: FIRST, 'Repeat the password': FIRST })
    await me.press('Create account')
    expect(await me.heading()).toBe('Check your e-mail')
    expect(await me.text()).toContain(EMAIL)
    expect(await world.mailbox.emailsTo(EMAIL)).toHaveLength(1)

    await world.clock.advance('2 minutes')
    await me.press('Send the e-mail again')
    expect(await me.text()).toContain('a new e-mail is on its way')
    expect(await world.mailbox.emailsTo(EMAIL)).toHaveLength(2)
  })

  it('does not sign in before the address is confirmed, and explains how to confirm it', async () => {
    await me.follow('Back to sign-in')
    await me.signIn(EMAIL, FIRST)
    expect(await me.heading()).toBe('Check your e-mail')
    expect(await me.text()).toContain(EMAIL)
  })

  it('refuses the link of the previous e-mail', async () => {
    const [, older] = await world.mailbox.emailsTo(EMAIL)
    await me.page.goto(older?.links[0] ?? '')
    expect(await me.heading()).toBe('This link no longer works')
    expect(await me.page.getByLabel('E-mail address').isVisible()).toBe(true)
  })

  it('confirms the address by the link, and is signed in', async () => {
    const link = await me.openEmail(EMAIL, /verify-email/)
    expect(await me.heading()).toBe('Confirm your address')
    expect(await me.text()).toContain(EMAIL)
    await me.press('Confirm address')
    expect(me.path()).toBe('/account')

    await me.page.goto(link)
    expect(await me.heading()).toBe('Your address is confirmed')
    await me.press('Sign out')
    expect(await me.heading()).toBe('You are signed out')
  })

  it('refuses a wrong password, keeps the identifier, and signs in with the right one', async () => {
    await me.signIn(EMAIL, 'a wrong one of several words')
    expect(await me.heading()).toBe('Sign in')
    expect(await me.text()).toContain('The e-mail address, the username or the password is wrong.')
    expect(await me.value('E-mail address or username')).toBe(EMAIL)
    expect(await me.value('Password')).toBe('')

    await me.fill({ Password: FIRST })
    await me.press('Sign in')
    expect(me.path()).toBe('/account')
    expect(await me.heading()).toBe('Your account')
    expect(await me.value('Full name (optional)')).toBe('Ada Lovelace')
  })

  it('saves the profile, and keeps the input if a field is refused', async () => {
    await me.fill({ 'Full name (optional)': 'Ada King', 'Username (optional)': 'ada lovelace!' })
    await me.press('Save profile')
    expect(await me.page.title()).toMatch(/^Error: /)
    expect(await me.value('Full name (optional)')).toBe('Ada King')
    expect(await me.value('Username (optional)')).toBe('ada lovelace!')

    await me.fill({ 'Username (optional)': 'ada' })
    await me.press('Save profile')
    expect(await me.text()).toContain('Profile saved.')
    await me.visit('/account')
    expect(await me.value('Full name (optional)')).toBe('Ada King')
    expect(await me.value('Username (optional)')).toBe('ada')
    expect(await me.text()).not.toContain('Profile saved.')
  })

  it('lists this session and another one, and ends the other', async () => {
    const other = await elsewhere(FIRST)
    await me.follow('Sessions')
    expect(await me.heading()).toBe('Sessions')
    expect(await me.text()).toMatch(/Chrome on Linux\s*This device/)
    const rows = me.page.getByRole('listitem').filter({ hasText: 'Signed in' })
    expect(await rows.count()).toBe(2)
    await me.page.getByRole('button', { name: /^End session/ }).click()
    expect(await me.text()).toContain('Session ended.')
    expect(await me.text()).toContain('You are not signed in anywhere else.')
    expect(await isSignedIn(other)).toBe(false)
  })

  it('ends all other sessions', async () => {
    const others = [await elsewhere(FIRST), await elsewhere(FIRST)]
    await me.follow('Sessions')
    await me.press('End all other sessions')
    expect(await me.text()).toContain('2 other sessions ended.')
    expect(await Promise.all(others.map(isSignedIn))).toEqual([false, false])
    await me.visit('/account')
    expect(await me.heading()).toBe('Your account')
  })

  it('changes the password, which ends the other sessions and keeps this one', async () => {
    const other = await elsewhere(FIRST)
    await me.follow('Security')
    await me.page.locator('summary', { hasText: 'Password' }).click()
    await me.follow('Change password')
    await me.fill({
      'Current password': 'not my password, really',
      'New password': SECOND,
      'Repeat the new password': SECOND,
    })
    await me.press('Change password')
    expect(await me.text()).toContain('This is not your current password.')
    expect(await isSignedIn(other)).toBe(true)

    await me.fill({ 'Current password': FIRST, 'New password': SECOND, 'Repeat the new password': SECOND })
    await me.press('Change password')
    expect(await me.text()).toContain('Password changed. Your other sessions have ended.')
    expect(await isSignedIn(other)).toBe(false)
    const old = await world.client().post('/api/v1/auth/login', { username: EMAIL, password: FIRST })
    expect(old.status).toBe(401)
    await me.follow('Overview')
    expect(await me.heading()).toBe('Your account')
  })

  it('signs out, and the back button shows nothing personal', async () => {
    await me.visit('/account')
    await me.visit('/account/sessions')
    await me.page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
    expect(await me.heading()).toBe('You are signed out')
    for (let steps = 0; steps < 2; steps++) {
      await me.page.goBack()
      expect(await me.heading()).toBe('Sign in')
      expect(await me.page.content()).not.toMatch(/Ada King|lovelace/i)
    }
    await me.visit('/account')
    expect(await me.heading()).toBe('Sign in')
  })

  it('resets a forgotten password by e-mail', async () => {
    const other = await elsewhere(SECOND)
    await me.visit('/sign-in')
    await me.follow('Forgot password?')
    await me.fill({ 'E-mail address': EMAIL })
    await me.press('Send the link')
    expect(await me.heading()).toBe('Check your e-mail')
    expect(await me.text()).toContain(EMAIL)

    const link = await me.openEmail(EMAIL, /reset-password/)
    expect(await me.heading()).toBe('Choose a new password')
    await me.fill({ 'New password': 'too short', 'Repeat the new password': 'too short' })
    await me.press('Save password')
    expect(await me.text()).toContain('Use at least 15 characters.')
    await me.fill({ 'New password': THIRD, 'Repeat the new password': THIRD })
    await me.press('Save password')
    expect(await me.heading()).toBe('Sign in')
    expect(await me.text()).toContain('Password changed. Sign in with the new one.')
    expect(await isSignedIn(other)).toBe(false)

    await me.page.goto(link)
    expect(await me.heading()).toBe('This link no longer works')
    await me.follow('Back to sign-in')
    await me.signIn('ada', SECOND)
    expect(await me.text()).toContain('is wrong.')
    await me.fill({ Password: THIRD })
    await me.press('Sign in')
    expect(await me.heading()).toBe('Your account')
  })

  it('deletes the account after a check of the password', async () => {
    await me.follow('Delete account …')
    expect(await me.heading()).toBe('Delete your account?')
    await me.fill({ 'Your password, to confirm': FIRST })
    await me.press('Delete my account')
    expect(await me.text()).toContain('This is not your current password.')
    await me.fill({ 'Your password, to confirm': THIRD })
    await me.press('Delete my account')
    expect(await me.heading()).toBe('Sign in')
    expect(await me.text()).toContain('Your account has been deleted.')
    await me.signIn(EMAIL, THIRD)
    expect(await me.text()).toContain('is wrong.')
  })
})
