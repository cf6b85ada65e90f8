/** A page as it looks: on a desktop and on a phone, light and dark. SCREENSHOTS=<folder> saves the images there. */
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Visitor } from './visitor.ts'

const SCREENSHOTS = process.env.SCREENSHOTS
const WINDOWS = [
  [1280, 800],
  [360, 740],
] as const

/** It fits: nothing is to the right of the window. */
export async function look({ page }: Visitor, name: string): Promise<void> {
  for (const [width, height] of WINDOWS)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme })
      if (SCREENSHOTS)
        await page.screenshot({
          path: join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`),
          fullPage: true,
        })
    }
  // by Playwright itself, so also where the page has no scripts
  const box = await page.locator('main').boundingBox()
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360)
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.emulateMedia({ colorScheme: 'light' })
}
