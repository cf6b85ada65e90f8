/**
 * The pages on a phone: at 360 px no page is wider than the window, in either language, and the navigation of the
 * account is a menu on one row, which needs no script.
 */
import type { BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCALES } from '../../packages/server/src/base/call.ts'
import { createPages } from '../../packages/server/src/base/page/index.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { callIn, PROBLEMS, samples } from '../pages/samples.tsx'
import { type Chromium, startChromium } from './chromium.ts'
import { visitor } from './visitor.ts'

const PHONE = { width: 360, height: 740 }
const HOST = 'http://pages.localhost'

let chromium: Chromium
beforeAll(async () => {
  chromium = await startChromium()
})
afterAll(() => chromium?.close())

/** The options of the page's selects that are wider than their select. The names of custom roles are not ours to shorten. */
const CUT_OPTIONS = `[...document.querySelectorAll('select')].flatMap((select) => {
  const style = getComputedStyle(select)
  const pen = document.createElement('canvas').getContext('2d')
  pen.font = style.fontWeight + ' ' + style.fontSize + ' ' + style.fontFamily
  const arrow = 18
  const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - arrow
  return [...select.options]
    .filter(({ value, label }) => value !== label && pen.measureText(label).width > room)
    .map(({ label }) => label)
})`

/** What is cut off in the bar: the name of a user and of an organization that are not longer than usual. */
const CUT_NAMES = `[...document.querySelectorAll('.who > *')]
  .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
  .map(({ textContent }) => textContent.trim())`

const MENU_LINES = `[...document.querySelectorAll('.menu a')].map((link) => getComputedStyle(link).borderTopColor)`

describe.each(LOCALES)('every page in %s', (locale) => {
  const pages = createPages({ brandName: 'Latchkey', brandLogo: null, brandAccent: null })
  const call = callIn(locale)
  const documents = new Map<string, string>()
  for (const { name, ...sample } of samples(locale))
    documents.set(name, pages.renderPage(call, { ...sample, title: name, csrfToken: 'c'.repeat(43) }))
  for (const problem of PROBLEMS)
    documents.set(`problem-${problem.code}`, pages.renderProblem(call, problem, null))

  it('fits into the window', async () => {
    const context = await chromium.open({ viewport: PHONE })
    await context.route(`${HOST}/**`, async (route) => {
      const path = new URL(route.request().url()).pathname
      const asset = pages.assets.find((one) => one.path === path)
      const body = asset?.body ?? documents.get(path.slice(1)) ?? ''
      await route.fulfill({ body, contentType: asset?.type ?? 'text/html; charset=utf-8' })
    })
    const page = await context.newPage()
    const wide: string[] = []
    const cut: string[] = []
    for (const name of documents.keys()) {
      await page.goto(`${HOST}/${name}`)
      const menu = page.locator('details.menu > summary')
      if (await menu.isVisible()) await menu.click()
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
      if (width > PHONE.width) wide.push(`${name}: ${width} px`)
      for (const option of (await page.evaluate(CUT_OPTIONS)) as string[]) cut.push(`${name}: ${option}`)
    }
    await context.close()
    expect(documents.size).toBeGreaterThan(50)
    expect(wide).toEqual([])
    expect(cut).toEqual([])
  })
})

describe.each([true, false])('the navigation of the account, with JavaScript: %s', (javaScriptEnabled) => {
  let world: World
  let context: BrowserContext
  beforeAll(async () => {
    world = await startWorld()
    context = await chromium.open({ locale: 'de', javaScriptEnabled, viewport: PHONE })
  })
  afterAll(async () => {
    await context?.close()
    await world?.stop()
  })

  it('is a menu on one row, which names the current page and leads to all of them, below the whole name of the user', async () => {
    const { email, password, client } = await world.person()
    await client.patch('/api/v1/users/me', { locale: 'de', full_name: 'Konrad Zuse' })
    const me = visitor(world, await context.newPage())
    await me.visit('/sign-in')
    await me.fill({ 'E-Mail-Adresse oder Benutzername': email, Passwort: password })
    await me.press('Anmelden')
    expect(await me.page.locator('.who').textContent()).toContain('Konrad Zuse')
    expect(await me.page.evaluate(CUT_NAMES)).toEqual([])
    const nav = me.page.getByRole('navigation', { name: 'Konto' })
    const height = async () => (await nav.boundingBox())?.height ?? 0
    const tabs = ['Sicherheit', 'Sitzungen', 'API-Schlüssel', 'Organisationen', 'Berechtigungen', 'Übersicht']
    for (const tab of tabs) {
      expect(await height()).toBeLessThan(60)
      await nav.locator('summary').click()
      expect(await nav.getByRole('link').count()).toBe(tabs.length)
      // the line of the current entry would be read as one below the entry before it
      expect(new Set((await me.page.evaluate(MENU_LINES)) as string[]).size).toBe(1)
      await nav.getByRole('link', { name: tab, exact: true }).click()
      expect(await nav.locator('summary').textContent()).toBe(tab)
      expect(await nav.locator('.menu [aria-current=page]').textContent()).toBe(tab)
    }
    await me.page.setViewportSize({ width: 1280, height: 800 })
    expect(await nav.locator('summary').isVisible()).toBe(false)
    expect(await nav.getByRole('link').count()).toBe(tabs.length)
    expect(await height()).toBeLessThan(60)
  })
})
