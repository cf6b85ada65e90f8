/** The API reference in a browser: Redoc shows every operation, from this server alone and within the page's policy. */
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'

let world: World
let chromium: Chromium
beforeAll(async () => {
  world = await startWorld()
  chromium = await startChromium()
})
afterAll(async () => {
  await chromium.close()
  await world.stop()
})

interface Opened {
  page: Page
  hosts: Set<string>
  complaints: string[]
}

async function open(options: BrowserContextOptions = {}, anchor = ''): Promise<Opened> {
  const context = await chromium.open(options)
  const page = await context.newPage()
  const hosts = new Set<string>()
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url())
    if (protocol.startsWith('http')) hosts.add(host)
  })
  await page.goto(`${world.url}/api/docs${anchor}`)
  if (options.javaScriptEnabled !== false)
    await page.locator('#operations').waitFor({ state: 'hidden', timeout: 60_000 })
  return { page, hosts, complaints: complaintsOf(context) }
}

async function operations(): Promise<{ summary: string; path: string }[]> {
  const document = await (await fetch(`${world.url}/api/openapi.json`)).json()
  const { paths } = document as { paths: Record<string, Record<string, { summary: string }>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map(({ summary }) => ({ summary, path })),
  )
}

const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

describe('the API reference', () => {
  it.each(['light', 'dark'] as const)('shows every operation, in %s colours', async (colorScheme) => {
    const { page, hosts, complaints } = await open({ colorScheme, viewport: { width: 1280, height: 900 } })
    const text = (await page.locator('#viewer').textContent()) ?? ''
    for (const { summary } of await operations()) expect(text).toContain(summary)
    expect([...hosts]).toEqual([new URL(world.url).host])
    expect(complaints).toEqual([])
    const [background, ink] = (await page.evaluate(
      `[document.body, document.querySelector('#viewer h1')].map((one, at) => getComputedStyle(one)[at ? 'color' : 'backgroundColor'])`,
    )) as string[]
    const brightness = (colour = '') => Math.max(...(colour.match(/\d+/g) ?? []).slice(0, 3).map(Number))
    expect(brightness(background) > brightness(ink)).toBe(colorScheme === 'light')
    await page.context().close()
  })

  it('finds operations by its search', async () => {
    const { page } = await open()
    await page.locator('#viewer input').fill('revocations')
    await page.locator('#viewer [data-role="search:results"] li').first().waitFor()
    await page.context().close()
  })

  it('fits a screen of 360 pixels', async () => {
    const { page, complaints } = await open({ viewport: { width: 360, height: 740 } })
    expect(await overflow(page)).toBe(0)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('scrolls to the error that the type of a problem refers to', async () => {
    const { page } = await open({}, '#CONFLICT')
    await expect
      .poll(() => page.locator('#CONFLICT').evaluate((row) => row.getBoundingClientRect().top))
      .toBeLessThan(700)
    await page.context().close()
  })

  it('is a list of the operations without JavaScript', async () => {
    const { page, hosts } = await open({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } })
    const text = await page.locator('#operations').textContent()
    for (const { summary, path } of await operations()) {
      expect(text).toContain(summary)
      expect(text).toContain(path.replaceAll(/\{(\w+)\}/g, ':$1'))
    }
    expect(await overflow(page)).toBe(0)
    expect([...hosts]).toEqual([new URL(world.url).host])
    await page.context().close()
  })
})
