/**
 * A real browser for the tests: the system's Chromium, a fresh profile each time, no network besides the server
 * under test. Every page it opens is watched: what the browser complains of (a script's error, a refused policy,
 * a file that is not there) is kept, and `complaints` says so to the tests.
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

/** @throws Error that says what to install, where there is none */
function findChromium(): string {
  const found = FOLDERS.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync)
  if (!found)
    throw new Error(
      `The tests in a browser need one of ${NAMES.join(', ')}, and none is installed. Debian and Ubuntu: apt-get install chromium.`,
    )
  return found
}

const complaints = new WeakMap<BrowserContext, string[]>()

/** What the browser complained of in this context, since it was last asked. */
export const complaintsOf = (context: BrowserContext): string[] => complaints.get(context)?.splice(0) ?? []

function watched(context: BrowserContext): BrowserContext {
  const kept: string[] = []
  complaints.set(context, kept)
  const refused = new Set<string>()
  context.on('response', (response) => {
    // a page that answers 4xx on purpose; Chromium reports it as a file that could not be loaded
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
    // a click before the page has its icon; nothing is wrong
    const reason = request.failure()?.errorText
    if (reason !== 'net::ERR_ABORTED') kept.push(`${request.url()}: ${reason}`)
  })
  return context
}

export interface Chromium {
  /** A fresh profile in memory: nothing of any other is known in it. */
  open(options?: BrowserContextOptions): Promise<BrowserContext>
  close(): Promise<void>
}

/** `keepsPages`: pages one has left stay in memory for the back button, as in everybody's browser. */
export async function startChromium({ keepsPages = false } = {}): Promise<Chromium> {
  const browser: Browser = await chromium.launch({
    executablePath: findChromium(),
    args: ARGUMENTS,
    // Playwright's goBack waits for a load that does not come then
    ignoreDefaultArgs: keepsPages ? ['--disable-back-forward-cache'] : [],
  })
  return {
    open: async (options) => watched(await browser.newContext(options)),
    close: () => browser.close(),
  }
}

export interface Profile {
  /** Starts the browser on the profile's folder. Closing the context is what quitting it is to a person. */
  start(): Promise<BrowserContext>
  remove(): Promise<void>
}

/** A profile on disk, for what has to survive a restart of the browser. */
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
