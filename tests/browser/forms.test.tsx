/**
 * CSRF defences that need a real browser: the Origin that forms send under the referrer policy, and CSP form-action.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext } from 'playwright-core'
import { renderToStaticMarkup } from 'preact-render-to-string'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Row } from '../../packages/server/src/base/http/row/route.ts'
import { page, serve } from '../../packages/server/src/base/http/testing.ts'
import { type Chromium, startChromium } from './chromium.ts'

const base = { quiet: 'a test', summary: 'Test', open: 'a test', input: z.object({}) } as const
const elsewhere = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(request.url === '/attack' ? attack : '<title>elsewhere</title>')
})
let attack = ''
let chromium: Chromium
let browser: BrowserContext

beforeAll(async () => {
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  chromium = await startChromium()
  browser = await chromium.open()
})
afterAll(async () => {
  await chromium?.close()
  elsewhere.close()
})

const start = async (returnOrigins: string[]) => {
  const away = `http://localhost:${(elsewhere.address() as AddressInfo).port}/app`
  const rows: Row[] = [
    page({
      ...base,
      name: 'form',
      method: 'GET',
      path: '/form',
      run: async () => ({ page: <p>form</p>, title: 'Form' }),
    }),
    page({ ...base, name: 'send', method: 'POST', path: '/form', run: async () => ({ redirect: '/done' }) }),
    page({ ...base, name: 'leave', method: 'POST', path: '/leave', run: async () => ({ redirect: away }) }),
    page({
      ...base,
      name: 'done',
      method: 'GET',
      path: '/done',
      run: async () => ({ page: <p>done</p>, title: 'Done' }),
    }),
  ]
  return serve(rows, {
    // production compares with the public URL; a wrong one shows the decision by Sec-Fetch-Site alone
    config: { profile: 'production', publicUrl: 'http://127.0.0.1:9', returnOrigins },
    renderPage: (_call, { page: node, title, csrfToken }) =>
      `<!doctype html><title>${title}</title>${renderToStaticMarkup(
        <form method="post">
          <input type="hidden" name="csrf_token" value={csrfToken ?? ''} />
          <button type="submit">Send</button>
          <button type="submit" formaction="/leave" id="leave">
            Leave
          </button>
          {node}
        </form>,
      )}`,
  })
}

describe('a hosted form in a browser', () => {
  it('is accepted from the same origin and refused from another site', async () => {
    const server = await start([])
    const tab = await browser.newPage()
    await tab.goto(`${server.url}/form`)
    await tab.click('button')
    await tab.waitForURL(`${server.url}/done`)

    attack = `<form method="post" action="${server.url}/form"><button>Go</button></form>`
    await tab.goto(`http://localhost:${(elsewhere.address() as AddressInfo).port}/attack`)
    await tab.click('button')
    await tab.waitForURL(`${server.url}/form`)
    expect(await tab.title()).toBe('CSRF_FAILED')
    await tab.close()
  })

  it('sends the origin, not null, under the referrer policy of the pages', async () => {
    const server = await start([])
    const tab = await browser.newPage()
    await tab.goto(`${server.url}/form`)
    const sent = tab.waitForRequest((request) => request.method() === 'POST')
    await tab.click('button')
    expect(await (await sent).headerValue('origin')).toBe(server.url)
    await tab.close()
  })

  it('may redirect to a registered origin, and to no other', async () => {
    const { port } = elsewhere.address() as AddressInfo
    const registered = await start([`http://localhost:${port}`])
    const tab = await browser.newPage()
    await tab.goto(`${registered.url}/form`)
    await tab.click('#leave')
    await tab.waitForURL(`http://localhost:${port}/app`)

    const strict = await start([])
    await tab.goto(`${strict.url}/form`)
    const refused = tab.waitForEvent('console', (message) => /form-action/.test(message.text()))
    await tab.click('#leave', { noWaitAfter: true })
    expect((await refused).text()).toContain('Content Security Policy')
    await tab.close()
  })
})
