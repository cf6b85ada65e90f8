/** Proving a domain in Chromium: the record is copied, published and checked; with scripts, and without. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DnsServer, startDnsServer } from '../../packages/server/src/testing/dns-server.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { read, visitor } from './visitor.ts'

let chromium: Chromium
let dns: DnsServer
let world: World
beforeAll(async () => {
  chromium = await startChromium()
  dns = await startDnsServer()
  world = await startWorld({ dnsServers: [dns.address] })
})
afterAll(async () => {
  await world.stop()
  await dns.stop()
  await chromium.close()
})

describe('a domain', () => {
  it.each([
    ['with scripts', true],
    ['without scripts', false],
  ])('is added, published, checked and removed, %s', async (_, javaScriptEnabled) => {
    const person = await world.person({ signIn: false })
    const id = await world.organization({ members: [[person, 'owner']] })
    const domain = javaScriptEnabled ? 'with.example.com' : 'without.example.com'
    const context = await chromium.open({ javaScriptEnabled })
    const me = visitor(world, await context.newPage())
    try {
      await me.signIn(person.email)
      await me.page.waitForURL('**/account')
      await me.visit(`/account/organizations/${id}`)
      await me.follow('Domains')
      await me.fill({ Domain: domain })
      await me.press('Add domain')
      await me.page.getByText('Domain added. Publish the record below').waitFor()
      const copied: Record<string, string> = {}
      if (javaScriptEnabled) await context.grantPermissions(['clipboard-read', 'clipboard-write'])
      for (const part of ['host', 'name', 'value']) {
        const shown = me.page.locator(`#record-${part}`)
        const button = me.page.locator(`[data-copy="record-${part}"]`)
        expect(await button.isVisible()).toBe(javaScriptEnabled)
        if (javaScriptEnabled) await button.click()
        copied[part] = javaScriptEnabled
          ? await me.page.evaluate<string>('navigator.clipboard.readText()')
          : await read(shown)
      }
      expect(copied).toMatchObject({
        host: '_latchkey-challenge',
        name: `_latchkey-challenge.${domain}`,
        value: expect.stringMatching(/^latchkey-verify=[0-9a-f]{40}$/),
      })
      await me.press('Check now')
      await me.page.getByText('found nothing').waitFor()
      dns.set(copied.name ?? '', [copied.value ?? ''])
      await me.press('Check now')
      await me.page.getByText('Domain verified.').waitFor()
      await me.page.getByText('found the record').waitFor()
      await me.follow('Remove domain')
      expect(await me.heading()).toBe(`Remove ${domain}?`)
      await me.press('Remove domain')
      await me.page.getByText('Domain removed.').waitFor()
      expect(await me.text()).toContain('No domains yet.')
      expect(complaintsOf(context)).toEqual([])
    } finally {
      await context.close()
    }
  })
})
