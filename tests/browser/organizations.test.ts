/**
 * Organizations through the hosted pages, in a browser, with JavaScript and without: created, shared with a person who
 * has no account yet, transferred, left. The tests of one mode are the steps of one journey.
 */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { linkIn } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { read, type Visitor, visitor } from './visitor.ts'

const NAME = 'Analytical Engines'
const INVITED = 'Ben.Herschel@example.com'

let chromium: Chromium
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())

describe.each([
  { mode: 'with JavaScript', javaScriptEnabled: true },
  { mode: 'without JavaScript', javaScriptEnabled: false },
])('an organization, $mode', ({ javaScriptEnabled }) => {
  let world: World
  const contexts: BrowserContext[] = []
  let ada: Visitor
  let ben: Visitor
  async function newVisitor(): Promise<Visitor> {
    const context = await chromium.open({ javaScriptEnabled, locale: 'en-GB' })
    contexts.push(context)
    return visitor(world, await context.newPage())
  }
  beforeAll(async () => {
    world = await startWorld()
    ada = await newVisitor()
    ben = await newVisitor()
    await ada.signIn((await world.person({ email: 'ada@example.com', signIn: false })).email)
  })
  afterAll(async () => {
    await Promise.all(contexts.map((context) => context.close()))
    await world?.stop()
  })
  afterEach(() => expect(contexts.flatMap(complaintsOf)).toEqual([]))

  const header = (me: Visitor) => read(me.page.getByRole('banner'))
  const invitationLink = async () => linkIn(await world.mailbox.emailTo(INVITED, /invited/), /invitations/)
  const manage = (me: Visitor, name: string) =>
    me.page.getByRole('link', { name: `Manage ${name}`, exact: true }).click()

  /** The page of a step-up. */
  const confirm = async (me: Visitor): Promise<void> => {
    await me.fill({ Password: PASSWORD })
    await me.press('Continue')
  }

  it('is created by a user, who owns it and acts in it', async () => {
    await ada.follow('Organizations')
    expect(await ada.text()).toContain('You do not belong to an organization yet.')
    await ada.fill({ Name: NAME, 'Short name (optional)': 'Not A Slug!' })
    await ada.press('Create organization')
    expect(await ada.page.title()).toMatch(/^Error: /)
    expect(await ada.value('Name')).toBe(NAME)
    expect(await ada.value('Short name (optional)')).toBe('Not A Slug!')
    await ada.fill({ 'Short name (optional)': 'engines' })
    await ada.press('Create organization')
    expect(await ada.heading()).toBe(NAME)
    expect(await ada.text()).toContain('Organization created. It is your active organization now.')
    expect(await header(ada)).toContain(NAME)
  })

  it('is made active and inactive by its member', async () => {
    await ada.page
      .getByRole('banner')
      .getByRole('link', { name: `Organization: ${NAME}` })
      .click()
    expect(await ada.heading()).toBe('Organizations')
    await ada.press(`Work without ${NAME}`)
    expect(await ada.text()).toContain('Active organization changed.')
    expect(await header(ada)).not.toContain(NAME)
    await ada.press(`Make active: ${NAME}`)
    expect(await header(ada)).toContain(NAME)
    await ada.follow('Permissions')
    expect(await ada.heading()).toBe('Your permissions')
    expect(await ada.text()).toContain(`In ${NAME}`)
  })

  it('invites an address by e-mail', async () => {
    await ada.follow('Organizations')
    await manage(ada, NAME)
    await ada.page.getByRole('navigation', { name: NAME }).getByRole('link', { name: 'Invitations' }).click()
    expect(await ada.text()).toContain('There are no open invitations.')
    await ada.fill({ 'E-mail address': 'no-address' })
    await ada.press('Send invitation')
    expect(await ada.text()).toContain('Enter an e-mail address')
    expect(await ada.value('E-mail address')).toBe('no-address')
    await ada.fill({ 'E-mail address': INVITED })
    await ada.press('Send invitation')
    expect(await ada.text()).toContain('Invitation sent.')
    expect(await ada.text()).toContain(INVITED)
    const first = await invitationLink()
    await ada.press(`Send again to ${INVITED}`)
    expect(await ada.text()).toContain('Invitation sent again.')
    await ben.page.goto(first)
    expect(await ben.heading()).toBe('This invitation is no longer valid')
  })

  it('is joined by a new user, who signs up and then accepts', async () => {
    await ben.page.goto(await invitationLink())
    expect(await ben.heading()).toBe('You are invited')
    expect(await ben.text()).toContain(NAME)
    await ben.follow('Create an account')
    expect(await ben.value('E-mail address')).toBe(INVITED)
    await ben.fill({ Password: PASSWORD, 'Repeat the password': PASSWORD })
    await ben.press('Create account')
    expect(await ben.heading()).toBe('Check your e-mail')
    await ben.page.goto(linkIn(await world.mailbox.emailTo(INVITED, /Verify/), /verify-email/))
    await ben.press('Confirm address')
    expect(await ben.heading()).toBe('You are invited')
    await ben.press('Accept invitation')
    expect(await ben.heading()).toBe(NAME)
    expect(await ben.text()).toContain(`You are a member of ${NAME} now.`)
    expect(await header(ben)).toContain(NAME)
  })

  it('shows a member only what they may do, and the link works once', async () => {
    const within = ben.page.getByRole('navigation', { name: NAME })
    expect(await within.getByRole('link').allInnerTexts()).toEqual(['Overview', 'Members', 'Roles'])
    await within.getByRole('link', { name: 'Members' }).click()
    expect(await ben.text()).toContain('ada@example.com')
    expect(await ben.page.getByRole('link', { name: /^Manage/ }).count()).toBe(0)
    await ben.page.goto(await invitationLink())
    expect(await ben.heading()).toBe('This invitation is no longer valid')
    await ben.follow('Go to your organizations')
    expect(await ben.heading()).toBe('Organizations')
  })

  it('has a custom role, which its owner gives to the new member', async () => {
    await ada.follow('Roles')
    await ada.fill({ Name: 'host', 'Description (optional)': 'Welcomes people.' })
    await ada.page.getByLabel('Includes the permissions of').selectOption('member')
    await ada.page.getByLabel(/\(invitations:write\)$/).check()
    await ada.press('Create role')
    expect(await ada.text()).toContain('Role created.')
    await ada.follow('Edit the role host')
    await ada.page.getByLabel(/\(invitations:read\)$/).check()
    await ada.press('Save role')
    expect(await ada.text()).toContain('invitations:read, invitations:write')

    await ada.follow('Members')
    await ada.fill({ 'Name, username or e-mail address begins with': 'ben' })
    await ada.press('Search')
    expect(await ada.text()).not.toContain('ada@example.com')
    await manage(ada, INVITED)
    await ada.page.getByLabel('Role').selectOption('host')
    await ada.press('Save role')
    expect(await ada.text()).toContain('Role changed.')

    await ben.visit('/account/organizations')
    await manage(ben, NAME)
    const within = ben.page.getByRole('navigation', { name: NAME })
    expect(await within.getByRole('link').allInnerTexts()).toEqual([
      'Overview',
      'Members',
      'Invitations',
      'Roles',
    ])
  })

  it('always has an owner: the last one can neither leave nor step down', async () => {
    await ada.page.getByRole('navigation', { name: NAME }).getByRole('link', { name: 'Overview' }).click()
    await ada.follow('Leave organization …')
    expect(await ada.heading()).toBe(`Leave ${NAME}?`)
    expect(await ada.text()).toContain('An organization always has an owner. You are the only one')
    await ada.follow('Stay in the organization')
    expect(await ada.heading()).toBe(NAME)
  })

  it('is transferred after a new sign-in, and left', async () => {
    await world.clock.advance('11 minutes')
    await ada.follow('Members')
    await manage(ada, INVITED)
    await ada.follow('Transfer organization …')
    expect(await ada.heading()).toBe('Confirm that it is you')
    await confirm(ada)
    expect(await ada.heading()).toBe(`Transfer ${NAME}?`)
    await ada.press('Transfer organization')
    expect(await ada.text()).toContain('Organization transferred. You are an admin now.')

    await ada.follow('Leave organization …')
    await ada.press('Leave organization')
    expect(await ada.text()).toContain('You have left the organization.')
    expect(await ada.text()).toContain('You do not belong to an organization yet.')
    expect(await header(ada)).not.toContain(NAME)
  })

  it('is deleted and restored by its new owner', async () => {
    await ben.visit('/account/organizations')
    await manage(ben, NAME)
    await ben.follow('Settings')
    await ben.fill({ Name: 'Difference Engines' })
    await ben.press('Save changes')
    expect(await ben.heading()).toBe('Difference Engines')
    await ben.follow('Delete organization …')
    if ((await ben.heading()) === 'Confirm that it is you') await confirm(ben)
    expect(await ben.heading()).toBe('Delete Difference Engines?')
    await ben.press('Delete organization')
    expect(await ben.text()).toContain('Organization deleted.')
    expect(await header(ben)).not.toContain('Engines')
    await ben.press('Restore Difference Engines')
    expect(await ben.text()).toContain('Organization restored.')
  })

  it('asks a visitor with another account to switch, and masks the address', async () => {
    await manage(ben, 'Difference Engines')
    await ben.follow('Invitations')
    await ben.fill({ 'E-mail address': 'carla@example.com' })
    await ben.press('Send invitation')
    await ada.openEmail('carla@example.com', /invitations/)
    expect(await ada.text()).toContain(
      'You are signed in with another account. The invitation is for c•••@example.com.',
    )
    expect(await ada.page.content()).not.toContain('carla')
    await ada.press('Sign out and continue')
    expect(await ada.heading()).toBe('You are invited')
    await ada.follow('Sign in')
    expect(await ada.value('E-mail address or username')).toBe('carla@example.com')
    await ada.page.goBack()
    await ada.press('Decline')
    expect(await ada.heading()).toBe('Invitation declined')
  })
})
