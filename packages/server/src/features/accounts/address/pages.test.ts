/** The pages of a change of address, as a browser without JavaScript uses them, in English and German. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const csrfIn = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

async function send(browser: Client, at: string, path: string, fields: Record<string, string> = {}) {
  const { text } = await browser.get(at)
  return await browser.post(path, { csrf_token: csrfIn(text), ...fields }, { form: true })
}

it.each([
  [
    'en',
    'Waiting for confirmation',
    'This is not your current password.',
    'Your address was changed',
    'The change was undone',
  ],
  [
    'de',
    'Wartet auf Bestätigung',
    'Das ist nicht Ihr aktuelles Passwort.',
    'Ihre Adresse wurde geändert',
    'Die Änderung wurde rückgängig gemacht',
  ],
])('leads from the form to the link and back, in %s', async (locale, waiting, wrong, changed, undone) => {
  const person = await world.person()
  const email = `pages-${locale}@example.com`
  await person.client.patch('/api/v1/users/me', { locale })
  const browser = world.client({ headers: { accept: 'text/html', 'accept-language': locale } })
  for (const [name, value] of person.client.cookies) browser.cookies.set(name, value)
  expect((await browser.get('/account')).text).toContain('href="/account/email"')

  const refused = await send(browser, '/account/email', '/account/email', { email, password: 'wrong' })
  expect([refused.status, refused.text.includes(wrong), refused.text.includes(email)]).toEqual([
    401,
    true,
    true,
  ])
  const sent = await send(browser, '/account/email', '/account/email', { email, password: PASSWORD })
  expect([sent.status, sent.headers.get('location')]).toEqual([303, '/account/email'])
  const page = (await browser.get('/account/email')).text
  expect([page.includes(waiting), page.includes(email), page.includes('/account/email/cancel')]).toEqual([
    true,
    true,
    true,
  ])
  expect((await browser.get('/account')).text).toContain(email)

  const stranger = world.client({ headers: { accept: 'text/html', 'accept-language': locale } })
  const token = await world.mailbox.tokenFor(email, /email-change\?/)
  const opened = await stranger.get(`/email-change?token=${token}`)
  expect([opened.status, opened.text.includes(email)]).toEqual([200, true])
  expect((await browser.get('/account/email')).text).toContain(waiting)
  for (let twice = 0; twice < 2; twice++) {
    const done = await stranger.post(
      '/email-change',
      { csrf_token: csrfIn(opened.text), token },
      { form: true },
    )
    expect([done.status, done.text.includes(changed)]).toEqual([200, true])
  }
  expect((await stranger.get(`/email-change?token=${token}`)).text).toContain(changed)

  const back = await world.mailbox.tokenFor(person.email, /email-change\/undo/)
  const undo = await stranger.get(`/email-change/undo?token=${back}`)
  expect(undo.status).toBe(200)
  for (const href of ['/reset-password?token=', '/forgot-password']) {
    const done = await stranger.post(
      '/email-change/undo',
      { csrf_token: csrfIn(undo.text), token: back },
      { form: true },
    )
    expect([done.status, done.text.includes(undone), done.text.includes(`href="${href}`)]).toEqual([
      200,
      true,
      true,
    ])
  }
  expect((await browser.get('/account')).status).toBe(303)
})

it('withdraws a change, also when the form is sent twice', async () => {
  const person = await world.person()
  const browser = world.client({ headers: { accept: 'text/html' } })
  for (const [name, value] of person.client.cookies) browser.cookies.set(name, value)
  await send(browser, '/account/email', '/account/email', {
    email: 'withdrawn@example.com',
    password: PASSWORD,
  })
  const { text } = await browser.get('/account/email')
  const answers: (string | null)[] = []
  for (let twice = 0; twice < 2; twice++) {
    const { status, headers } = await browser.post(
      '/account/email/cancel',
      { csrf_token: csrfIn(text) },
      { form: true },
    )
    expect(status).toBe(303)
    answers.push(headers.get('location'))
  }
  expect(answers).toEqual(['/account/email?cancelled=1', '/account/email'])
  expect((await browser.get('/account/email?cancelled=1')).text).toContain('The change was withdrawn.')
})

it.each(['/email-change', '/email-change/undo'])('%s explains a link that no longer works', async (path) => {
  const browser = world.client({ headers: { accept: 'text/html' } })
  for (const token of ['x', `lnk_${'0'.repeat(32)}.${'a'.repeat(43)}`]) {
    const page = await browser.get(`${path}?token=${token}`)
    expect([page.status, page.text.includes('This link no longer works')]).toEqual([401, true])
  }
})

it('says that another account has taken the address meanwhile', async () => {
  const [late, first] = await world.people(2)
  if (!late || !first) throw new Error('no users')
  const email = 'contested@example.com'
  await late.client.post('/api/v1/users/me/email', { email, password: PASSWORD })
  const token = await world.mailbox.tokenFor(email, /email-change\?/)
  await world.clock.advance('2 minutes')
  await first.client.post('/api/v1/users/me/email', { email, password: PASSWORD })
  const winner = await world.mailbox.tokenFor(email, /email-change\?/)
  await world.client().post('/api/v1/auth/email-change', { token: winner })
  const browser = world.client({ headers: { accept: 'text/html' } })
  const refused = await send(browser, `/email-change?token=${token}`, '/email-change', { token })
  expect([refused.status, refused.text.includes('belongs to another account')]).toEqual([409, true])
})

it('undoing signs out the browser, unless that is signed in to another account', async () => {
  const [person, other] = await world.people(2)
  if (!person || !other) throw new Error('no users')
  const email = 'elsewhere@example.com'
  await person.client.post('/api/v1/users/me/email', { email, password: PASSWORD })
  const token = await world.mailbox.tokenFor(email, /email-change\?/)
  await world.client().post('/api/v1/auth/email-change', { token })
  const back = await world.mailbox.tokenFor(person.email, /email-change\/undo/)
  const page = await other.client.get(`/email-change/undo?token=${back}`)
  const form = { csrf_token: csrfIn(page.text), token: back }
  const done = await other.client.post('/email-change/undo', form, { form: true })
  expect([done.status, done.headers.get('set-cookie')]).toEqual([200, null])
  expect((await other.client.get('/api/v1/auth/me')).status).toBe(200)
})
