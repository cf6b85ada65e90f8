/**
 * RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), as an app and a browser go through it. What is named `oidcc-…` is a
 * module of the conformance suite's plan (tests/conformance/plans.ts).
 */
import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  formOf,
  type TestApp,
  testApp,
} from '../../../testing/apps.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const BACK = 'https://app.example.com/signed-out'
const WITH_QUERY = 'https://app.example.com/signed-out?from=portal'

let world: World
let app: TestApp
let other: TestApp
beforeAll(async () => {
  world = await startWorld()
  app = await testApp(world, { first_party: true, post_logout_redirect_uris: [BACK, WITH_QUERY] })
  other = await testApp(world, { first_party: true }, { name: 'Other' })
})
afterAll(() => world?.stop())

/** A user who has signed in to the app, with the ID token of that. */
async function signedIn(): Promise<Person & { hint: string }> {
  const [ada] = await world.people(1)
  if (!ada) throw new Error('no user')
  return { ...ada, hint: await hintOf(ada.client) }
}

async function hintOf(browser: Client, of = app): Promise<string> {
  const { body } = await of.exchange(await authorizedCode(browser, of))
  return body.id_token
}

const HTML = { headers: { accept: 'text/html' } }
const pathOf = (parameters: Record<string, string>) => `/oidc/logout?${new URLSearchParams(parameters)}`
const logout = (browser: Client, parameters: Record<string, string>) => browser.get(pathOf(parameters), HTML)
const isSignedIn = async ({ client }: Pick<Person, 'client'>): Promise<boolean> =>
  (await client.get('/api/v1/users/me')).status === 200
/** As an app learns of it too. */
async function expectSignedOut(person: Pick<Person, 'client'>): Promise<void> {
  expect(await isSignedIn(person)).toBe(false)
  const { left } = await follow(person.client, authorizePath(app, { prompt: 'none' }))
  expect(left?.searchParams.get('error')).toBe('login_required')
}
const answer = (browser: Client, { text }: Reply) =>
  browser.post('/oidc/logout/decision', formOf(text, '/oidc/logout/decision'), { form: true, ...HTML })

/** The browser stays here, and its user is signed in until the answer. */
async function expectQuestion(person: Person, reply: Reply): Promise<void> {
  expect(reply.headers.get('location')).toBeNull()
  expect(reply.text).toContain('/oidc/logout/decision')
  expect(await isSignedIn(person)).toBe(true)
  const answered = await answer(person.client, reply)
  expect(answered.headers.get('location')).toBeNull()
  expect(answered.text).toContain('You are signed out')
  await expectSignedOut(person)
}

/** The token with another algorithm, and no signature. */
function unsigned(token: string): string {
  const [, claims = ''] = token.split('.')
  return `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url')}.${claims}.`
}

/** The claims of the token, signed with the app's own secret. */
function signedByApp(token: string): string {
  const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url')
  const signed = `${head}.${token.split('.')[1]}`
  return `${signed}.${createHmac('sha256', app.secret).update(signed).digest('base64url')}`
}

describe('an app that shows an ID token of the session', () => {
  it('oidcc-rp-initiated-logout: signs its user out, who comes back with the state, exactly', async () => {
    const ada = await signedIn()
    const state = `a state & a "half" + ä ${'x'.repeat(128)}`
    const reply = await logout(ada.client, { id_token_hint: ada.hint, post_logout_redirect_uri: BACK, state })
    expect(reply.status).toBe(303)
    const url = new URL(reply.headers.get('location') ?? '')
    expect(url.origin + url.pathname).toBe(BACK)
    expect([...url.searchParams]).toEqual([['state', state]])
    await expectSignedOut(ada)
    expect(await world.events(ada.id)).toContain('auth.logout')
    expect(ada.client.cookies.has('latchkey_session')).toBe(false)
  })

  it('has a state of at most 2,000 bytes in any characters; a longer one leads nowhere', async () => {
    for (const [state, isLed] of [
      ['a'.repeat(2000), true],
      ['\u8a9e'.repeat(666), true],
      ['a'.repeat(2001), false],
      ['\u8a9e'.repeat(667), false],
    ] as const) {
      const ada = await signedIn()
      const sent = { id_token_hint: ada.hint, post_logout_redirect_uri: BACK, state }
      const to = (await logout(ada.client, sent)).headers.get('location')
      expect(to === null ? null : new URL(to).searchParams.get('state')).toBe(isLed ? state : null)
    }
  })

  it('oidcc-rp-initiated-logout-no-state: gets none where it has sent none, and keeps the query of its address', async () => {
    const ada = await signedIn()
    const reply = await logout(ada.client, { id_token_hint: ada.hint, post_logout_redirect_uri: WITH_QUERY })
    expect(reply.headers.get('location')).toBe(WITH_QUERY)
    await expectSignedOut(ada)
    // a second time it is as before
    const again = await logout(ada.client, {
      id_token_hint: ada.hint,
      post_logout_redirect_uri: WITH_QUERY,
      state: 's',
      client_id: app.id,
    })
    expect(again.headers.get('location')).toBe(`${WITH_QUERY}&state=s`)
  })

  it('oidcc-rp-initiated-logout-no-post-logout-redirect-uri: signs out to a page of this server', async () => {
    const ada = await signedIn()
    const { status, text } = await logout(ada.client, { id_token_hint: ada.hint, state: 'lost' })
    expect(status).toBe(200)
    expect(text).toContain('You are signed out')
    expect(text).not.toContain('lost')
    await expectSignedOut(ada)
  })

  it('may show one that has expired', async () => {
    const ada = await signedIn()
    await world.clock.advance('2 hours')
    const sent = { id_token_hint: ada.hint, post_logout_redirect_uri: BACK }
    expect((await logout(ada.client, sent)).headers.get('location')).toBe(BACK)
    expect(await isSignedIn(ada)).toBe(false)
  })

  it('may send its request as a form, which reads no cookie and is continued by the browser', async () => {
    const ada = await signedIn()
    const form = { id_token_hint: ada.hint, post_logout_redirect_uri: BACK, state: 's' }
    const posted = await ada.client.post('/oidc/logout', form, {
      form: true,
      headers: { ...HTML.headers, origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' },
    })
    expect(posted.status).toBe(303)
    expect(await isSignedIn(ada)).toBe(true)
    const at = posted.headers.get('location') ?? ''
    expect(at).toMatch(/^\/oidc\/logout\?logout_request=/)
    expect(at).not.toContain(ada.hint.split('.')[1] ?? '')
    const led = await ada.client.get(at, HTML)
    expect(led.headers.get('location')).toBe(`${BACK}?state=s`)
    expect(await isSignedIn(ada)).toBe(false)
  })

  it('signs out a browser alone, not the other sessions of its user', async () => {
    const ada = await signedIn()
    const elsewhere = world.client()
    await elsewhere.signIn(ada.email, ada.password)
    await logout(ada.client, { id_token_hint: ada.hint })
    expect(await isSignedIn({ client: elsewhere })).toBe(true)
  })
})

describe('without what proves the app', () => {
  it.each([
    ['oidcc-rp-initiated-logout-no-params', {}],
    ['oidcc-rp-initiated-logout-only-state', { state: 's' }],
    ['oidcc-rp-initiated-logout-no-id-token-hint', { post_logout_redirect_uri: BACK, state: 's' }],
    ['an ID token that is none', { id_token_hint: 'no.token.', post_logout_redirect_uri: BACK }],
    ['an unknown app', { client_id: 'unknown', post_logout_redirect_uri: BACK }],
  ])('asks the user, and leads nowhere: %s', async (_, parameters) => {
    const ada = await signedIn()
    await expectQuestion(ada, await logout(ada.client, parameters as Record<string, string>))
  })

  it.each([
    ['oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', (hint: string) => ({ id_token_hint: hint, post_logout_redirect_uri: 'https://evil.example/' })],
    ['oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', (hint: string) => ({ id_token_hint: hint, post_logout_redirect_uri: `${BACK}?foo=bar` })],
    ['another case', (hint: string) => ({ id_token_hint: hint, post_logout_redirect_uri: `${BACK}/` })],
    ['oidcc-rp-initiated-logout-bad-id-token-hint', (hint: string) => ({ id_token_hint: signedByApp(hint), post_logout_redirect_uri: BACK })],
    ['oidcc-rp-initiated-logout-modified-id-token-hint', (hint: string) => ({ id_token_hint: unsigned(hint), post_logout_redirect_uri: BACK })],
    ['a changed token', (hint: string) => ({ id_token_hint: `${hint.slice(0, -8)}AAAAAAAA`, post_logout_redirect_uri: BACK })],
    ['the id of another app', (hint: string) => ({ id_token_hint: hint, client_id: other.id, post_logout_redirect_uri: BACK })],
    ['an address of the app with an ID token of another', async (_: string, { client }: Person) => ({ id_token_hint: await hintOf(client, other), post_logout_redirect_uri: BACK })],
  ])('asks the user, and leads nowhere: %s', async (_, sent) => {
    const ada = await signedIn()
    await expectQuestion(ada, await logout(ada.client, await sent(ada.hint, ada)))
  }) // biome-ignore format: a table

  it('asks the user of whom an ID token is not, and then leads back', async () => {
    const [ada, bea] = [await signedIn(), await signedIn()]
    const sent = { id_token_hint: bea.hint, post_logout_redirect_uri: BACK, state: 's' }
    const reply = await logout(ada.client, sent)
    expect(reply.status).toBe(200)
    expect(reply.text).toContain('Portal')
    expect(reply.headers.get('content-security-policy')).toContain('https://app.example.com')
    expect([await isSignedIn(ada), await isSignedIn(bea)]).toEqual([true, true])
    const answered = await answer(ada.client, reply)
    expect(answered.headers.get('location')).toBe(`${BACK}?state=s`)
    expect([await isSignedIn(ada), await isSignedIn(bea)]).toEqual([false, true])
    // the form is sent twice
    expect((await answer(ada.client, reply)).headers.get('location')).toBe(`${BACK}?state=s`)
  })

  it('asks the user whose session is another than that of the ID token', async () => {
    const ada = await signedIn()
    await ada.client.signIn(ada.email, ada.password)
    const reply = await logout(ada.client, { id_token_hint: ada.hint, post_logout_redirect_uri: BACK })
    expect(reply.text).toContain('/oidc/logout/decision')
    expect(await isSignedIn(ada)).toBe(true)
  })

  it('leads back to an app that only names itself, after the answer', async () => {
    const ada = await signedIn()
    const sent = { client_id: app.id, post_logout_redirect_uri: BACK }
    const answered = await answer(ada.client, await logout(ada.client, sent))
    expect(answered.headers.get('location')).toBe(BACK)
    // and by a click of a visitor
    const again = await logout(ada.client, sent)
    expect(again.headers.get('location')).toBeNull()
    expect(again.text).toContain(`href="${BACK}"`)
  })

  it('leads nowhere from a request that is not ours, or has expired', async () => {
    const ada = await signedIn()
    await expectQuestion(ada, await logout(ada.client, { logout_request: 'bm90IG91cnM' }))
    const bea = await signedIn()
    const posted = await world
      .client()
      .post('/oidc/logout', { id_token_hint: bea.hint, post_logout_redirect_uri: BACK }, { form: true })
    await world.clock.advance('16 minutes')
    await expectQuestion(bea, await bea.client.get(posted.headers.get('location') ?? '', HTML))
  })

  it('does not sign out by a form of another site', async () => {
    const ada = await signedIn()
    const shown = await logout(ada.client, {})
    const fields = formOf(shown.text, '/oidc/logout/decision')
    const { csrf_token: _, ...forged } = fields
    const { client } = ada
    const token = client.csrfToken
    client.csrfToken = null
    const reply = await client.post('/oidc/logout/decision', forged, { form: true, ...HTML })
    client.csrfToken = token
    expect(reply.status).toBe(403)
    expect(await isSignedIn(ada)).toBe(true)
  })

  it('says so to who is not signed in', async () => {
    const { status, text } = await logout(world.client(), {})
    expect([status, text.includes('You are signed out')]).toEqual([200, true])
    const wrong = await logout(world.client(), { post_logout_redirect_uri: 'https://evil.example/' })
    expect([wrong.status, wrong.headers.get('location')]).toEqual([400, null])
    expect(wrong.text).not.toContain('evil.example')
  })

  it('takes a disabled app for none', async () => {
    const ada = await signedIn()
    const off = await testApp(world, { post_logout_redirect_uris: [BACK] }, { status: 'disabled' })
    const reply = await logout(ada.client, { client_id: off.id, post_logout_redirect_uri: BACK })
    await expectQuestion(ada, reply)
  })
})

it('oidcc-rp-initiated-logout-discovery-endpoint-verification, oidcc-backchannel-logout-discovery-endpoint-verification', async () => {
  const { body } = await world.client().get('/.well-known/openid-configuration')
  expect(body).toMatchObject({
    end_session_endpoint: `${world.config.publicUrl}/oidc/logout`,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  })
  const ada = await signedIn()
  expect(claimsIn(ada.hint)).toMatchObject({ sub: ada.id, aud: app.id })
})
