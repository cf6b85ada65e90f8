/**
 * Setting up an organization's sign-in from a link alone, in Chromium: its IT has no account, and connects oidc-provider by
 * OpenID Connect or SimpleSAMLphp by SAML page by page, tests the sign-in, proves the domain and activates the connection.
 * Then a member signs in by it.
 */
import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Locale } from '../../packages/server/src/base/call.ts'
import { domainText } from '../../packages/server/src/features/organizations/domains/texts.ts'
import { setupText } from '../../packages/server/src/features/signin/connection-setup/texts.ts'
import { signInText } from '../../packages/server/src/features/signin/form/texts.ts'
import { routingText } from '../../packages/server/src/features/signin/routing/texts.ts'
import { type DnsServer, startDnsServer } from '../../packages/server/src/testing/dns-server.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Issuer, type IssuerClient, startIssuer } from '../setup/issuer.ts'
import {
  hasSimpleSamlPhp,
  OTHER_SAML_USER,
  SAML_USER,
  type SamlUser,
  type SimpleSamlPhp,
  startSimpleSamlPhp,
} from '../setup/simplesamlphp.ts'
import { denyOtherHosts, ourComplaints, passIssuer, passSimpleSamlPhp } from './at-providers.ts'
import { type Chromium, startChromium } from './chromium.ts'
import { look } from './look.ts'
import { read, type Visitor, visitor } from './visitor.ts'

const SECRET = 'a secret: with % and +'

let chromium: Chromium
let dns: DnsServer
let issuer: Issuer
let provider: SimpleSamlPhp | null = null
let world: World
const clients: IssuerClient[] = []
const contexts: BrowserContext[] = []

beforeAll(async () => {
  // the issuer warns that its keys and forms are those of tests
  for (const method of ['info', 'warn', 'log'] as const)
    vi.spyOn(console, method).mockImplementation(() => {})
  chromium = await startChromium()
  dns = await startDnsServer()
  issuer = await startIssuer(clients)
  if (hasSimpleSamlPhp) provider = await startSimpleSamlPhp({ serviceProviders: [] })
  const hosts = [issuer.url, ...(provider ? [provider.url] : [])].map((url) => new URL(url).host)
  world = await startWorld({ connectionHosts: hosts, dnsServers: [dns.address] })
  // the providers read the clock of the machine
  world.app.tools.clock.set(new Date())
})
beforeEach(() => {
  // the issuer warns that its keys and forms are those of tests
  for (const method of ['info', 'warn', 'log'] as const)
    vi.spyOn(console, method).mockImplementation(() => {})
})
afterAll(async () => {
  await world?.stop()
  await provider?.stop()
  await issuer?.close()
  await dns?.stop()
  await chromium?.close()
})
afterEach(async () => {
  for (const context of contexts) expect(ourComplaints(world, context)).toEqual([])
  await Promise.all(contexts.splice(0).map((context) => context.close()))
})

interface Mode {
  isScripted: boolean
  locale: Locale
}

/** A new browser, with no cookies. */
async function open({ isScripted, locale }: Mode): Promise<Visitor> {
  const context = await chromium.open({
    javaScriptEnabled: isScripted,
    locale: locale === 'de' ? 'de-DE' : 'en-GB',
  })
  contexts.push(context)
  await denyOtherHosts(context)
  return visitor(world, await context.newPage())
}
const at = (me: Visitor, path: string) => me.page.waitForURL(`${world.config.publicUrl}${path}`)

interface Setup {
  me: Visitor
  /** Its path. */
  link: string
  organization: { id: string; name: string }
  mode: Mode
  /** A text of the set-up pages. */
  t(key: string): string
}

/** An owner hands the link over, and the IT of the organization opens it. */
async function begin(mode: Mode, name: string): Promise<Setup> {
  const owner = await world.person()
  const id = await world.organization({ name, members: [[owner, 'owner']] })
  const { data } = await owner.client.post(`/api/v1/organizations/${id}/connections/setup-links`, {})
  const link = new URL(data.url).pathname
  const me = await open(mode)
  const t: Setup['t'] = (key) => setupText.find(mode.locale, key, { organization: name }) ?? key
  await me.visit(link)
  expect(await me.heading()).toBe(t('title'))
  expect(await me.page.getByRole('banner').getByRole('button').count()).toBe(0)
  return { me, link, organization: { id, name }, mode, t }
}

async function choose({ me, link, t }: Setup, choice: string): Promise<void> {
  await me.follow(t('start.provider'))
  await at(me, `${link}/provider`)
  await me.page.getByLabel(t('field.choice'), { exact: true }).selectOption(choice)
  await me.press(t('provider.button'))
  await at(me, `${link}/settings`)
}

/** A value to copy, by what precedes it on the page. */
const shownValue = ({ me }: Setup, id: string): Promise<string> => read(me.page.locator(`#values-${id}`))

/** Adds the domain, publishes the record that the page shows, and has it checked. */
async function proveDomain({ me, link, t, mode: { locale } }: Setup, domain: string): Promise<void> {
  await me.follow(t('nav.domain'))
  const mistyped = domain.replace('example', 'exmaple')
  for (const name of [mistyped, domain]) {
    await me.fill({ [t('field.domain')]: name })
    await me.press(t('domain.add'))
  }
  await me.press(setupText(locale, 'domain.remove_one', { domain: mistyped }))
  await me.page.getByText(mistyped).waitFor({ state: 'detached' })
  const part = (name: string) => read(me.page.locator(`[id^="record-${name}-"]`))
  expect(await part('name')).toBe(`_latchkey-challenge.${domain}`)
  dns.set(await part('name'), [await part('value')])
  await me.press(domainText(locale, 'check.button_one', { domain }))
  await me.page.getByText(domainText(locale, 'state.verified'), { exact: true }).waitFor()
  await at(me, `${link}/domain`)
}

async function activate({ me, link, t }: Setup): Promise<void> {
  await me.visit(`${link}/domain`)
  await me.follow(t('start.begin'))
  await at(me, link)
  await me.press(t('complete.button'))
  await at(me, link)
  expect(await me.heading()).toBe(t('done.title'))
  expect(await me.text()).toContain(t('done.used').split('{')[0])
}

/** A member, in another browser: the domain of the address leads to the provider, and back signed in. */
async function memberBegins({ organization: { name }, mode }: Setup, email: string): Promise<Visitor> {
  const { locale } = mode
  const me = await open(mode)
  await me.visit('/sign-in')
  await me.fill({ [signInText(locale, 'sign_in.identifier')]: email })
  await me.press(signInText(locale, 'sign_in.continue'))
  expect(await me.heading()).toBe(routingText(locale, 'route.title', { organization: name }))
  await me.follow(routingText(locale, 'route.button', { connection: name }))
  return me
}

async function isMember(me: Visitor, { organization: { id, name } }: Setup, fullName: string): Promise<void> {
  await at(me, '/account')
  expect(await me.page.locator('[name=full_name]').inputValue()).toBe(fullName)
  await me.visit(`/account/organizations/${id}`)
  expect(await me.heading()).toBe(name)
}

describe.each([
  ['with JavaScript', { isScripted: true, locale: 'en' }],
  ['without JavaScript', { isScripted: false, locale: 'en' }],
  ['in German', { isScripted: true, locale: 'de' }],
] as const)('%s', (title, mode) => {
  const suffix = title.replaceAll(' ', '-').toLowerCase()

  it('OpenID Connect is set up from a link alone, and a member signs in by it', async () => {
    const domain = `${suffix}.example.com`
    for (const login of [`ida-${suffix}`, `mia-${suffix}`])
      issuer.accounts.set(login, { email: `${login}@${domain}` })
    const setup = await begin(mode, `Works ${suffix}`)
    const { me, link, t } = setup
    await look(me, `setup-${suffix}-start`)
    // what it needs is one click away, wherever the reader is
    await me.visit(`${link}/test`)
    await at(me, `${link}/provider`)
    await look(me, `setup-${suffix}-provider`)
    await me.follow(t('nav.start'))
    await choose(setup, 'oidc')
    await look(me, `setup-${suffix}-settings`)
    await me.follow(t('nav.test'))
    await me.follow(t('test.incomplete'))
    await at(me, `${link}/settings`)
    clients.push({
      client_id: suffix,
      client_secret: SECRET,
      redirect_uris: [await shownValue(setup, 'redirect')],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    })
    issuer.rotate()
    const fields = { [t('field.client_id')]: suffix, [t('field.client_secret')]: SECRET }
    // a mistyped issuer is found when it is saved, and the form keeps what was typed, but the secret
    await me.fill({ [t('field.issuer')]: `${issuer.url}/elsewhere`, ...fields })
    await me.press(t('settings.button'))
    await me.page.getByRole('alert').waitFor()
    await look(me, `setup-${suffix}-refused`)
    expect(await me.value(t('field.client_id'))).toBe(suffix)
    expect(await me.value(t('field.client_secret'))).toBe('')
    await me.fill({ [t('field.issuer')]: issuer.url, [t('field.client_secret')]: SECRET })
    await me.press(t('settings.button'))
    await at(me, `${link}/test`)
    await look(me, `setup-${suffix}-test`)
    await me.follow(t('test.button'))
    await passIssuer(me.page, issuer.url, `ida-${suffix}`)
    await me.page.getByRole('link', { name: t('test.again') }).waitFor()
    for (const part of [`ida-${suffix}@${domain}`, `Account of ida-${suffix}`])
      expect(await me.text()).toContain(part)
    await look(me, `setup-${suffix}-tested`)
    await proveDomain(setup, domain)
    await look(me, `setup-${suffix}-domain`)
    await me.follow(t('nav.start'))
    await look(me, `setup-${suffix}-activate`)
    await activate(setup)
    await look(me, `setup-${suffix}-done`)
    // no one was signed in, and no account was made
    await me.visit('/account')
    expect(await me.heading()).toBe(signInText(mode.locale, 'sign_in.title'))
    const member = await memberBegins(setup, `mia-${suffix}@${domain}`)
    await passIssuer(member.page, issuer.url, `mia-${suffix}`)
    await isMember(member, setup, `Account of mia-${suffix}`)
    await me.visit(link)
    await me.page.getByText(t('events.succeeded')).first().waitFor()
  })
})

describe.skipIf(!hasSimpleSamlPhp).each([
  ['by its address, with JavaScript', { isScripted: true, locale: 'en' }, SAML_USER],
  ['pasted, without JavaScript', { isScripted: false, locale: 'en' }, OTHER_SAML_USER],
] as const)('the metadata %s', (title, mode, user: SamlUser) => {
  it('sets SAML up from a link alone, and a member signs in by it', async () => {
    if (!provider) throw new Error('SimpleSAMLphp was not started')
    const { metadataUrl } = provider
    const suffix = title.split(',')[0]?.replaceAll(' ', '-') ?? ''
    const setup = await begin(mode, `Analytical ${suffix}`)
    const { me, link, t } = setup
    const field = (name: string) => me.page.locator(`main [name=${name}]`)
    await choose(setup, 'saml')
    await look(me, `setup-saml-${suffix}-settings`)
    // the provider reads our metadata from the address that the page shows
    provider.trust(await (await fetch(await shownValue(setup, 'metadata'))).text())
    if (mode.isScripted) {
      await field('metadata_url').fill(metadataUrl.replace('metadata.php', 'elsewhere.php'))
      await me.press(t('settings.button'))
      await me.page.getByRole('alert').waitFor()
      await look(me, `setup-saml-${suffix}-refused`)
      await field('metadata_url').fill(metadataUrl)
    } else await field('metadata_xml').fill(await (await fetch(metadataUrl)).text())
    await me.press(t('settings.button'))
    await at(me, `${link}/test`)
    await me.follow(t('test.button'))
    await passSimpleSamlPhp(me.page, provider, mode.isScripted, user)
    await me.page.getByRole('link', { name: t('test.again') }).waitFor()
    for (const part of [user.email, user.sn]) expect(await me.text()).toContain(part)
    await look(me, `setup-saml-${suffix}-tested`)
    await proveDomain(setup, user.email.split('@')[1] ?? '')
    await activate(setup)
    const member = await memberBegins(setup, user.email)
    await passSimpleSamlPhp(member.page, provider, mode.isScripted, user)
    await isMember(member, setup, `${user.givenName} ${user.sn}`)
  })
})
