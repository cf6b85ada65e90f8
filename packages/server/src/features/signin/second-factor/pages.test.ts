/** What the pages of a further proof say beside the form: ways out, and whose demand it is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

/** A browser that has entered the right password, at the page that follows. */
async function byPassword(
  { email }: Pick<Person, 'email'>,
  returnTo = '/account',
  language = 'en',
): Promise<{ browser: Client; path: string; text: string }> {
  const browser = world.client()
  const headers = { 'accept-language': language }
  const { text: form } = await browser.get('/sign-in')
  const sent = { csrf_token: csrfOf(form), identifier: email, password: PASSWORD, return_to: returnTo }
  const path = (await browser.post('/sign-in', sent, { form: true })).headers.get('location') ?? ''
  return { browser, path, text: (await browser.get(path, { headers })).text }
}

async function stepUp({ client }: Person): Promise<string> {
  const { headers } = await client.get('/step-up?return_to=%2Faccount%2Fapi-keys')
  return (await client.get(headers.get('location') ?? '')).text
}

describe('the page of a second factor', () => {
  it('leads back to a sign-in as another user, and says who helps without any of the methods', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    const { path, text } = await byPassword(person, '/account/sessions')
    expect(path).toBe('/second-factor')
    expect(text).toContain('<a href="/sign-in?return_to=%2Faccount%2Fsessions">Sign in as another user</a>')
    expect(text).toContain('<summary>I have none of these</summary>')
    expect(text).toContain('Ask an administrator to reset your second factors.')
    const german = (await byPassword(person, '/account', 'de')).text
    expect(german).toContain('Als andere Person anmelden')
    expect(german).toContain('Ich habe nichts davon')
  })
})

describe('the page of a step-up', () => {
  it('can be cancelled, and mentions no second factor to a user who has none', async () => {
    const text = await stepUp(await world.person())
    expect(text).toContain('<a href="/account">Cancel</a>')
    expect(text).not.toContain('I have none of these')
    expect(text).not.toContain('Sign in as another user')
  })

  it('offers every method of the account beside a passkey, which needs JavaScript', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client, { backup_codes: true })
    await addPasskey(person.client, new Authenticator())
    const text = await stepUp(person)
    expect(text).toContain('Passkeys need JavaScript')
    for (const method of ['totp', 'backup_code', 'password'])
      expect(text).toContain(`<a href="/step-up?method=${method}">`)
    expect(text).toContain('<summary>I have none of these</summary>')
  })
})

describe('a demand of an organization', () => {
  it('is named where a sign-in, and where a session, has to set up what it requires', async () => {
    const person = await world.person()
    const id = await world.organization({ name: 'Strict & Sons', members: [[person, 'owner']] })
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('memberships')
        .set({ mfa: 'required', joined_at: new Date(world.clock.now().getTime() - 30 * 86_400_000) })
        .where('organization_id', '=', id)
        .execute(),
    )
    const { path, text } = await byPassword(person)
    expect(path).toBe('/second-factor/enrol')
    expect(text).toContain('Strict &amp; Sons requires a second factor. Set one up to continue.')
    expect((await byPassword(person, '/account', 'de')).text).toContain('verlangt einen zweiten Faktor.')
    const refused = await person.client.get(`/account/organizations/${id}`)
    expect(refused.headers.get('location')).toBe('/step-up/enrol')
    expect((await person.client.get('/step-up/enrol')).text).toContain('Strict &amp; Sons requires')
  })

  it('of no organization is that of the account', async () => {
    const person = await world.person({ signIn: false })
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ mfa_required: true }).where('id', '=', person.id).execute(),
    )
    const { text } = await byPassword(person)
    expect(text).toContain('Your account must have a second factor. Set one up to continue.')
  })
})

it('setting up an authenticator app can be cancelled', async () => {
  const { client } = await world.person()
  const { text } = await client.get('/account/security/totp')
  const setup = await client.post('/account/security/totp', { csrf_token: csrfOf(text) }, { form: true })
  expect(setup.text).toContain('<a href="/account/security">Cancel</a>')
})
