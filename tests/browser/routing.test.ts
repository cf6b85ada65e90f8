/** Signing in by the domain of an address in Chromium: to the organization's provider and back; with scripts, and without. */
import type { BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Company,
  company,
  requireSso,
} from '../../packages/server/src/features/signin/routing/testing.ts'
import { type Federated, startFederated } from '../../packages/server/src/testing/federation.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { reachProviders } from './providers.ts'
import { type Visitor, visitor } from './visitor.ts'

const IDENTIFIER = 'E-mail address or username'

let chromium: Chromium
let federated: Federated
let free: Company
let strict: Company
beforeAll(async () => {
  chromium = await startChromium()
  federated = await startFederated()
  free = await company(federated, { domain: 'free.example' })
  strict = await company(federated, { domain: 'strict.example' })
  await requireSso(federated.world, strict.id)
})
afterAll(async () => {
  await federated?.stop()
  await chromium?.close()
})

async function inBrowser(
  options: BrowserContextOptions,
  act: (me: Visitor, context: BrowserContext) => Promise<void>,
): Promise<void> {
  const context = await chromium.open({ locale: 'en-GB', ...options })
  try {
    await reachProviders(context, federated.fakes)
    await act(visitor(federated.world, await context.newPage()), context)
    expect(complaintsOf(context)).toEqual([])
  } finally {
    await context.close()
  }
}

let people = 0
const atProvider = (domain: string): string => {
  const email = `person${++people}@${domain}`
  federated.fakes.provider('oidc').user = { sub: email, email, email_verified: true, name: 'A Person' }
  return email
}

describe.each([
  ['with scripts', true],
  ['without scripts', false],
])('%s', (_, javaScriptEnabled) => {
  it('an address leads to the provider of its organization, and back signed in', () =>
    inBrowser({ javaScriptEnabled }, async (me) => {
      const email = atProvider('free.example')
      await me.visit('/account/sessions')
      await me.fill({ [IDENTIFIER]: email })
      await me.press('Continue')
      expect(await me.heading()).toBe(`Sign in with ${free.name}`)
      await me.follow(`Continue with ${free.name} ID`)
      await me.page.waitForURL('**/account/sessions')
      expect(await me.heading()).toBe('Sessions')
    }))

  it('the page is passed where the organization requires its provider', () =>
    inBrowser({ javaScriptEnabled }, async (me) => {
      const email = atProvider('strict.example')
      await me.visit('/sign-in')
      await me.fill({ [IDENTIFIER]: email })
      await me.press('Continue')
      if (!javaScriptEnabled) await me.follow(`Continue with ${strict.name} ID`)
      await me.page.waitForURL('**/account')
      expect(await me.heading()).toBe('Your account')
    }))

  it('every other address leads to its password, also after a wrong one', () =>
    inBrowser({ javaScriptEnabled }, async (me) => {
      const { email } = await federated.world.person({ signIn: false })
      await me.visit('/sign-in')
      await me.fill({ [IDENTIFIER]: 'mistyped@example.com' })
      await me.press('Continue')
      await me.follow('Use another account')
      expect(await me.value(IDENTIFIER)).toBe('mistyped@example.com')
      await me.fill({ [IDENTIFIER]: email })
      await me.press('Continue')
      expect(await me.value(IDENTIFIER)).toBe(email)
      await me.fill({ Password: 'another one of several words' })
      await me.press('Sign in')
      expect(await me.value(IDENTIFIER)).toBe(email)
      await me.fill({ Password: PASSWORD })
      await me.press('Sign in')
      await me.page.waitForURL('**/account')
    }))

  it('the page of an organization offers its provider', () =>
    inBrowser({ javaScriptEnabled }, async (me) => {
      atProvider('free.example')
      await me.visit(`/sign-in/o/${free.slug}`)
      expect(await me.heading()).toBe(`Sign in to ${free.name}`)
      await me.follow(`Continue with ${free.name} ID`)
      await me.page.waitForURL('**/account')
    }))
})

it('in German, dark and on a phone', () =>
  inBrowser({ locale: 'de-DE', colorScheme: 'dark', viewport: { width: 360, height: 740 } }, async (me) => {
    const fits = 'document.documentElement.scrollWidth <= innerWidth'
    const { email } = await federated.world.person({ signIn: false })
    await me.visit('/sign-in')
    expect(await me.heading()).toBe('Anmelden')
    expect(await me.page.evaluate(fits)).toBe(true)
    await me.fill({ 'E-Mail-Adresse oder Benutzername': atProvider('free.example') })
    await me.press('Weiter')
    expect(await me.heading()).toBe(`Mit ${free.name} anmelden`)
    expect(await me.page.evaluate(fits)).toBe(true)
    await me.follow('Anderes Konto verwenden')
    await me.fill({ 'E-Mail-Adresse oder Benutzername': email })
    await me.press('Weiter')
    await me.fill({ Passwort: PASSWORD })
    await me.press('Anmelden')
    await me.page.waitForURL('**/account')
    await me.visit('/account/organizations/start')
    expect(await me.page.evaluate(fits)).toBe(true)
  }))
