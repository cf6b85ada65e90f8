/** What a person does on the pages, by what they read there: labels, buttons, headings. */
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { linkIn } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD, type World } from '../../packages/server/src/testing/world.ts'

/** What one can read there; what is hidden is not read, which `textContent` would not know. */
// biome-ignore lint/performance/useDomNodeTextContent: see above
export const read = (part: Locator): Promise<string> => part.innerText()

export interface Visitor {
  page: Page
  /** Opens a path of the server as if typed into the address bar. */
  visit(path: string): Promise<void>
  /** Fills the fields with these labels, in this order. */
  fill(values: Readonly<Record<string, string>>): Promise<void>
  press(button: string): Promise<void>
  follow(link: string): Promise<void>
  /** The path and query one is at. */
  path(): string
  /** The one heading of the page. */
  heading(): Promise<string>
  /** All one can read on the page. */
  text(): Promise<string>
  /** What stands in the field with this label. */
  value(label: string): Promise<string>
  signIn(identifier: string, password?: string, options?: { remember?: boolean }): Promise<void>
  /** Opens the link of the newest letter to the address that matches. */
  openLetter(address: string, link: RegExp): Promise<string>
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
    async openLetter(address, link) {
      const letter = await world.mailbox.emailTo(address)
      const url = linkIn(letter, link)
      await page.goto(url)
      return url
    },
  }
  return self
}
