/**
 * Accessibility of every hosted page: no axe-core violations in light and dark on a desktop and on a phone, no
 * horizontal scrolling, no browser errors, usable by keyboard, and a small transfer size. SCREENSHOTS=<folder> also
 * saves an image of every page there.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { AxeResults } from 'axe-core'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { type PageState, STATES } from './pages.ts'
import { read, type Visitor, visitor } from './visitor.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCREENSHOTS = process.env.SCREENSHOTS
const WINDOWS = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
]
const SCHEMES = ['light', 'dark'] as const
const OLD_PASSWORD = 'Old-and-grey-7'

let chromium: Chromium
let world: World
/** A server with the classic password rules, where passwords expire. */
let classic: World
const states: Partial<Record<PageState['as'], BrowserContextOptions['storageState']>> = {}
let context: BrowserContext | undefined

beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
  classic = await startWorld({ passwordProfile: 'classic' })
  const { email, client } = await world.person()
  await client.signIn(email, PASSWORD, { remember_me: true })
  await world.client({ headers: { 'user-agent': PHONE } }).signIn(email, PASSWORD)
  states.person = await stateAfterSignIn(world, email, PASSWORD)
  const late = await classic.person({ password: OLD_PASSWORD, signIn: false })
  await classic.clock.advance('91 days')
  states.expired = await stateAfterSignIn(classic, late.email, OLD_PASSWORD)
})
afterAll(async () => {
  await chromium?.close()
  await Promise.all([world?.stop(), classic?.stop()])
})
afterEach(async () => {
  await context?.close()
  context = undefined
})

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

async function stateAfterSignIn(where: World, email: string, password: string) {
  const own = await chromium.open({ locale: 'en-GB' })
  await visitor(where, await own.newPage()).signIn(email, password)
  const state = await own.storageState()
  await own.close()
  return state
}

async function newVisitor(as: PageState['as'] = 'stranger', options: BrowserContextOptions = {}) {
  const storageState = states[as]
  context = await chromium.open({
    locale: 'en-GB',
    viewport: WINDOWS[0] ?? null,
    // no transitions: axe-core would measure a colour between light and dark
    reducedMotion: 'reduce',
    ...(storageState ? { storageState } : {}),
    ...options,
  })
  return visitor(as === 'expired' ? classic : world, await context.newPage())
}
const complaints = () => (context ? complaintsOf(context) : [])

/** The axe-core violations of the page in its current state. */
async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate<AxeResults['violations']>(
    // without what Redoc renders; otherwise axe-core fetches the stylesheets again
    `axe.run({ exclude: [['#viewer']] }, { preload: false, resultTypes: ['violations'] }).then(({ violations }) => violations)`,
  )
  return found.map(
    ({ id, impact, nodes }) =>
      `${impact}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`,
  )
}

describe.each(STATES)('$name', ({ name, as, heading, status = 200, open }) => {
  it('has no axe-core violations, fits on narrow screens, and causes no browser errors', async () => {
    const me = await newVisitor(as)
    const { page } = me
    let statusOfPage = 0
    page.on('response', (response) => {
      if (response.request().isNavigationRequest()) statusOfPage = response.status()
    })
    await open(me, as === 'expired' ? classic : world)
    expect(await me.heading()).toMatch(heading)
    expect(statusOfPage).toBe(status)

    await page.evaluate(AXE)
    for (const viewport of WINDOWS) {
      await page.setViewportSize(viewport)
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme })
        if (SCREENSHOTS)
          await page.screenshot({
            path: join(SCREENSHOTS, `${name}-${viewport.width}-${colorScheme}.png`),
            fullPage: true,
            animations: 'disabled',
          })
        expect(await violations(page), `${viewport.width} ${colorScheme}`).toEqual([])
      }
    }
    await page.setViewportSize({ width: 320, height: 640 })
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
    expect(overflow, 'pixels to scroll sideways at 320').toBeLessThanOrEqual(0)
    expect(complaints()).toEqual([])
  })
})

interface Stop {
  name: string
  hasRing: boolean
  box: { x: number; y: number; width: number; height: number }
}

/** The focused element; null at the end of the page. */
const STOP = `(() => {
  const at = document.activeElement
  if (!at || at === document.body) return null
  const { outlineStyle, outlineWidth } = getComputedStyle(at)
  const { x, y, width, height } = at.getBoundingClientRect()
  return {
    name: at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent.trim() ?? at.textContent.trim(),
    hasRing: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    box: { x, y, width, height },
  }
})()`

/** The tab order, from the top of the page to its end. */
async function tabThrough({ page }: Visitor): Promise<Stop[]> {
  const stops: Stop[] = []
  // start at the top even if a field has autofocus
  await page.locator('.skip').focus()
  while (stops.length < 30) {
    const stop = await page.evaluate<Stop | null>(STOP)
    // after the last element Chromium focuses the body, or, headless, the first element again
    if (stop === null || stop.name === stops[0]?.name) break
    stops.push(stop)
    await page.keyboard.press('Tab')
  }
  return stops
}

/** Reading order: down the page, and from left to right within a line. */
const isBefore = ({ box: a }: Stop, { box: b }: Stop): boolean =>
  b.y >= a.y + a.height / 2 || (b.y + b.height > a.y && b.x > a.x)

describe('the keyboard', () => {
  it.each([
    {
      path: '/sign-in',
      order: [
        'Skip to the content',
        'E-mail address or username',
        'Password',
        'Show password: Password',
        'Keep me signed in',
        'Forgot password?',
        'Sign in',
        'Sign in with a passkey',
        'Send me a link or a code instead',
        'Create an account',
      ],
    },
    {
      path: '/sign-up',
      order: [
        'Skip to the content',
        'Full name (optional)',
        'E-mail address',
        'Password',
        'Show password: Password',
        'Repeat the password',
        'Show password: Repeat the password',
        'Create account',
        'Sign in',
      ],
    },
  ])('moves through $path in visual order, with a visible focus', async ({ path, order }) => {
    const me = await newVisitor()
    await me.visit(path)
    const stops = await tabThrough(me)
    expect(stops.map(({ name }) => name)).toEqual(order)
    expect(stops.filter(({ hasRing }) => !hasRing)).toEqual([])
    const disorder = stops.filter((stop, i) => i > 0 && !isBefore(stops[i - 1] as Stop, stop))
    expect(disorder).toEqual([])
  })

  it.each([true, false])('is enough to sign in; with JavaScript: %s', async (javaScriptEnabled) => {
    const { email } = await world.person({ signIn: false })
    const me = await newVisitor('stranger', { javaScriptEnabled })
    await me.visit('/sign-in')
    // the first field has autofocus
    await me.page.locator('[name=identifier]:focus').waitFor()
    await me.page.keyboard.type(email)
    await me.page.keyboard.press('Tab')
    await me.page.keyboard.type(PASSWORD)
    await me.page.keyboard.press('Enter')
    await me.page.waitForURL('**/account')
    expect(await me.heading()).toBe('Your account')
    expect(complaints()).toEqual([])
  })

  it.each([true, false])(
    'starts at the error summary, which links to the field; with JavaScript: %s',
    async (javaScriptEnabled) => {
      const me = await newVisitor('stranger', { javaScriptEnabled })
      await me.visit('/sign-up')
      await me.page.getByLabel('E-mail address').press('Enter')
      const focused = me.page.locator(':focus')
      expect(await focused.getAttribute('role')).toBe('alert')
      expect(await read(focused)).toMatch(/^Please correct \d fields/)
      await me.page.keyboard.press('Tab')
      expect(await read(focused)).toMatch(/^E-mail address: /)
      await me.page.keyboard.press('Enter')
      expect(await focused.getAttribute('name')).toBe('email')
      expect(complaints()).toEqual([])
    },
  )

  it('skips to the content', async () => {
    const me = await newVisitor('person')
    await me.visit('/account')
    await me.page.keyboard.press('Tab')
    await me.page.keyboard.press('Enter')
    await me.page.keyboard.press('Tab')
    expect(await read(me.page.locator(':focus'))).toBe('Overview')
  })
})

describe('password managers', () => {
  it.each([
    ['/sign-in', 'stranger', { identifier: 'username webauthn', password: 'current-password' }],
    [
      '/sign-up',
      'stranger',
      { full_name: 'name', email: 'email', password: 'new-password', password_confirm: 'new-password' },
    ],
    ['/forgot-password', 'stranger', { email: 'username' }],
    [
      '/account/security/password',
      'person',
      {
        '': 'username',
        current_password: 'current-password',
        new_password: 'new-password',
        new_password_confirm: 'new-password',
      },
    ],
    ['/account/delete', 'person', { '': 'username', password: 'current-password' }],
  ] as const)('know the fields of %s', async (path, as, expected) => {
    const me = await newVisitor(as)
    await me.visit(path)
    const found = await me.page
      .locator('main form [autocomplete]')
      .evaluateAll((fields) =>
        Object.fromEntries(
          fields.map((field) => [field.getAttribute('name') ?? '', field.getAttribute('autocomplete')]),
        ),
      )
    expect(found).toEqual(expected)
  })
})

describe('a page load', () => {
  it.each([
    // with the script of passkeys
    ['/sign-in', 5],
    ['/sign-up', 4],
    ['/forgot-password', 4],
  ])('%s transfers less than 20 kB with all its resources, all from this server', async (path, files) => {
    const me = await newVisitor()
    const loaded = new Map<string, number>()
    const weigh = (url: string, body: Buffer) => loaded.set(url, gzipSync(body).length)
    const bodies: Promise<unknown>[] = []
    me.page.on('response', (response) => {
      bodies.push(response.body().then((body) => weigh(response.url(), body)))
    })
    await me.visit(path)
    await Promise.all(bodies)
    // headless Chromium does not fetch the icon
    const icon = await me.page.locator('link[rel=icon]').getAttribute('href')
    const { publicUrl } = world.config
    weigh(`${publicUrl}${icon}`, Buffer.from((await world.client().get(icon ?? '')).text))

    const places = [...loaded.keys()].map((url) => new URL(url))
    expect(new Set(places.map(({ origin }) => origin))).toEqual(new Set([publicUrl]))
    // the options of passkeys are fetched after the page is shown
    expect(places.filter(({ pathname }) => !pathname.startsWith('/api/'))).toHaveLength(files)
    const total = [...loaded.values()].reduce((sum, size) => sum + size, 0)
    expect(total).toBeLessThan(20_000)
  })

  it('is blocked by no script, and only by the stylesheet', async () => {
    const me = await newVisitor()
    await me.visit('/sign-in')
    const blocking = await me.page.evaluate<string[]>(
      `performance.getEntriesByType('resource').filter((one) => one.renderBlockingStatus === 'blocking').map((one) => one.name)`,
    )
    expect(blocking).toEqual([expect.stringMatching(/\/assets\/[\w-]+\.css$/)])
    const scripts = await me.page
      .locator('script')
      .evaluateAll((all) => all.map((one) => [one.getAttribute('type'), one.textContent]))
    expect(scripts).toEqual([
      ['module', ''],
      ['module', ''],
    ])
  })
})
