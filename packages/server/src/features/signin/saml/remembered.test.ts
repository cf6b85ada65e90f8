/** What the provider calls a session, where the sign-in waits for something before there is a session of ours. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { HTML } from '../../../testing/federation.ts'
import { base64, IDP, type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import { logoutRequestXml, signElement } from '../../../testing/saml-provider.ts'
import { answerSaml, idOf, inflated, signInBySaml } from '../../../testing/saml-sign-in.ts'
import { formIn } from '../../../testing/step-up.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
/** Its word for an address counts; that of the other does not. */
let trusted: SamlPeer
let plain: SamlPeer
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  const saml = { slo_url: 'https://idp.example/slo' }
  trusted = await samlPeer(world, { saml, settings: { trusts_email: true } })
  plain = await samlPeer(world, { saml })
})
afterAll(() => world?.stop())

const isSignedIn = async (client: Client) => (await client.get('/api/v1/auth/me')).status === 200
const me = async (client: Client) => (await client.get('/api/v1/auth/me')).data.user
const submit = async (client: Client, path: string, fields: Record<string, string> = {}) => {
  const form = formIn((await client.get(path, HTML)).text)
  return await client.post(form.action, { ...form.fields, ...fields }, { form: true, ...HTML })
}

/** The provider ends sessions by a logout request. */
async function endAtProvider({ connection, key }: SamlPeer, nameId: string, sessionIndexes: string[] = []) {
  const path = `/saml/${connection.slug}/logout`
  const destination = `${world.config.publicUrl}${path}`
  const { xml, id } = logoutRequestXml({
    issuer: IDP,
    destination,
    now: world.clock.now(),
    nameId,
    sessionIndexes,
  })
  const answer = await world
    .client()
    .post(
      path,
      { SAMLRequest: base64(signElement(xml, id, { key })) },
      { form: true, headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' } },
    )
  expect(answer.status).toBe(303)
}

/** The session index of the request that signing out leads to; null where it leads to none. */
async function indexAtSignOut(client: Client): Promise<string | null> {
  const page = await submit(client, '/sign-out')
  const message = /name="SAMLRequest" value="([^"]+)"/.exec(page.text)?.[1]
  return message === undefined ? null : (/<samlp:SessionIndex>([^<]+)</.exec(inflated(message))?.[1] ?? null)
}

const waiting = async (nameId: string) =>
  (await world.db.hot.selectFrom('attempts').selectAll().execute()).filter(
    (row) => row.provider_session?.name_id === nameId,
  )

let people = 0
/** An account with an authenticator app, and the assertion that signs it in. */
async function withAuthenticator() {
  const nameId = `totp-${++people}`
  const attributes = { mail: `${nameId}@example.com` }
  const client = world.client()
  await signInBySaml(world, client, trusted, { nameId, attributes, sessionIndex: `${nameId}-first` })
  client.csrfToken = (await client.get('/csrf')).data.csrf_token
  const app = await enrolAuthenticator(world, client)
  const begin = async (sessionIndex: string) => {
    const browser = world.client()
    const at = await signInBySaml(world, browser, trusted, { nameId, attributes, sessionIndex })
    expect(at).toBe('/second-factor')
    return browser
  }
  return { nameId, app, begin, client }
}

describe('a sign-in that waits for a second factor', () => {
  it('has a session that the provider ends, and that ends at the provider', async () => {
    const { nameId, app, begin } = await withAuthenticator()
    const [ended, left] = [await begin('index-1'), await begin('index-2')]
    expect(await waiting(nameId)).toHaveLength(2)
    for (const browser of [ended, left]) {
      expect((await submit(browser, '/second-factor', { code: await app.next() })).status).toBe(303)
      expect(await isSignedIn(browser)).toBe(true)
    }
    // it is of the session now
    expect(await waiting(nameId)).toEqual([])
    await endAtProvider(trusted, nameId, ['index-1'])
    expect([await isSignedIn(ended), await isSignedIn(left)]).toEqual([false, true])
    expect(await indexAtSignOut(left)).toBe('index-2')
  })

  it('is ended itself by a logout request that names it, and no other is', async () => {
    const { nameId, app, begin } = await withAuthenticator()
    const [ended, left] = [await begin('index-1'), await begin('index-2')]
    await endAtProvider(trusted, nameId, ['index-1'])
    expect(await waiting(nameId)).toHaveLength(1)
    const fields = formIn((await left.get('/second-factor', HTML)).text).fields
    await ended.post('/second-factor', { ...fields, code: await app.next() }, { form: true, ...HTML })
    expect(await isSignedIn(ended)).toBe(false)
    await submit(left, '/second-factor', { code: await app.next() })
    expect(await isSignedIn(left)).toBe(true)
    const all = await begin('index-3')
    await endAtProvider(trusted, nameId)
    await all.post('/second-factor', { ...fields, code: await app.next() }, { form: true, ...HTML })
    expect([await isSignedIn(all), await isSignedIn(left)]).toEqual([false, false])
  })

  it('either ends or has a session that ends, where the logout request comes at the same time', async () => {
    const { nameId, app, begin } = await withAuthenticator()
    for (let n = 0; n < 5; n += 1) {
      const browser = await begin(`race-${n}`)
      const form = formIn((await browser.get('/second-factor', HTML)).text)
      const code = await app.next()
      await Promise.all([
        browser.post(form.action, { ...form.fields, code }, { form: true, ...HTML }),
        endAtProvider(trusted, nameId, [`race-${n}`]),
      ])
      expect(await isSignedIn(browser)).toBe(false)
    }
  })

  it('leaves nothing behind when it expires', async () => {
    const { nameId, begin } = await withAuthenticator()
    const browser = await begin('index-1')
    expect(await waiting(nameId)).toHaveLength(1)
    await world.clock.advance('16 minutes')
    expect((await browser.get('/second-factor', HTML)).status).not.toBe(200)
    await world.clock.advance('2 hours')
    expect(await waiting(nameId)).toEqual([])
    const names = await world.db.hot
      .selectFrom('saml_sessions')
      .select('session_index')
      .where('name_id', '=', nameId)
      .execute()
    expect(names).toEqual([{ session_index: `${nameId}-first` }])
  })

  it('signs in where its connection was deleted meanwhile', async () => {
    const gone = await samlPeer(world, { settings: { trusts_email: true } })
    const { app } = await withAuthenticator()
    const assertion = {
      nameId: `gone-${people}`,
      attributes: { mail: `gone-${people}@example.com` },
    }
    const client = world.client()
    await signInBySaml(world, client, gone, assertion)
    client.csrfToken = (await client.get('/csrf')).data.csrf_token
    const own = await enrolAuthenticator(world, client)
    const browser = world.client()
    expect(await signInBySaml(world, browser, gone, assertion)).toBe('/second-factor')
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('connections').where('id', '=', gone.connection.id).execute(),
    )
    expect(app.secret).not.toBe(own.secret)
    expect((await submit(browser, '/second-factor', { code: await own.next() })).status).toBe(303)
    expect(await isSignedIn(browser)).toBe(true)
    expect(await indexAtSignOut(browser)).toBeNull()
  })
})

describe('a step-up by the provider', () => {
  it('makes its session the one that ends ours, also where the step-up waits for another proof', async () => {
    const { nameId, app, client } = await withAuthenticator()
    const attributes = { mail: `${nameId}@example.com` }
    const stepUp = async (sessionIndex: string) => {
      const { data } = await client.post('/api/v1/auth/step-up', { acr: 'aal2' })
      const { slug } = trusted.connection
      const begun = await client.post(`/api/v1/auth/external/${slug}/continue`, {
        attempt: data.attempt,
        return_to: '/account',
      })
      const parameters = new URL(begun.data.authorization_url).searchParams
      const SAMLResponse = trusted.signed({
        inResponseTo: idOf(inflated(parameters.get('SAMLRequest') ?? '')),
        nameId,
        attributes,
        sessionIndex,
      })
      const RelayState = parameters.get('RelayState') ?? ''
      await answerSaml(world, client, `/saml/${slug}/acs`, { SAMLResponse, RelayState })
      const body = { attempt: data.attempt, method: 'totp', code: await app.next() }
      const proven = await client.post('/api/v1/auth/mfa/verify', body)
      expect(proven.status).toBe(200)
      client.csrfToken = proven.data.session.csrf_token
    }
    await stepUp('index-2')
    await endAtProvider(trusted, nameId, [`${nameId}-first`])
    expect(await isSignedIn(client)).toBe(true)
    await endAtProvider(trusted, nameId, ['index-2'])
    expect(await isSignedIn(client)).toBe(false)
  })
})

describe('a first sign-in', () => {
  it('that waits until its address is verified has a session that the provider ends', async () => {
    const client = world.client()
    const question = await signInBySaml(world, client, plain, { nameId: 'new-1', sessionIndex: 'index-1' })
    expect(question).toMatch(/^\/sign-in\/connect\?trip=/)
    await submit(client, question, { email: 'new-1@example.com' })
    expect(await isSignedIn(client)).toBe(false)
    expect(await waiting('new-1')).toHaveLength(1)
    const token = await world.mailbox.tokenFor('new-1@example.com', /verify-email/)
    await submit(client, `/verify-email?token=${token}`)
    expect(await me(client)).toMatchObject({ email: 'new-1@example.com' })
    expect(await waiting('new-1')).toEqual([])
    await endAtProvider(plain, 'new-1', ['index-1'])
    expect(await isSignedIn(client)).toBe(false)
  })

  it('that connects an account that was there ends with the session of the provider, too', async () => {
    const [person] = await world.people(1)
    if (!person) throw new Error('no user')
    const client = world.client()
    const attributes = { mail: person.email }
    const question = await signInBySaml(world, client, trusted, {
      nameId: 'owner-1',
      sessionIndex: 'index-1',
      attributes,
    })
    const confirm = `/account/connected/confirm?trip=${question.split('trip=')[1]}`
    const typed = { identifier: person.email, password: PASSWORD }
    await submit(client, `/sign-in?return_to=${encodeURIComponent(confirm)}`, typed)
    await submit(client, confirm)
    await endAtProvider(trusted, 'owner-1', ['index-other'])
    expect(await isSignedIn(client)).toBe(true)
    await endAtProvider(trusted, 'owner-1', ['index-1'])
    expect([await isSignedIn(client), await isSignedIn(person.client)]).toEqual([false, true])
  })
})
