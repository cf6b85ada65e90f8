/**
 * The place to return to is kept on every way to a completed sign-in, for an origin of LATCHKEY_RETURN_ORIGINS and
 * for a path, and never for another origin. A way follows only what the pages and e-mails contain: links, forms,
 * redirects.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../packages/server/src/testing/client.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'

const APP = 'https://app.example.com/notes?draft=1#end'
const PASSWORD = 'A-first-one-of-6-words'
const NEW = 'A-second-one-of-7-words'

let world: World
let count = 0
beforeAll(async () => {
  world = await startWorld({ returnOrigins: ['https://app.example.com'], passwordProfile: 'classic' })
})
afterAll(() => world.stop())

const decoded = (text: string) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"')

/** A browser that sees one page at a time. */
class Browser {
  readonly client: Client
  page = ''
  /** Where the browser has left the server to, or the path that it has reached. */
  at = ''

  constructor(headers: Record<string, string> = {}) {
    this.client = world.client({ headers: { 'accept-language': 'en', ...headers } })
  }

  async open(url: string): Promise<this> {
    const { pathname, search } = new URL(url, world.config.publicUrl)
    this.at = pathname + search
    return await this.#show(await this.client.get(pathname + search))
  }

  /** Follows the link to a path, as the page has it. */
  async follow(path: string): Promise<this> {
    const links = [...this.page.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => decoded(href))
    const link = links.find((href) => href === path || href.startsWith(`${path}?`))
    if (link === undefined) throw new Error(`no link to ${path} at ${this.at}, but: ${links.join(' ')}`)
    return await this.open(link)
  }

  /** Sends the form of the page to this path, with its hidden fields and these. */
  async send(action: string, fields: Record<string, string> = {}): Promise<this> {
    // the banner has a form to sign out as well, before that of the page
    const forms = [...this.page.matchAll(/<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/g)]
    const form = forms.filter(([, target]) => target === action).at(-1)?.[2]
    if (form === undefined) throw new Error(`no form to ${action} at ${this.at}: ${this.page.slice(0, 2000)}`)
    const hidden: Record<string, string> = {}
    for (const [input] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      const [name, value] = ['name', 'value'].map(
        (key) => new RegExp(`${key}="([^"]*)"`).exec(input)?.[1] ?? '',
      )
      hidden[name ?? ''] = decoded(value ?? '')
    }
    this.at = action
    return await this.#show(await this.client.post(action, { ...hidden, ...fields }, { form: true }))
  }

  async #show(reply: Reply): Promise<this> {
    const location = reply.headers.get('location')
    this.page = location === null ? reply.text : ''
    if (location === null) return this
    const url = new URL(location, world.config.publicUrl)
    const isHere = url.origin === world.config.publicUrl
    this.at = isHere ? url.pathname + url.search + url.hash : url.href
    // the place itself is not opened: the way ends there
    return isHere && !url.pathname.startsWith('/account') ? await this.open(location) : this
  }

  signIn = (email: string, password = PASSWORD) => this.send('/sign-in', { identifier: email, password })
}

const newEmail = () => `returns-${++count}@example.com`
const start = (place: string, path = '/sign-in', headers = {}) =>
  new Browser(headers).open(`${path}?return_to=${encodeURIComponent(place)}`)

async function linkTo(email: string, path: string): Promise<string> {
  const [newest] = await world.mailbox.emailsTo(email)
  const link = newest?.links.find((url) => url.includes(path))
  if (link === undefined) throw new Error(`no link to ${path}`)
  expect(decodeURIComponent(link)).not.toContain('app.example.com')
  return link
}

async function signUp(place: string, email: string, headers = {}): Promise<Browser> {
  const browser = await (await start(place, '/sign-in', headers)).follow('/sign-up')
  return await browser.send('/sign-up', { email, password: PASSWORD, password_confirm: PASSWORD })
}

async function forget(place: string, email: string): Promise<Browser> {
  const browser = await (await start(place)).follow('/forgot-password')
  return await browser.send('/forgot-password', { email })
}

const resets = async (browser: Browser, email: string, password = NEW) => {
  await browser.open(await linkTo(email, '/reset-password'))
  await browser.send('/reset-password', { password, password_confirm: password })
}
const person = async () => (await world.person({ password: PASSWORD, signIn: false })).email

/** Each way starts at `place`, and returns the browser that has signed in. */
const WAYS: Readonly<Record<string, (place: string) => Promise<Browser>>> = {
  'a sign-in': async (place) => (await start(place)).signIn(await person()),
  'a sign-in that is refused twice': async (place) => {
    const [browser, email] = [await start(place), await person()]
    await browser.signIn(email, 'a wrong one of several words')
    await browser.signIn('', '')
    return browser.signIn(email)
  },
  'a sign-up, confirmed in the same browser': async (place) => {
    const email = newEmail()
    const browser = await signUp(place, email)
    await browser.open(await linkTo(email, '/verify-email'))
    return browser.send('/verify-email')
  },
  'a sign-up that is corrected': async (place) => {
    const email = newEmail()
    const browser = await (await start(place)).follow('/sign-up')
    await browser.send('/sign-up', { email, password: 'short', password_confirm: 'short' })
    await browser.send('/sign-up', { email, password: PASSWORD, password_confirm: PASSWORD })
    await browser.open(await linkTo(email, '/verify-email'))
    return browser.send('/verify-email')
  },
  'a sign-up, confirmed in another browser': async (place) => {
    const email = newEmail()
    await signUp(place, email)
    const phone = await new Browser().open(await linkTo(email, '/verify-email'))
    await (await phone.send('/verify-email')).follow('/sign-in')
    return phone.signIn(email)
  },
  'a sign-up whose e-mail is sent again, confirmed in another browser': async (place) => {
    const email = newEmail()
    const browser = await signUp(place, email)
    await world.mailbox.emailsTo(email)
    await world.clock.advance('2 minutes')
    await browser.send('/verify-email/resend', { email })
    const phone = await new Browser().open(await linkTo(email, '/verify-email'))
    await (await phone.send('/verify-email')).follow('/sign-in')
    return phone.signIn(email)
  },
  'a sign-up whose link has expired, confirmed in another browser': async (place) => {
    const email = newEmail()
    await signUp(place, email)
    const late = await linkTo(email, '/verify-email')
    await world.clock.advance('25 hours')
    const phone = await new Browser().open(late)
    await phone.send('/verify-email/resend', { email })
    await phone.open(await linkTo(email, '/verify-email'))
    await (await phone.send('/verify-email')).follow('/sign-in')
    return phone.signIn(email)
  },
  'a sign-in before the confirmation, confirmed in another browser': async (place) => {
    const email = newEmail()
    await signUp('/account', email)
    await world.mailbox.emailsTo(email)
    await world.clock.advance('2 minutes')
    await (await start(place)).signIn(email)
    const phone = await new Browser().open(await linkTo(email, '/verify-email'))
    await (await phone.send('/verify-email')).follow('/sign-in')
    return phone.signIn(email)
  },
  'a confirmation that is opened again': async (place) => {
    const email = newEmail()
    await signUp(place, email)
    const phone = await new Browser().open(await linkTo(email, '/verify-email'))
    await phone.send('/verify-email')
    const again = await new Browser().open(await linkTo(email, '/verify-email'))
    return (await again.follow('/sign-in')).signIn(email)
  },
  'a forgotten password': async (place) => {
    const email = await person()
    const browser = await forget(place, email)
    await resets(browser, email)
    return browser.signIn(email, NEW)
  },
  'a forgotten password, reset in another browser': async (place) => {
    const email = await person()
    await forget(place, email)
    const phone = new Browser()
    await resets(phone, email)
    return phone.signIn(email, NEW)
  },
  'a forgotten password that is corrected': async (place) => {
    const email = await person()
    await forget(place, email)
    const phone = new Browser()
    await resets(phone, email, 'short')
    await phone.send('/reset-password', { password: NEW, password_confirm: NEW })
    return phone.signIn(email, NEW)
  },
  'a forgotten password whose link has expired': async (place) => {
    const email = await person()
    await forget(place, email)
    const late = await linkTo(email, '/reset-password')
    await world.clock.advance('61 minutes')
    const phone = await (await new Browser().open(late)).follow('/forgot-password')
    await phone.send('/forgot-password', { email })
    await resets(phone, email)
    return phone.signIn(email, NEW)
  },
  'a forgotten password that is remembered': async (place) => {
    const email = await person()
    const browser = await (await forget(place, email)).follow('/sign-in')
    return browser.signIn(email)
  },
  'an address with several registrations, whose owner chooses a password': async (place) => {
    const email = newEmail()
    await signUp('/account', email)
    const browser = await signUp(place, email)
    await world.mailbox.emailsTo(email)
    await world.clock.advance('2 minutes')
    await browser.send('/verify-email/resend', { email })
    const phone = new Browser()
    await resets(phone, email)
    return phone.signIn(email, NEW)
  },
  'an expired password': async (place) => {
    const email = await person()
    await world.clock.advance('91 days')
    const browser = await (await start(place)).signIn(email)
    await browser.send('/sign-in/new-password', { password: PASSWORD, password_confirm: PASSWORD })
    return browser.send('/sign-in/new-password', { password: NEW, password_confirm: NEW })
  },
  'an expired password, whose sign-in has expired as well': async (place) => {
    const email = await person()
    await world.clock.advance('91 days')
    const browser = await (await start(place)).signIn(email)
    await world.clock.advance('2 hours')
    await browser.send('/sign-in/new-password', { password: NEW, password_confirm: NEW })
    await browser.signIn(email)
    return browser.send('/sign-in/new-password', { password: NEW, password_confirm: NEW })
  },
  'a language that changes on the way': async (place) => {
    const email = newEmail()
    await signUp(place, email, { 'accept-language': 'de' })
    const phone = await new Browser().open(await linkTo(email, '/verify-email'))
    await (await phone.send('/verify-email')).follow('/sign-in')
    return phone.signIn(email)
  },
  'the links between the forms': async (place) => {
    const browser = await (await start(place)).follow('/sign-up')
    await (await (await browser.follow('/sign-in')).follow('/forgot-password')).follow('/sign-in')
    return browser.signIn(await person())
  },
}

describe.each(Object.entries(WAYS))('%s', (_, way) => {
  it.each([
    ['an origin that is registered', APP, APP],
    ['a path', '/account/sessions?a=b', '/account/sessions?a=b'],
    ['no other origin', 'https://evil.example/x', '/account'],
    ['no other sign-in', '/api/v1/auth/external/okta/authorize', '/account'],
  ])('leads to %s', async (_what, place, reached) => {
    const browser = await way(place)
    expect(browser.at).toBe(reached)
    expect((await browser.client.get('/api/v1/auth/me')).status).toBe(200)
  })
})

describe('signing out', () => {
  it('leads to the place, also where the browser is signed out already', async () => {
    const browser = await (await start(APP)).signIn(await person())
    await browser.open(`/sign-out?return_to=${encodeURIComponent(APP)}`)
    await browser.send('/sign-out')
    expect(browser.at).toBe(APP)
    expect((await browser.client.get('/api/v1/auth/me')).status).toBe(401)
    expect((await start(APP, '/sign-out')).at).toBe(APP)
    expect((await start('https://evil.example/', '/sign-out')).page).toContain('You are signed out')
  })

  it.each([
    '/api/v1/auth/external/okta/authorize',
    '/%61pi/v1/auth/external/okta/authorize',
    '/account/%2e%2e/saml/okta/login',
    '/SAML/okta/login',
  ])('begins no sign-in afterwards, which would count as begun by the user: %s', async (place) => {
    expect((await start(place, '/sign-out')).page).toContain('You are signed out')
    const browser = await (await start('/account')).signIn(await person())
    await browser.open(`/sign-out?return_to=${encodeURIComponent(place)}`)
    expect(browser.page).not.toContain(place)
    await browser.send('/sign-out', { return_to: place })
    expect(browser.page).toContain('You are signed out')
  })
})
