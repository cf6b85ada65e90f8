/** The step-up in Chromium, with and without JavaScript: what was entered is kept while a person proves or sets up more. */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeOf } from '../../packages/server/src/testing/authenticator-app.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { addAuthenticator } from './authenticator.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { overdueOrganization } from './factor-pages.ts'
import { read, type Visitor, visitor } from './visitor.ts'

let chromium: Chromium
let world: World
let context: BrowserContext | undefined
beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
})
afterAll(async () => {
  await chromium?.close()
  await world?.stop()
})
afterEach(async () => {
  if (context) expect(complaintsOf(context)).toEqual([])
  await context?.close()
  context = undefined
})

async function open(javaScriptEnabled = true): Promise<Visitor> {
  context = await chromium.open({ locale: 'en-GB', javaScriptEnabled })
  return visitor(world, await context.newPage())
}
const at = (me: Visitor, path: string) => me.page.waitForURL((url) => url.pathname + url.search === path)

async function signedIn(me: Visitor): Promise<{ id: string; email: string }> {
  const { id, email } = await world.person({ signIn: false })
  await me.signIn(email, PASSWORD, { remember: true })
  await at(me, '/account')
  return { id, email }
}

/** Enters the code of the app whose secret the page shows. */
async function setUpApp(me: Visitor): Promise<void> {
  const secret = (await read(me.page.locator('#secret'))).replaceAll(/\s/g, '')
  await me.fill({ Code: codeOf(world, secret) })
  await me.press('Set up and continue')
}

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('a form that requires a recent proof, %s', (_, isScripted) => {
  it('is kept, and creates the key once the password is proven', async () => {
    const me = await open(isScripted)
    await signedIn(me)
    await me.visit('/account/api-keys')
    await me.fill({ Name: 'Night build “one”' })
    await world.clock.advance('11 minutes')
    await me.press('Create key')
    await at(me, '/step-up')
    expect(await me.heading()).toBe('Confirm that it is you')
    await me.fill({ Password: 'a wrong one of several words' })
    await me.press('Continue')
    await me.fill({ Password: PASSWORD })
    await me.press('Continue')
    await at(me, '/step-up/continue')
    await me.press('Continue')
    await me.page.getByText('Night build “one”').first().waitFor()
    await me.visit('/account/api-keys')
    expect(await me.text()).toContain('Night build “one”')
  })

  it('of switching to an organization is kept while its second factor is set up', async () => {
    const me = await open(isScripted)
    const person = await signedIn(me)
    const id = await overdueOrganization(world, person)
    await me.visit('/account/organizations')
    await me.page.getByRole('button', { name: /Strict/ }).click()
    await at(me, '/step-up/enrol')
    await me.page.getByRole('link', { name: 'Authenticator app' }).click()
    await at(me, '/step-up/enrol?method=totp')
    await setUpApp(me)
    await me.page.locator('a[href="/step-up/continue"]').click()
    await at(me, '/step-up/continue')
    await me.press('Continue')
    await at(me, '/account/organizations?done=active')
    await me.visit(`/account/organizations/${id}`)
    expect(me.path()).toBe(`/account/organizations/${id}`)
  })

  it('of a sign-in after the due date stops until an app is set up', async () => {
    const me = await open(isScripted)
    const person = await world.person({ signIn: false })
    const id = await overdueOrganization(world, person)
    await me.visit(`/account/organizations/${id}`)
    await me.signIn(person.email)
    await at(me, '/second-factor/enrol')
    await me.page.getByRole('link', { name: 'Authenticator app' }).click()
    await setUpApp(me)
    await me.page.locator(`main a[href="/account/organizations/${id}"]`).click()
    await at(me, `/account/organizations/${id}`)
  })

  it('of a policy is reviewed with its effect before it is saved', async () => {
    const me = await open(isScripted)
    const person = await signedIn(me)
    const id = await world.organization({ members: [[person, 'owner']] })
    const path = `/account/organizations/${id}/security`
    await me.visit(path)
    await me.page.getByLabel('Second factor', { exact: true }).selectOption('optional')
    await me.fill({ 'Days of grace': '30' })
    await me.press('Review change')
    await at(me, `${path}/review`)
    expect(await me.heading()).toBe('Change the security policy?')
    await me.press('Save policy')
    await at(me, `${path}?done=policy`)
    expect(await me.value('Days of grace')).toBe('30')
  })
})

describe('an organization that requires a passkey', () => {
  it('is entered by the passkey that is set up on the way to its page', async () => {
    const me = await open()
    const authenticator = await addAuthenticator(me.page)
    const person = await signedIn(me)
    const id = await overdueOrganization(world, person)
    await me.visit(`/account/organizations/${id}`)
    await at(me, '/step-up/enrol')
    await me.press('Create passkey')
    // its backup codes come first
    await me.page.locator('a[href="/step-up/continue"]').click()
    await at(me, `/account/organizations/${id}`)
    expect(await authenticator.passkeys()).toHaveLength(1)
  })
})
