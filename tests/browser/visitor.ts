/** Page object of the browser tests: actions by visible labels, buttons and headings. */
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { linkIn } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD, type World } from '../../packages/server/src/testing/world.ts'

/** The visible text; `textContent` would include hidden text. */
// biome-ignore lint/performance/useDomNodeTextContent: the text without hidden parts, which `textContent` includes
export const read = (part: Locator): Promise<string> => part.innerText()

export interface Visitor {
  page: Page
  /** Opens a path of the server as if typed into the address bar. */
  visit(path: string): Promise<void>
  /** Fills the fields with these labels, in this order. */
  fill(values: Readonly<Record<string, string>>): Promise<void>
  press(button: string): Promise<void>
  follow(link: string): Promise<void>
  /** The current path and query. */
  path(): string
  /** The one heading of the page. */
  heading(): Promise<string>
  /** The visible text of the page. */
  text(): Promise<string>
  /** The value of the field with this label. */
  value(label: string): Promise<string>
  signIn(identifier: string, password?: string, options?: { remember?: boolean }): Promise<void>
  /** Opens the matching link of the newest e-mail to the address. */
  openEmail(address: string, link: RegExp): Promise<string>
}

export function visitor(world: World, page: Page): Visitor {
  const origin = world.config.publicUrl
  const field = (label: string) => page.getByLabel(label, { exact: true })
  const self: Visitor = {
    page,
    visit: async (path) => void (await page.goto(origin + path)),
    async fill(values) {
      for (const [label, value] of Object.entries(values)) await field(label).fill(value)
    },
    press: (name) => page.getByRole('button', { name, exact: true }).click(),
    follow: (name) => page.getByRole('link', { name, exact: true }).click(),
    path: () => page.url().replace(origin, ''),
    async heading() {
      const headings = await page.getByRole('heading', { level: 1 }).allInnerTexts()
      expect(headings).toHaveLength(1)
      return headings[0] ?? ''
    },
    text: () => read(page.locator('body')),
    value: (label) => field(label).inputValue(),
    async signIn(identifier, password = PASSWORD, { remember = false } = {}) {
      if (!/\/sign-in\b/.test(self.path())) await self.visit('/sign-in')
      await self.fill({ 'E-mail address or username': identifier, Password: password })
      if (remember) await field('Keep me signed in').check()
      await self.press('Sign in')
    },
    async openEmail(address, link) {
      const email = await world.mailbox.emailTo(address)
      const url = linkIn(email, link)
      await page.goto(url)
      return url
    },
  }
  return self
}
