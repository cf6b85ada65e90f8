/** Signing in by e-mail on the hosted pages, without a script. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../../../testing/client.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const known = () => world.person({ signIn: false })
const hiddenIn = ({ text }: Reply, name: string) =>
  new RegExp(`name="${name}" value="([^"]+)"`).exec(text)?.[1] ?? ''
const at = ({ headers }: Reply) => headers.get('location')

/** Sends a form of a page, with its hidden fields. */
async function send(browser: Client, page: string, fields: Record<string, string>, to = page) {
  const shown = await browser.get(page)
  expect(shown.status, page).toBe(200)
  const hidden = ['csrf_token', 'attempt', 'token', 'confirmed', 'return_to'].flatMap((name) => {
    const value = hiddenIn(shown, name)
    return value === '' ? [] : [[name, value]]
  })
  const body = { ...Object.fromEntries(hidden), ...fields }
  return await browser.post(to.split('?')[0] ?? '', body, { form: true })
}
const request = (browser: Client, what: 'code' | 'link', email: string, query = '') =>
  send(browser, `/sign-in/email${query}`, { email }, `/sign-in/email/${what}`)
const codeTo = async (email: string) =>
  /^\d{6}$/m.exec((await world.mailbox.emailTo(email, /code/)).text)?.[0] ?? ''
const linkTo = async (email: string) => {
  const token = await world.mailbox.tokenFor(email, /\/sign-in\/link\?/)
  return { token, path: `/sign-in/link?token=${token}` }
}
const isSignedIn = async (browser: Client) => (await browser.get('/account')).status === 200

describe('the pages of a code', () => {
  it('lead from the sign-in form to where the browser was going', async () => {
    const { email } = await known()
    const browser = world.client()
    expect((await browser.get('/sign-in?return_to=/account/sessions')).text).toContain(
      '/sign-in/email?return_to=%2Faccount%2Fsessions',
    )
    const asked = await request(browser, 'code', email, '?return_to=/account/sessions')
    expect([asked.status, at(asked)]).toEqual([303, '/sign-in/code?return_to=%2Faccount%2Fsessions'])
    const done = await send(browser, '/sign-in/code', { code: await codeTo(email) })
    expect([done.status, at(done)]).toEqual([303, '/account/sessions'])
    expect(await isSignedIn(browser)).toBe(true)
  })

  it('lead nowhere else', async () => {
    const { email } = await known()
    const browser = world.client()
    await request(browser, 'code', email, '?return_to=https://evil.example/')
    const done = await send(browser, '/sign-in/code', {
      code: await codeTo(email),
      return_to: '//evil.example',
    })
    expect(at(done)).toBe('/account')
  })

  it('say what is wrong with a code, and send another one', async () => {
    const { email } = await known()
    const browser = world.client()
    await request(browser, 'code', email)
    const code = await codeTo(email)
    const wrong = await send(browser, '/sign-in/code', { code: code === '000000' ? '111111' : '000000' })
    expect(wrong.status).toBe(401)
    expect(wrong.text).toContain('This is not the code from the e-mail')
    const short = await send(browser, '/sign-in/code', { code: '12' })
    expect([short.status, short.text.includes('Enter the six digits')]).toEqual([400, true])
    await world.clock.advance('1 minute')
    const again = await send(browser, '/sign-in/code', {}, '/sign-in/code/send')
    expect(at(again)).toBe('/sign-in/code?sent=1')
    expect((await browser.get('/sign-in/code?sent=1')).text).toContain('Otherwise the last one stays valid.')
    expect(at(await send(browser, '/sign-in/code', { code: await codeTo(email) }))).toBe('/account')
  })

  it('say that a code is spent', async () => {
    const many = await startWorld({ lockoutFailures: 50 })
    try {
      const person = await many.person({ signIn: false })
      const browser = many.client()
      await request(browser, 'code', person.email)
      for (let n = 0; n < 5; n++) await send(browser, '/sign-in/code', { code: '000000' })
      const spent = await send(browser, '/sign-in/code', { code: '000000' })
      expect([spent.status, spent.text.includes('cannot be used any more')]).toEqual([401, true])
    } finally {
      await many.stop()
    }
  })

  it('are the same for an address without an account', async () => {
    const browser = world.client()
    const asked = await request(browser, 'code', 'unknown@example.com')
    expect([asked.status, at(asked)]).toEqual([303, '/sign-in/code'])
    const wrong = await send(browser, '/sign-in/code', { code: '000000' })
    expect([wrong.status, wrong.text.includes('This is not the code')]).toEqual([401, true])
  })

  it('keep a browser without a request out', async () => {
    expect(at(await world.client().get('/sign-in/code'))).toBe('/sign-in/email')
  })

  it('keep the attempt where the form is sent again for the same address', async () => {
    const { email } = await known()
    const browser = world.client()
    await request(browser, 'code', email)
    const attempt = browser.cookies.get('lk_attempt')
    await request(browser, 'code', email.toUpperCase())
    expect(browser.cookies.get('lk_attempt')).toBe(attempt)
    expect(at(await send(browser, '/sign-in/code', { code: await codeTo(email) }))).toBe('/account')
  })
})

describe('the page of a link', () => {
  it('signs in the browser that asked, by its form alone: scanners open links', async () => {
    const { email } = await known()
    const browser = world.client()
    const asked = await request(browser, 'link', email)
    expect([asked.status, asked.text.includes('Check your e-mail')]).toEqual([200, true])
    const { path } = await linkTo(email)
    for (const method of ['GET', 'HEAD', 'GET'] as const) {
      const scanned = await world.client().send(method, path, undefined)
      expect(scanned.status, method).toBe(200)
    }
    const shown = await browser.get(path)
    expect([hiddenIn(shown, 'confirmed'), shown.text.includes(email)]).toEqual(['', true])
    const done = await send(browser, path, {})
    expect([done.status, at(done)]).toEqual([303, '/account'])
    expect(await isSignedIn(browser)).toBe(true)
    expect((await world.client().get(path)).status).toBe(401)
  })

  it('asks another browser to confirm, signs in that one, and the one that asked gets nothing', async () => {
    const { email } = await known()
    const [asking, opening] = [world.client(), world.client()]
    const { data } = await asking.post('/api/v1/auth/magic-link', { email, remember_me: true, tokens: true })
    const { path, token } = await linkTo(email)
    const shown = await opening.get(path)
    expect(shown.text).toContain('This link was requested in another browser')
    // without the confirmation it is shown again, and nothing is used up
    const csrf = { csrf_token: hiddenIn(shown, 'csrf_token'), token }
    expect((await opening.post('/sign-in/link', csrf, { form: true })).text).toContain('another browser')
    expect(at(await send(opening, path, {}))).toBe('/account')
    expect(await isSignedIn(opening)).toBe(true)
    expect(await isSignedIn(asking)).toBe(false)
    for (const body of [{ token }, { token, attempt: data.attempt }])
      expect((await asking.post('/api/v1/auth/magic-link/complete', body)).code).toBe('INVALID_TOKEN')
    expect((await asking.get(`/api/v1/auth/attempts/${data.attempt}`)).status).toBe(404)
    const [session] = (await opening.get('/api/v1/auth/sessions')).data
    expect(Date.parse(session.expires_at) - world.clock.now().getTime()).toBeLessThan(86_400_000)
  })

  it('is recognized by a browser that has asked again, and not by a planted cookie', async () => {
    const { email } = await known()
    const browser = world.client()
    await request(browser, 'link', email)
    await request(browser, 'code', 'other@example.com')
    const { path } = await linkTo(email)
    expect((await browser.get(path)).text).not.toContain('another browser')
    const planted = world.client()
    planted.cookies.set('lk_email_browser', 'A'.repeat(43))
    expect((await planted.get(path)).text).toContain('another browser')
  })

  it('says that a link is wrong, used or expired', async () => {
    const { email } = await known()
    const browser = world.client()
    await request(browser, 'link', email)
    const { path } = await linkTo(email)
    expect((await browser.get(`${path}x`)).text).toContain('no longer valid')
    await world.clock.advance('15 minutes')
    const expired = await browser.get(path)
    expect([expired.status, expired.text.includes('This link has expired')]).toEqual([401, true])
  })
})

describe('a server without it', () => {
  it('has neither the pages nor the link to them', async () => {
    const off = await startWorld({ emailSignIn: [] })
    try {
      const browser = off.client()
      expect((await browser.get('/sign-in')).text).not.toContain('/sign-in/email')
      expect((await browser.get('/sign-in/email')).status).toBe(404)
      expect((await browser.post('/api/v1/auth/magic-link', { email: 'a@example.com' })).status).toBe(404)
      const code = await browser.post('/api/v1/auth/email-code', { email: 'a@example.com' })
      expect(code.code).toBe('VALIDATION_ERROR')
    } finally {
      await off.stop()
    }
  })
})
