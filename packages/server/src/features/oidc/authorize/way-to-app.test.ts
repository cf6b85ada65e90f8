/** The pages on the way to an app: each names it, and leaving one answers the app instead of leaving it to wait. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizePath, CALLBACK, follow, formOf, type TestApp, testApp } from '../../../testing/apps.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { linkIn } from '../../../testing/mailbox.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const NAMED = 'To continue to <strong>Acme Portal</strong>'
const HTML = { headers: { accept: 'text/html' } }

let world: World
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  app = await testApp(world, { first_party: true }, { name: 'Acme Portal' })
})
afterAll(() => world?.stop())

/** A browser at the page of the step-up that the app demands. */
async function atStepUp(of = app): Promise<{ person: Person; text: string }> {
  const person = await world.person()
  const { at, reply } = await follow(person.client, authorizePath(of, { prompt: 'login' }))
  expect(at).toBe('/step-up')
  return { person, text: reply.text }
}

const cancel = (client: Client, text: string) =>
  client.post('/consent', formOf(text, '/consent'), { form: true, ...HTML })

describe('the step-up that an app demands', () => {
  it('names the app, and is cancelled with an answer to it, which ends the request', async () => {
    const { person, text } = await atStepUp()
    expect(text).toContain(NAMED)
    expect(text).not.toContain('<a href="/account">Cancel</a>')
    const left = new URL((await cancel(person.client, text)).headers.get('location') ?? '')
    expect(left.origin + left.pathname).toBe(CALLBACK)
    expect(Object.fromEntries(left.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 'a state',
      iss: world.config.publicUrl,
    })
    expect(await world.events(person.id)).toContain('oidc.denied')
    // proven afterwards all the same
    const fields = formOf((await person.client.get('/step-up', HTML)).text, '/step-up')
    await person.client.post('/step-up', { ...fields, password: PASSWORD }, { form: true })
    await world.clock.advance('11 seconds')
    const { left: none, reply } = await follow(person.client, '/step-up/continue')
    expect([none, reply.text.includes('This sign-in has ended')]).toEqual([null, true])
  })

  it('names the app where the form is displayed again, and at the pages of other methods', async () => {
    const { person, text } = await atStepUp()
    const fields = formOf(text, '/step-up')
    const wrong = await person.client.post('/step-up', { ...fields, password: 'no' }, { form: true })
    expect([wrong.status, wrong.text.includes(NAMED)]).toEqual([401, true])
    expect(Object.keys(formOf(wrong.text, '/consent'))).toContain('request_uri')
    const other = await person.client.get('/step-up?method=password', HTML)
    expect(other.text).toContain(NAMED)
  })

  it('is cancelled once, however often the button is pressed', async () => {
    const { person, text } = await atStepUp()
    await Promise.all(Array.from({ length: 20 }, () => cancel(person.client, text)))
    const denied = (await world.events(person.id)).filter((type) => type === 'oidc.denied')
    expect(denied.length).toBeGreaterThan(0)
    await world.clock.advance('11 seconds')
    const late = await cancel(person.client, text)
    expect([late.status, late.headers.get('location')]).toEqual([400, null])
  })

  it('is not cancelled by another user, nor from another browser or site', async () => {
    const { person, text } = await atStepUp()
    const fields = formOf(text, '/consent')
    const other = await world.person()
    const csrf_token = other.client.csrfToken ?? ''
    const stolen = await other.client.post('/consent', { ...fields, csrf_token }, { form: true, ...HTML })
    expect([stolen.status, stolen.headers.get('location')]).toEqual([400, null])
    const elsewhere = { accept: 'text/html', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    const forged = await person.client.post('/consent', fields, { form: true, headers: elsewhere })
    expect([forged.status, forged.headers.get('location')]).toEqual([403, null])
    const { headers } = await cancel(person.client, text)
    expect(headers.get('location')).toContain('access_denied')
  })

  it('leads to the account where no app waits for it', async () => {
    const { client } = await world.person()
    for (const to of ['/account/api-keys', `/oidc/authorize?client_id=${app.id}`]) {
      const { reply } = await follow(client, `/step-up?return_to=${encodeURIComponent(to)}`)
      expect(reply.text).toContain('<a href="/account">Cancel</a>')
    }
  })
})

const inOrganization = async (person: Person) => {
  const id = await world.organization({ members: [[person, 'owner']] })
  const before = new Date(world.clock.now().getTime() - 30 * 86_400_000)
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('memberships')
      .set({ mfa: 'required', joined_at: before })
      .where('organization_id', '=', id)
      .execute(),
  )
  return testApp(world, {}, { name: 'Acme Portal', organization: id })
}

it('setting a factor up in a session, which an organization demands, can be cancelled towards its app', async () => {
  const person = await world.person()
  const { at, reply } = await follow(person.client, authorizePath(await inOrganization(person)))
  expect([at, reply.text.includes(NAMED)]).toEqual(['/step-up/enrol', true])
  const { headers } = await cancel(person.client, reply.text)
  expect(headers.get('location')).toContain(`${CALLBACK}?error=access_denied`)
})

describe('a sign-in that waits', () => {
  /** After the password, in a new browser. */
  const after = async (
    { email, password = PASSWORD }: { email: string; password?: string },
    at = world,
    to = app,
    query = '',
  ) => {
    const browser = at.client()
    const begun = await follow(browser, authorizePath(to))
    const fields = formOf(begun.reply.text, '/sign-in')
    const sent = { ...fields, identifier: email, password }
    const answer = await browser.post('/sign-in', sent, { form: true })
    const path = answer.headers.get('location')
    return path === null
      ? { path, text: answer.text }
      : { path, text: (await browser.get(path + query, HTML)).text }
  }
  const toApp = /href="\/sign-in\?return_to=%2Foidc%2Fauthorize%3Fclient_id/

  it('for a second factor', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    const { path, text } = await after(person)
    expect([path, text.includes(NAMED), toApp.test(text)]).toEqual(['/second-factor', true, true])
  })

  it('for a second factor, names the app that it leads to, also where its address names another one', async () => {
    const other = await testApp(world, { first_party: true }, { name: 'Another Portal' })
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    const query = new URLSearchParams({ return_to: `/oidc/authorize?client_id=${other.id}` })
    const { text } = await after(person, world, app, `?${query}`)
    expect([text.includes(NAMED), text.includes('Another Portal')]).toEqual([true, false])
  })

  it('for setting one up', async () => {
    const person = await world.person()
    await inOrganization(person)
    const { path, text } = await after(person)
    expect([path, text.includes(NAMED), toApp.test(text)]).toEqual(['/second-factor/enrol', true, true])
  })

  it('for another password', async () => {
    const classic = await startWorld({ passwordProfile: 'classic' })
    try {
      const to = await testApp(classic, {}, { name: 'Acme Portal' })
      const person = await classic.person({ password: 'Tr0ub4d!or-1', signIn: false })
      await classic.clock.advance('90 days')
      const { path, text } = await after(person, classic, to)
      expect([path, text.includes(NAMED), toApp.test(text)]).toEqual(['/sign-in/new-password', true, true])
    } finally {
      await classic.stop()
    }
  })

  it('for a verified address, up to the page of the link in the e-mail', async () => {
    const email = 'new@example.com'
    const browser = world.client()
    const { reply } = await follow(browser, authorizePath(app, { prompt: 'create' }))
    const fields = {
      ...formOf(reply.text, '/sign-up'),
      email,
      password: PASSWORD,
      password_confirm: PASSWORD,
    }
    const { text } = await browser.post('/sign-up', fields, { form: true })
    expect([text.includes(NAMED), toApp.test(text)]).toEqual([true, true])
    const { pathname, search } = new URL(linkIn(await world.mailbox.emailTo(email), /verify-email/))
    expect((await world.client().get(pathname + search, HTML)).text).toContain(NAMED)
  })
})
