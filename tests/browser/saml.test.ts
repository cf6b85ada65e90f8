/**
 * Signing in by SAML in Chromium, with and without JavaScript: SimpleSAMLphp is the identity provider of an organization,
 * whose owner has set it up by its metadata.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ownDomain } from '../../packages/server/src/testing/connection-rows.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { hasSimpleSamlPhp, type SimpleSamlPhp, startSimpleSamlPhp } from '../setup/simplesamlphp.ts'
import { denyOtherHosts, ourComplaints, passSimpleSamlPhp } from './at-providers.ts'
import { type Chromium, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

let chromium: Chromium
let world: World
let provider: SimpleSamlPhp
let owner: Person
let organization: string
let connection: string
let context: BrowserContext | undefined

describe.skipIf(!hasSimpleSamlPhp)('SimpleSAMLphp as the identity provider of an organization', () => {
  const path = () => `/api/v1/organizations/${organization}/connections`
  const metadataOfProvider = async () => await (await fetch(provider.metadataUrl)).text()
  beforeAll(async () => {
    chromium = await startChromium()
    provider = await startSimpleSamlPhp({ serviceProviders: [] })
    world = await startWorld({ connectionHosts: [new URL(provider.url).host] })
    // SimpleSAMLphp reads the clock of the machine
    world.app.tools.clock.set(new Date())
    owner = await world.person()
    organization = await world.organization({ name: 'Analytical Engines', members: [[owner, 'owner']] })
    await ownDomain(world, organization, 'example.com')
    const created = await owner.client.post(path(), {
      provider: 'saml',
      name: 'Engines login',
      metadata: await metadataOfProvider(),
      status: 'active',
    })
    expect([created.status, created.data?.missing]).toEqual([201, []])
    connection = created.data.id
    provider.trust(await (await fetch(`${world.url}/saml/${connection}/metadata`)).text())
  })
  afterAll(async () => {
    await world?.stop()
    await provider?.stop()
    await chromium?.close()
  })
  afterEach(async () => {
    if (context) expect(ourComplaints(world, context)).toEqual([])
    await context?.close()
    context = undefined
  })

  async function open(javaScriptEnabled: boolean): Promise<Visitor> {
    context = await chromium.open({ locale: 'en-GB', javaScriptEnabled })
    await denyOtherHosts(context)
    return visitor(world, await context.newPage())
  }
  const change = async (body: object) => {
    const changed = await owner.client.patch(`${path()}/${connection}`, body)
    expect(changed.status).toBe(200)
  }
  const at = (me: Visitor, goal: string) => me.page.waitForURL(`${world.config.publicUrl}${goal}`)
  const atProvider = (page: Page) => page.waitForURL(`${provider.url}**`)
  const passProvider = (me: Visitor, isScripted: boolean) => passSimpleSamlPhp(me.page, provider, isScripted)
  const begin = (me: Visitor) => me.visit(`/saml/${connection}/login?return_to=%2Faccount%2Fsessions`)

  describe.each([
    ['with JavaScript', true],
    ['without JavaScript', false],
  ])('%s', (_, isScripted) => {
    it('signs a person in, makes the member, and a sign-out reaches the provider', async () => {
      const me = await open(isScripted)
      await begin(me)
      await passProvider(me, isScripted)
      await at(me, '/account/sessions')
      await me.visit('/account')
      expect(await me.value('Full name (optional)')).toBe('Ada Lovelace')
      await me.visit(`/account/organizations/${organization}`)
      expect(await me.heading()).toBe('Analytical Engines')
      // the provider knows the person
      await me.page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
      if (!isScripted) await me.press('Continue')
      await at(me, '/sign-out')
      expect(await me.heading()).toBe('You are signed out')
      await begin(me)
      await atProvider(me.page)
      expect(await me.page.locator('[name=password]').count()).toBe(1)
    })

    it('ends the session where the person signs out at the provider', async () => {
      const me = await open(isScripted)
      await begin(me)
      await passProvider(me, isScripted)
      await at(me, '/account/sessions')
      await me.page.goto(
        `${provider.url}saml2/idp/SingleLogoutService.php?ReturnTo=${encodeURIComponent(provider.url)}`,
      )
      await atProvider(me.page)
      await me.visit('/account')
      expect(await me.heading()).toBe('Sign in')
    })

    it('receives the request as a form where it takes no other', async () => {
      await change({ settings: { saml: { sso_binding: 'post' } } })
      try {
        const me = await open(isScripted)
        await begin(me)
        if (!isScripted) {
          expect(me.path()).toMatch(/^\/sign-in\/provider\?trip=/)
          expect(await me.heading()).toBe('Continue to Engines login')
          await me.press('Continue')
        }
        await passProvider(me, isScripted)
        await at(me, '/account/sessions')
      } finally {
        await change({ settings: { saml: { sso_binding: 'redirect' } } })
      }
    })
  })

  it('changes its certificate while people sign in', async () => {
    /** A whole sign-in, during which something may change. @returns where it ends */
    async function signIn(meanwhile: () => unknown = () => {}): Promise<string> {
      const me = await open(true)
      await begin(me)
      await atProvider(me.page)
      await meanwhile()
      await passProvider(me, true)
      await me.page.waitForURL(
        (url) => url.origin === world.config.publicUrl && !url.pathname.startsWith('/saml'),
      )
      const { pathname } = new URL(me.page.url())
      await context?.close()
      return pathname
    }
    const certificatesOf = (metadata: string) =>
      new Set([...metadata.matchAll(/<ds:X509Certificate>([^<]+)</g)].map(([, certificate]) => certificate))
    expect(certificatesOf(await metadataOfProvider()).size).toBe(1)
    provider.useKeys('announced')
    const both = await metadataOfProvider()
    expect(certificatesOf(both).size).toBe(2)
    expect(await signIn()).toBe('/account/sessions')
    // a certificate that we were not given is refused, and the page says so
    expect(await signIn(() => provider.useKeys('next'))).toBe('/sign-in/failed')
    expect(await signIn(() => change({ metadata: both }))).toBe('/account/sessions')
    expect(await signIn(() => provider.useKeys('announced'))).toBe('/account/sessions')
    expect(await signIn(() => provider.useKeys('next'))).toBe('/account/sessions')
    await change({ metadata: await metadataOfProvider() })
    expect(await signIn()).toBe('/account/sessions')
    expect(await signIn(() => provider.useKeys('announced'))).toBe('/sign-in/failed')
    provider.useKeys('next')
  })

  it('is refused where its assertion is past its time', async () => {
    const me = await open(true)
    await begin(me)
    await atProvider(me.page)
    await world.clock.advance('10 minutes')
    await passProvider(me, true)
    await me.page.waitForURL('**/sign-in/failed?**')
    expect(me.path()).toContain('reason=wrong_time')
    world.app.tools.clock.set(new Date())
    await me.follow('Try again with Engines login')
    await at(me, '/account/sessions')
  })
})
