/** What a person does at real identity providers in a browser: the login and consent pages of oidc-provider, and the login page of SimpleSAMLphp. */
import type { BrowserContext, Page } from 'playwright-core'
import type { World } from '../../packages/server/src/testing/world.ts'
import { SAML_USER, type SamlUser, type SimpleSamlPhp } from '../setup/simplesamlphp.ts'
import { complaintsOf } from './chromium.ts'

/** Pages of providers name files on hosts that no test contacts, such as fonts. */
export const denyOtherHosts = (context: BrowserContext): Promise<unknown> =>
  context.route(/^https:/, (route) => route.abort())

/** What the browser complains of on our pages. */
export const ourComplaints = (world: World, context: BrowserContext): string[] =>
  complaintsOf(context).filter((text) => text.startsWith(world.config.publicUrl))

/** Signs in at the issuer with any name, and consents where it asks. The browser is back at the server afterwards. */
export async function passIssuer(page: Page, issuer: string, login: string): Promise<void> {
  await page.waitForURL(`${issuer}/interaction/*`)
  await page.locator('[name=login]').fill(login)
  await page.locator('[name=password]').fill('any')
  await page.getByRole('button', { name: 'Sign-in' }).click()
  await consent(page, issuer)
}

/** Consents at the issuer where it asks; it knows who signs in. */
export async function consent(page: Page, issuer: string): Promise<void> {
  await page.waitForURL((url) => url.origin !== issuer || url.pathname.startsWith('/interaction/'))
  if (page.url().startsWith(issuer)) await page.getByRole('button', { name: 'Continue' }).click()
  await page.waitForURL((url) => url.origin !== issuer)
}

/** Enters the password at SimpleSAMLphp, and sends its answer, which a script does otherwise. */
export async function passSimpleSamlPhp(
  page: Page,
  { url }: Pick<SimpleSamlPhp, 'url'>,
  isScripted: boolean,
  { name, password }: Pick<SamlUser, 'name' | 'password'> = SAML_USER,
): Promise<void> {
  await page.waitForURL(`${url}**`)
  await page.locator('[name=username]').fill(name)
  await page.locator('[name=password]').fill(password)
  await page.locator('[name=password]').press('Enter')
  // that page's styles may hide its button until they are all there
  if (!isScripted) await page.locator('#postLoginSubmitButton').dispatchEvent('click')
}
