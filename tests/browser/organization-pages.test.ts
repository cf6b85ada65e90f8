/**
 * Every page of organizations under the hardest conditions: in German, on a dark phone, with an unbreakable name of a
 * hundred characters and sixty members. Checked by axe-core, for horizontal overflow and for size.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { AxeResults } from 'axe-core'
import type { BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../packages/server/src/base/ids.ts'
import { failedEvent, recordConnectionEvent } from '../../packages/server/src/core/connection-events.ts'
import { FederationFault } from '../../packages/server/src/core/providers/index.ts'
import { linkIn } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type Visitor, visitor } from './visitor.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCREENSHOTS = process.env.SCREENSHOTS
const NAME = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.padEnd(
  100,
  'xyz',
)
const INVITED = 'neu@example.com'

let chromium: Chromium
let world: World
let ada: Person
let id: string
let domain: string
/** Connections of OpenID Connect, with a failed sign-in, and of SAML. */
let connections: { oidc: string; saml: string }
/** Of an invitation to a person without an account. */
let link: string
const contexts: Record<'owner' | 'stranger', BrowserContext | null> = { owner: null, stranger: null }
let owner: Visitor
let stranger: Visitor

beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
  await ada.client.patch('/api/v1/users/me', { locale: 'de' })
  const make = async (path: string, body: unknown) =>
    (await ada.client.post(`/api/v1/organizations${path}`, body)).data
  id = (await make('', { name: NAME })).id
  await make(`/${id}/roles`, { name: 'accountant', permissions: ['members:read'], inherits: 'guest' })
  await make('', { name: 'Second' })
  await addMembers(59)
  domain = (
    await make(`/${id}/domains`, { domain: `${'donaudampf'.repeat(6)}.${'schiff'.repeat(10)}.example.com` })
  ).id
  const issuer = `https://${'donaudampf'.repeat(6)}.example.com/realms/${'schiff'.repeat(10)}`
  const oidc = {
    provider: 'oidc',
    name: NAME.slice(0, 80),
    client_id: 'c',
    settings: { issuer },
    status: 'active',
  }
  connections = {
    oidc: (await make(`/${id}/connections`, oidc)).id,
    saml: (await make(`/${id}/connections`, { provider: 'saml' })).id,
  }
  const fault = new FederationFault(
    'unsafe_document',
    `the name ${'donaudampf'.repeat(12)} contains a comment`,
  )
  await world.db.tx('system', (tx) =>
    recordConnectionEvent(tx, failedEvent(connections.oidc, 'login', fault), {
      id: 'req_of_the_test',
      now: world.clock.now(),
    }),
  )
  await make(`/${id}/connections/setup-links`, { provider: 'saml' })
  await make(`/${id}/invitations`, { email: INVITED })
  link = linkIn(await world.mailbox.emailTo(INVITED), /invitations/).replace(world.config.publicUrl, '')
  contexts.owner = await chromium.open(PHONE)
  contexts.stranger = await chromium.open(PHONE)
  owner = visitor(world, await contexts.owner.newPage())
  stranger = visitor(world, await contexts.stranger.newPage())
  await owner.visit('/sign-in')
  await owner.page.locator('[name=identifier]').fill(ada.email)
  await owner.page.locator('[name=password]').fill(PASSWORD)
  await owner.page.locator('[name=password]').press('Enter')
  await owner.page.waitForURL('**/account')
})
afterAll(async () => {
  await Promise.all(Object.values(contexts).map((context) => context?.close()))
  await chromium?.close()
  await world?.stop()
})

const PHONE = {
  locale: 'de-DE',
  viewport: { width: 360, height: 740 },
  colorScheme: 'dark',
  reducedMotion: 'reduce',
} as const

/** Inserts members directly, which is faster than sign-up. */
async function addMembers(count: number): Promise<void> {
  const now = world.clock.now()
  const people = Array.from({ length: count }, (_, i) => ({
    user: newId('usr'),
    email: `member${i}@example.com`,
  }))
  await world.db.tx('system', async (tx) => {
    const template = await tx
      .selectFrom('users')
      .selectAll()
      .where('id', '=', ada.id)
      .executeTakeFirstOrThrow()
    const address = await tx
      .selectFrom('emails')
      .selectAll()
      .where('user_id', '=', ada.id)
      .executeTakeFirstOrThrow()
    const fullName = (i: number) => (i === 0 ? NAME : i % 2 ? `Member ${i}` : null)
    await tx
      .insertInto('users')
      .values(people.map(({ user }, i) => ({ ...template, id: user, full_name: fullName(i) })))
      .execute()
    await tx
      .insertInto('emails')
      .values(
        people.map(({ user, email }) => ({
          ...address,
          id: newId('eml'),
          user_id: user,
          address: email,
          address_key: email,
        })),
      )
      .execute()
    await tx
      .insertInto('memberships')
      .values(
        people.map(({ user }) => ({ organization_id: id, user_id: user, role: 'member', joined_at: now })),
      )
      .execute()
  })
}

interface PageSample {
  name: string
  path: () => string
  heading: RegExp
  as?: 'stranger'
}
const within = (part: string) => () => `/account/organizations/${id}${part}`
const invitation = () => link
const PAGES: readonly PageSample[] = [
  { name: 'organizations', path: () => '/account/organizations', heading: /^Organisationen$/ },
  { name: 'organization', path: within(''), heading: /^Donau/ },
  { name: 'members', path: within('/members'), heading: /^Donau/ },
  { name: 'member', path: within(`/members/`), heading: /^Donau/ },
  { name: 'transfer', path: within(`/members/`), heading: /übergeben\?$/ },
  { name: 'invitations', path: within('/invitations'), heading: /^Donau/ },
  { name: 'roles', path: within('/roles'), heading: /^Donau/ },
  { name: 'role', path: within('/roles/accountant'), heading: /^Donau/ },
  { name: 'domains', path: within('/domains'), heading: /^Donau/ },
  { name: 'domain', path: () => within(`/domains/${domain}`)(), heading: /^Donau/ },
  { name: 'domain-remove', path: () => within(`/domains/${domain}/remove`)(), heading: /entfernen\?$/ },
  { name: 'connections', path: within('/connections'), heading: /^Donau/ },
  { name: 'connection', path: () => within(`/connections/${connections.oidc}`)(), heading: /^Donau/ },
  { name: 'connection-saml', path: () => within(`/connections/${connections.saml}`)(), heading: /^Donau/ },
  {
    name: 'connection-events',
    path: () => within(`/connections/${connections.oidc}/events`)(),
    heading: /^Donau/,
  },
  {
    name: 'connection-delete',
    path: () => within(`/connections/${connections.oidc}/delete`)(),
    heading: /löschen\?$/,
  },
  { name: 'setup-links', path: within('/connections/setup-links'), heading: /^Donau/ },
  { name: 'settings', path: within('/settings'), heading: /^Donau/ },
  { name: 'leave', path: within('/leave'), heading: /verlassen\?$/ },
  { name: 'delete', path: within('/delete'), heading: /löschen\?$/ },
  { name: 'access', path: () => '/account/access', heading: /^Ihre Berechtigungen$/ },
  { name: 'invitation', path: invitation, heading: /^Sie sind eingeladen$/, as: 'stranger' },
  { name: 'invitation-other', path: invitation, heading: /^Sie sind eingeladen$/ },
  { name: 'invitation-gone', path: () => '/invitations/inv_x?token=x', heading: /gilt nicht mehr$/ },
]

/** Opens the page; those of one member by way of the list. */
async function open({ name, path, as }: PageSample): Promise<Visitor> {
  const me = as === 'stranger' ? stranger : owner
  if (name !== 'member' && name !== 'transfer') {
    await me.visit(path())
    return me
  }
  await me.visit(`/account/organizations/${id}/members?search=member1`)
  await me.page.getByRole('link', { name: 'Member 1 verwalten', exact: true }).click()
  if (name === 'transfer') await me.page.getByRole('link', { name: /übergeben …$/ }).click()
  return me
}

describe.each(PAGES)('$name, in German on a dark phone', (looked) => {
  it('is clean by axe-core, fits, weighs little, and gives the browser nothing to complain of', async () => {
    const me = await open(looked)
    expect(await me.heading()).toMatch(looked.heading)
    expect(await me.page.locator('html').getAttribute('lang')).toBe('de')
    if (SCREENSHOTS)
      await me.page.screenshot({ path: join(SCREENSHOTS, `org-${looked.name}.png`), fullPage: true })
    await me.page.evaluate(AXE)
    const found = await me.page.evaluate<AxeResults['violations']>(
      `axe.run(document, { preload: false, resultTypes: ['violations'] }).then(({ violations }) => violations)`,
    )
    expect(
      found.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ html }) => html).join(' | ')}`),
    ).toEqual([])
    await me.page.setViewportSize({ width: 320, height: 640 })
    const overflow = await me.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
    await me.page.setViewportSize(PHONE.viewport)
    expect(overflow, 'pixels to scroll sideways at 320').toBeLessThanOrEqual(0)

    // with the stylesheet, the script and the icon, which all pages share
    const assets = await me.page.evaluate<string[]>(
      `[...document.querySelectorAll('link[rel], script[src]')].map((one) => one.href ?? one.src)`,
    )
    const texts = await Promise.all(assets.map(async (url) => (await fetch(url)).text()))
    const weight = [await me.page.content(), ...texts].reduce((sum, text) => sum + gzipSync(text).length, 0)
    expect(assets).toHaveLength(3)
    expect(weight).toBeLessThan(20_000)
    expect(Object.values(contexts).flatMap((context) => (context ? complaintsOf(context) : []))).toEqual([])
  })
})

describe('sixty members', () => {
  it('are read page by page, and searched', async () => {
    await owner.visit(within('/members')())
    const rows = owner.page.locator('main .items > li')
    const seen: number[] = []
    for (;;) {
      seen.push(await rows.count())
      const more = owner.page.getByRole('link', { name: 'Weitere anzeigen' })
      if ((await more.count()) === 0) break
      await more.click()
    }
    expect(seen).toEqual([25, 25, 10])
    await owner.page.getByRole('link', { name: 'Zurück zur ersten Seite' }).click()
    await owner.page.getByRole('searchbox').fill('niemand')
    await owner.page.getByRole('searchbox').press('Enter')
    expect(await owner.text()).toContain('Keine Mitglieder gefunden.')
  })
})
