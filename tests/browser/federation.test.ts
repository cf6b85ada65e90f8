/**
 * Signing in with an identity provider in Chromium, with and without JavaScript: a real issuer that is not ours
 * (oidc-provider), whose pages are of another site, and scripted providers for what it does not do.
 */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../packages/server/src/testing/connection-rows.ts'
import { type Federated, startFederated } from '../../packages/server/src/testing/federation.ts'
import type { Person, World } from '../../packages/server/src/testing/world.ts'
import { type Issuer, type IssuerClient, startIssuer } from '../setup/issuer.ts'
import { consent, denyOtherHosts, ourComplaints, passIssuer } from './at-providers.ts'
import { type Chromium, startChromium } from './chromium.ts'
import { look } from './look.ts'
import { reachProviders } from './providers.ts'
import { type Visitor, visitor } from './visitor.ts'

const MODES = [
  ['with JavaScript', true],
  ['without JavaScript', false],
] as const
const SECRET = 'a secret: with % and +'

let chromium: Chromium
let federated: Federated
let world: World
let context: BrowserContext | undefined
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())
afterEach(async () => {
  if (context) expect(ourComplaints(world, context)).toEqual([])
  await context?.close()
  context = undefined
})

async function open(javaScriptEnabled: boolean, locale = 'en-GB'): Promise<Visitor> {
  context = await chromium.open({ locale, javaScriptEnabled })
  return visitor(world, await context.newPage())
}
const at = (me: Visitor, path: string | RegExp) =>
  me.page.waitForURL((url) => {
    const found = url.href.replace(world.config.publicUrl, '')
    return typeof path === 'string' ? found === path : path.test(found)
  })
const signOut = async (me: Visitor) => {
  await me.page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
  await at(me, '/sign-out')
}

describe('a real issuer', () => {
  let issuer: Issuer
  beforeEach(() => {
    // it warns that its keys and forms are those of tests
    for (const method of ['info', 'warn', 'log'] as const)
      vi.spyOn(console, method).mockImplementation(() => {})
  })
  beforeAll(async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const clients: IssuerClient[] = []
    issuer = await startIssuer(clients)
    federated = await startFederated({ connectionHosts: [issuer.host] })
    world = federated.world
    // the issuer reads the clock of the machine
    world.app.tools.clock.set(new Date())
    clients.push({
      client_id: 'latchkey',
      client_secret: SECRET,
      redirect_uris: [`${world.config.publicUrl}/api/v1/auth/external/staff/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    })
    issuer.rotate()
    await connect(world, null, {
      slug: 'staff',
      name: 'Staff login',
      client_id: 'latchkey',
      client_secret: world.app.tools.keyring.encrypt('connections', SECRET),
      settings: JSON.stringify({ issuer: issuer.url, trusts_email: true }),
    })
  })
  afterAll(async () => {
    await federated.stop()
    await issuer.close()
  })
  const openHere = async (...how: Parameters<typeof open>): Promise<Visitor> => {
    const me = await open(...how)
    if (context) await denyOtherHosts(context)
    return me
  }
  const begin = (me: Visitor) => me.follow('Continue with Staff login')

  describe.each(MODES)('%s', (mode, isScripted) => {
    const name = (who: string) => `${who}-${mode.split(' ')[0]}`

    it('makes an account at the first sign-in, finds it at the second, and does not sign in after a sign-out', async () => {
      const me = await openHere(isScripted)
      await me.visit('/account/api-keys')
      if (isScripted) await look(me, 'federation-sign-in')
      await begin(me)
      await passIssuer(me.page, issuer.url, name('ada'))
      await at(me, '/account/api-keys')
      await me.visit('/account')
      expect(await me.value('Full name (optional)')).toBe(`Account of ${name('ada')}`)
      const ids = async () =>
        await world.db.hot
          .selectFrom('users')
          .innerJoin('emails', 'emails.user_id', 'users.id')
          .select(['users.id', 'emails.verified_at'])
          .where('emails.address', '=', `${name('ada')}@example.com`)
          .execute()
      expect(await ids()).toMatchObject([{ verified_at: expect.any(Date) }])
      await signOut(me)
      expect(await me.heading()).toBe('You are signed out')
      await me.visit('/account')
      expect(await me.heading()).toBe('Sign in')
      await begin(me)
      // the issuer knows who signs in, and what was consented to
      await consent(me.page, issuer.url)
      await at(me, '/account')
      expect(await me.value('Full name (optional)')).toBe(`Account of ${name('ada')}`)
      expect(await ids()).toHaveLength(1)
    })

    it('is connected with the account that has the address, after a sign-in by its password', async () => {
      const { email, id } = await world.person({ email: `${name('grace')}@example.com`, signIn: false })
      const me = await openHere(isScripted)
      await me.visit('/account/sessions')
      await begin(me)
      await passIssuer(me.page, issuer.url, name('grace'))
      await at(me, /^\/sign-in\/connect\?trip=/)
      expect(await me.heading()).toBe('You already have an account')
      expect(await me.text()).toContain(email)
      if (isScripted) await look(me, 'federation-owner')
      await me.follow('Sign in to connect')
      expect(await me.value('E-mail address or username')).toBe(email)
      await me.signIn(email)
      await at(me, /^\/account\/connected\/confirm\?trip=/)
      expect(await me.heading()).toBe('Connect Staff login?')
      if (isScripted) await look(me, 'federation-confirm')
      await me.press('Connect')
      await at(me, '/account/sessions')
      expect(await federated.identitiesOf(id)).toHaveLength(1)
      expect((await world.mailbox.emailTo(email, /Staff login/)).subject).toContain('Staff login')
      await signOut(me)
      await me.visit('/account')
      await begin(me)
      await consent(me.page, issuer.url)
      await at(me, '/account')
    })

    it('makes an account for an address that it does not vouch for once the link to it is opened', async () => {
      issuer.accounts.set(name('nina'), { email: `${name('nina')}@example.com`, email_verified: false })
      const me = await openHere(isScripted)
      await me.visit('/account/sessions')
      await begin(me)
      await passIssuer(me.page, issuer.url, name('nina'))
      await at(me, /^\/sign-in\/connect\?trip=/)
      expect(await me.heading()).toBe('Welcome')
      expect(await me.value('E-mail')).toBe(`${name('nina')}@example.com`)
      if (isScripted) await look(me, 'federation-welcome')
      await me.fill({ 'E-mail': '' })
      await me.press('Create account')
      expect(await me.page.title()).toMatch(/^Error: /)
      await me.fill({ 'E-mail': `${name('nina')}@mail.example` })
      await me.press('Create account')
      expect(await me.heading()).toBe('Check your e-mail')
      await me.visit('/account')
      expect(await me.heading()).toBe('Sign in')
      // the page of the e-mails of a server under development
      await me.visit('/dev/outbox')
      expect(await me.text()).toContain(`${name('nina')}@mail.example`)
      await me.openEmail(`${name('nina')}@mail.example`, /verify-email/)
      await me.press('Confirm address')
      await at(me, '/account/sessions')
      expect(await me.heading()).toBe('Sessions')
      await signOut(me)
      await me.visit('/account')
      await begin(me)
      await consent(me.page, issuer.url)
      await at(me, '/account')
    })

    it('is cancelled there, and the page leads to another try and to other ways', async () => {
      const me = await openHere(isScripted)
      await me.visit('/account/sessions')
      await begin(me)
      await me.page.getByRole('link', { name: '[ Cancel ]' }).click()
      await at(me, /^\/sign-in\/failed\?/)
      expect(await me.heading()).toBe('Signing in with Staff login did not work')
      expect(await me.text()).toContain('The sign-in was cancelled, or Staff login refused it.')
      if (isScripted) await look(me, 'federation-cancelled')
      await me.page.goBack()
      await me.page.goForward()
      await me.follow('Sign in another way')
      expect(await me.heading()).toBe('Sign in')
      await begin(me)
      await me.page.getByRole('link', { name: '[ Cancel ]' }).click()
      await me.follow('Try again with Staff login')
      await passIssuer(me.page, issuer.url, name('hedy'))
      await at(me, '/account/sessions')
    })
  })

  it('is surrounded by German pages, and the e-mail to the new account is German', async () => {
    const address = 'konrad@mail.example'
    issuer.accounts.set('konrad', { email: undefined, email_verified: undefined })
    const me = await openHere(true, 'de-DE')
    await me.visit('/account/sessions')
    await me.follow('Weiter mit Staff login')
    await me.page.getByRole('link', { name: '[ Cancel ]' }).click()
    await at(me, /^\/sign-in\/failed\?/)
    expect(await me.heading()).toBe('Die Anmeldung mit Staff login hat nicht geklappt')
    await look(me, 'federation-cancelled-de')
    await me.follow('Noch einmal mit Staff login')
    await passIssuer(me.page, issuer.url, 'konrad')
    await at(me, /^\/sign-in\/connect\?trip=/)
    expect(await me.heading()).toBe('Willkommen')
    await look(me, 'federation-welcome-de')
    await me.fill({ 'E-Mail': address })
    await me.press('Konto anlegen')
    expect((await world.mailbox.emailTo(address)).subject).toContain('Bestätigen')
    await me.openEmail(address, /verify-email/)
    await me.press('Adresse bestätigen')
    await at(me, '/account/sessions')
    expect(await me.heading()).toBe('Sitzungen')
  })

  it('is refused where its token is past its time, and the page has the reference for the operator', async () => {
    const me = await openHere(true)
    await me.visit('/sign-in')
    await world.clock.advance('10 minutes')
    await begin(me)
    await passIssuer(me.page, issuer.url, 'late')
    await at(me, /^\/sign-in\/failed\?provider=staff&reason=wrong_time/)
    expect(await me.text()).toMatch(/Reference: \S+/)
    await look(me, 'federation-wrong-time')
    world.app.tools.clock.set(new Date())
    await me.follow('Try again with Staff login')
    await consent(me.page, issuer.url)
    await at(me, '/account')
  })
})

describe('a scripted provider', () => {
  beforeAll(async () => {
    federated = await startFederated()
    world = federated.world
    await federated.connect('google', { name: 'Google' })
    await federated.connect('apple', { name: 'Apple' })
  })
  afterAll(() => federated.stop())
  const openHere = async (isScripted: boolean, locale?: string): Promise<Visitor> => {
    const me = await open(isScripted, locale)
    if (context) await reachProviders(context, federated.fakes)
    return me
  }

  // its page needs scripts
  it('posts its answer from another site, without the cookies of this one', async () => {
    federated.fakes.provider('apple').user = {
      sub: 'apple-mary',
      email: 'mary@example.com',
      email_verified: 'true',
      is_private_email: 'false',
      name: { firstName: 'Mary', lastName: 'Somerville' },
    }
    const me = await openHere(true)
    await me.visit('/account/sessions')
    await me.follow('Continue with Apple')
    await at(me, '/account/sessions')
    await me.visit('/account')
    expect(await me.value('Full name (optional)')).toBe('Mary Somerville')
  })

  it.each([
    [
      'with JavaScript',
      true,
      'en-GB',
      { button: /^Sign in as new/, stay: /^Stay signed in as/, decline: 'Do not sign in' },
    ],
    [
      'without JavaScript',
      false,
      'en-GB',
      { button: /^Sign in as new/, stay: /^Stay signed in as/, decline: 'Do not sign in' },
    ],
    [
      'in German',
      true,
      'de-DE',
      { button: /^Als new/, stay: /angemeldet bleiben$/, decline: 'Nicht anmelden' },
    ],
  ] as const)(
    'of an organization signs in only who confirms it, if another site began it, %s',
    async (mode, isScripted, locale, texts) => {
      const domain = `${mode.replace(' ', '-').toLowerCase()}.example`
      const [owner, ada] = await world.people(2)
      const organizationId = await world.organization({
        name: 'Analytical Engines',
        members: [[owner as Person, 'owner']],
      })
      await federated.prove(organizationId, domain)
      const { slug } = await federated.connect('google', { organizationId, name: 'Engines SSO' })
      federated.atGoogle({ email: `new.with.a.rather.long.name@${domain}`, hd: domain })
      const me = await openHere(isScripted, locale)
      const comeByLink = async () => {
        await me.page.goto('data:text/html,')
        await me.page.setContent(
          `<a href="${world.config.publicUrl}/api/v1/auth/external/${slug}/authorize">a prize</a>`,
        )
        await me.page.getByText('a prize').click()
        await at(me, /^\/sign-in\/confirm\?trip=/)
      }
      await comeByLink()
      await look(me, `by-other-${locale}-${isScripted}`)
      await me.page.getByRole('link', { name: texts.decline }).click()
      await at(me, '/sign-in')
      // what the page's script requests belongs to the visitor, and is refused once the cookies are those of a user
      await me.page.waitForLoadState('networkidle')
      const cookies = [...(ada?.client.cookies ?? [])]
      await context?.addCookies(
        cookies.map(([name, value]) => ({ name, value, url: world.config.publicUrl })),
      )
      await comeByLink()
      await look(me, `other-user-${locale}-${isScripted}`)
      await me.page.getByRole('link', { name: texts.stay }).click()
      await at(me, '/account')
      expect(await me.text()).toContain(ada?.email)
      await comeByLink()
      await me.page.getByRole('button', { name: texts.button }).click()
      await at(me, '/account')
      expect(await me.text()).toContain(`new.with.a.rather.long.name@${domain}`)
    },
  )

  it.each(MODES)(
    'steps up an account without a password, and the form that waits creates the key, %s',
    async (mode, isScripted) => {
      const person = federated.atGoogle({ email: `${mode.replace(' ', '.')}@gmail.com` })
      const me = await openHere(isScripted)
      await me.visit('/sign-in')
      await me.follow('Continue with Google')
      await at(me, '/account')
      await me.visit('/account/api-keys')
      await me.fill({ Name: 'Night build “one”' })
      await world.clock.advance('11 minutes')
      await me.press('Create key')
      await at(me, '/step-up')
      expect(await me.heading()).toBe('Confirm that it is you')
      expect(await me.page.getByLabel('Password', { exact: true }).count()).toBe(0)
      if (isScripted) await look(me, 'federation-step-up')
      await me.follow('Continue with Google')
      await at(me, '/step-up/continue')
      await me.press('Continue')
      await me.page.getByText('Night build “one”').first().waitFor()
      await me.visit('/account/api-keys')
      expect(await me.text()).toContain('Night build “one”')
      // another account at the provider does not confirm it
      await world.clock.advance('11 minutes')
      await me.fill({ Name: 'Another' })
      await me.press('Create key')
      await at(me, '/step-up')
      federated.atGoogle({ email: `other.${person.sub}@gmail.com` })
      await me.follow('Continue with Google')
      await at(me, /^\/sign-in\/failed\?/)
      expect(await me.text()).toContain('This account at Google is not connected with your account here.')
      if (isScripted) await look(me, 'federation-step-up-refused')
      await me.visit('/account/api-keys')
      expect(await me.text()).not.toContain('Another')
      await me.page.goBack()
      await me.follow('Confirm in another way')
      await at(me, '/step-up')
      await me.follow('Continue with Google')
      await at(me, /^\/sign-in\/failed\?/)
      // the right one confirms it, also from there
      Object.assign(federated.fakes.provider('google').user, person)
      await me.follow('Try again with Google')
      await at(me, '/step-up/continue')
      await me.press('Continue')
      await me.visit('/account/api-keys')
      expect(await me.text()).toContain('Another')
    },
  )
})
