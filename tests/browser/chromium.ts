/**
 * Browser of the tests: the system's Chromium, driven by Playwright, with a fresh profile each time and no network
 * except the server under test. Script errors, violations of the Content-Security-Policy and missing files on any
 * page are recorded, and tests read them by `complaintsOf`.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin']
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** @throws Error with the package to install, if there is none */
function findChromium(): string {
  const found = FOLDERS.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync)
  if (!found)
    throw new Error(
      `The tests in a browser need one of ${NAMES.join(', ')}, and none is installed. Debian and Ubuntu: apt-get install chromium.`,
    )
  return found
}

const complaints = new WeakMap<BrowserContext, string[]>()

/** The browser errors in this context since the last call. */
export const complaintsOf = (context: BrowserContext): string[] => complaints.get(context)?.splice(0) ?? []

function watched(context: BrowserContext): BrowserContext {
  const kept: string[] = []
  complaints.set(context, kept)
  const refused = new Set<string>()
  context.on('response', (response) => {
    // a page that answers 4xx on purpose; Chromium reports it as a resource that failed to load
    if (response.request().isNavigationRequest() && response.status() >= 400) refused.add(response.url())
  })
  context.on('console', (message) => {
    const isOurAnswer =
      message.text().startsWith('Failed to load resource') && refused.has(message.location().url)
    if (['error', 'warning'].includes(message.type()) && !isOurAnswer)
      kept.push(`${message.page()?.url()}: ${message.text()}`)
  })
  context.on('weberror', (error) => kept.push(`${error.page()?.url()}: ${error.error().message}`))
  context.on('requestfailed', (request) => {
    // a click aborts the load of the icon, which is not an error
    const reason = request.failure()?.errorText
    if (reason !== 'net::ERR_ABORTED') kept.push(`${request.url()}: ${reason}`)
  })
  return context
}

export interface Chromium {
  /** A fresh profile in memory, isolated from all others. */
  open(options?: BrowserContextOptions): Promise<BrowserContext>
  close(): Promise<void>
}

/** @param keepsPages enables the back/forward cache, as in a default browser */
export async function startChromium({ keepsPages = false } = {}): Promise<Chromium> {
  const browser: Browser = await chromium.launch({
    executablePath: findChromium(),
    args: ARGUMENTS,
    // Playwright's goBack waits for a load event, which a cached page does not fire
    ignoreDefaultArgs: keepsPages ? ['--disable-back-forward-cache'] : [],
  })
  return {
    open: async (options) => watched(await browser.newContext(options)),
    close: () => browser.close(),
  }
}

export interface Profile {
  /** Starts the browser with the profile. Closing the context quits the browser. */
  start(): Promise<BrowserContext>
  remove(): Promise<void>
}

/** A profile on disk, for state that survives a restart of the browser. */
export async function makeProfile(options: BrowserContextOptions = {}): Promise<Profile> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-profile-'))
  return {
    start: async () =>
      watched(
        await chromium.launchPersistentContext(folder, {
          ...options,
          executablePath: findChromium(),
          args: ARGUMENTS,
        }),
      ),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}
