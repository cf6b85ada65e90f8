/**
 * A change of the address in a real browser, with and without JavaScript: requested, withdrawn, confirmed and undone.
 */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

const OLD = 'ada@example.com'
const NEW = 'ada@new.example.com'
const NEXT = 'a second one of several words'

let chromium: Chromium
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())

describe.each([
  { mode: 'with JavaScript', javaScriptEnabled: true },
  { mode: 'without JavaScript', javaScriptEnabled: false },
])('a change of the address $mode', ({ javaScriptEnabled }) => {
  let world: World
  let context: BrowserContext
  let me: Visitor
  beforeAll(async () => {
    world = await startWorld()
    await world.person({ email: OLD, signIn: false })
    context = await chromium.open({ javaScriptEnabled, locale: 'en-GB' })
    me = visitor(world, await context.newPage())
    await me.signIn(OLD)
  })
  afterAll(async () => {
    await context?.close()
    await world?.stop()
  })
  afterEach(() => expect(complaintsOf(context)).toEqual([]))

  const request = async (password = PASSWORD) => {
    await me.visit('/account/email')
    await me.fill({ 'New e-mail address': NEW, 'Your password, to confirm': password })
    await me.press('Send the link')
  }

  it('keeps the new address in the form if the password is wrong', async () => {
    await request('not my password, really')
    expect(await me.heading()).toBe('Change your e-mail address')
    expect(await me.text()).toContain('This is not your current password.')
    expect(await me.value('New e-mail address')).toBe(NEW)
  })

  it('is shown while it waits, and can be withdrawn, after which its link does not work', async () => {
    await request()
    expect(await me.text()).toContain(`We have sent a link to ${NEW}.`)
    await me.press('Withdraw the change')
    expect(await me.text()).toContain('The change was withdrawn. Your address is unchanged.')
    await me.openEmail(NEW, /email-change\?/)
    expect(await me.heading()).toBe('This link no longer works')
  })

  it('counts when the link is confirmed, also when the link is opened again', async () => {
    await world.clock.advance('2 minutes')
    await request()
    const link = await me.openEmail(NEW, /email-change\?/)
    expect(await me.heading()).toBe('Confirm your new address')
    expect(await me.text()).toContain(`Use ${NEW} for your account from now on?`)
    await me.press('Confirm address')
    expect(await me.heading()).toBe('Your address was changed')
    await me.page.goto(link)
    expect(await me.heading()).toBe('Your address was changed')
    await me.follow('Go to your account')
    expect(await me.text()).toContain(NEW)
  })

  it('is undone by the link to the old address, which ends the session and asks for a new password', async () => {
    await me.openEmail(OLD, /email-change\/undo/)
    expect(await me.heading()).toBe('Undo the change of your address?')
    await me.press('Undo the change')
    expect(await me.heading()).toBe('The change was undone')
    await me.follow('Choose a new password')
    await me.fill({ 'New password': NEXT, 'Repeat the new password': NEXT })
    await me.press('Save password')
    expect(await me.heading()).toBe('Sign in')
    await me.signIn(NEW, NEXT)
    expect(await me.text()).toContain('is wrong.')
    await me.signIn(OLD, NEXT)
    expect(await me.heading()).toBe('Your account')
  })
})
