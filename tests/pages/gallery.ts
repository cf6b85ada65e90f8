/**
 * Gallery of the hosted pages: serves them under the real Content-Security-Policy and checks them in Chromium, with
 * screenshots at 1280, 360 and 320 px, light and dark, axe-core, horizontal overflow, policy violations, focus order,
 * size. `npx tsx tests/pages/gallery.ts <folder for screenshots> [name …]`; needs Chromium (CHROMIUM, default
 * /usr/bin/chromium).
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { type Browser, chromium } from 'playwright-core'
import { LOCALES } from '../../packages/server/src/base/call.ts'
import { createPages } from '../../packages/server/src/base/page/index.ts'
import { callIn, PROBLEMS, samples } from './samples.tsx'

const [folder = 'gallery', ...only] = process.argv.slice(2)
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
const pages = createPages({
  brandName: process.env.BRAND_NAME ?? 'Latchkey',
  brandLogo: null,
  brandAccent: process.env.BRAND_ACCENT ?? null,
})
const documents = new Map<string, string>()
for (const locale of LOCALES) {
  const call = callIn(locale)
  for (const { name, ...sample } of samples(locale))
    documents.set(
      `/${locale}/${name}`,
      pages.renderPage(call, { ...sample, title: name, csrfToken: 'c'.repeat(43) }),
    )
  for (const problem of PROBLEMS)
    documents.set(
      `/${locale}/problem-${problem.code.toLowerCase()}`,
      pages.renderProblem(call, problem, null),
    )
}

const server = createServer((request, response) => {
  const path = request.url ?? '/'
  const asset = pages.assets.find((one) => one.path === path)
  const body = asset?.body ?? documents.get(path)
  response.writeHead(body === undefined ? 404 : 200, {
    'content-type': asset?.type ?? 'text/html; charset=utf-8',
    'content-security-policy': POLICY,
  })
  response.end(body)
})
await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const zipped = (text: string): string =>
  `${Buffer.byteLength(text)} B, gzip ${gzipSync(text).length}, br ${brotliCompressSync(text).length}`
for (const { path, body } of pages.assets) console.log(path.split('.').pop(), zipped(body))
const first = documents.get('/en/sign-in') ?? ''
console.log('sign-in', zipped(first))
console.log(
  'first page, gzip:',
  [first, ...pages.assets.map((one) => one.body)].reduce((sum, text) => sum + gzipSync(text).length, 0),
)

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
let faults = 0
const fault = (where: string, what: string): void => {
  faults++
  console.log(`FAULT ${where}: ${what}`)
}

async function look(browser: Browser, width: number, colorScheme: 'light' | 'dark'): Promise<void> {
  const context = await browser.newContext({
    viewport: { width, height: width > 600 ? 800 : 740 },
    colorScheme,
    bypassCSP: false,
  })
  const page = await context.newPage()
  let where = ''
  page.on('console', (message) => message.type() === 'error' && fault(where, message.text()))
  page.on('pageerror', (error) => fault(where, error.message))
  for (const path of documents.keys()) {
    const name = path.slice(1).replace('/', '-')
    if (only.length > 0 && !only.some((part) => path.endsWith(`/${part}`))) continue
    where = `${name} ${width} ${colorScheme}`
    await page.goto(origin + path)
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    if (Number(overflow) > 0) fault(where, `wider than the window by ${overflow} px`)
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true })
    if (width === 320) continue
    await page.evaluate(axe)
    const found = (await page.evaluate(
      "axe.run(document, { runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120) + ' ' + (n.any[0]?.message ?? '')).join(' | ')))",
    )) as string[]
    for (const violation of found) fault(where, violation)
    if (width === 1280 && colorScheme === 'light' && path.startsWith('/en/')) {
      const order: string[] = []
      await page.evaluate('document.activeElement.blur()')
      for (let i = 0; i < 14; i++) {
        await page.keyboard.press('Tab')
        const at = (await page.evaluate(
          "(e => e === document.body ? '' : (e.getAttribute('aria-label') ?? e.name ?? '') || e.textContent.trim())(document.activeElement)",
        )) as string
        if (!at) break
        order.push(at)
      }
      console.log(name, '→', order.join(' | '))
    }
  }
  await context.close()
}

mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})
for (const width of [1280, 360, 320])
  for (const scheme of ['light', 'dark'] as const) await look(browser, width, scheme)
await browser.close()
server.close()
console.log(`${documents.size} documents, ${faults} faults`)
process.exitCode = faults ? 1 : 0
