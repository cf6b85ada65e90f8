/**
 * Accounts without a password, which a first sign-in with an identity provider has made: what the password confirms
 * elsewhere, a proof of the last ten minutes confirms.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type World } from '../../../testing/world.ts'

const API = '/api/v1'
const NEW = 'brass gears turn without a sound'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

async function visitor(): Promise<{ client: Client; id: string; email: string }> {
  const { email } = federated.atGoogle()
  const client = world.client()
  await federated.signIn(client, 'google')
  const { id } = await federated.me(client)
  return { client, id, email }
}
const stale = () => world.clock.advance('11 minutes')
const setFirst = (client: Client) => client.post(`${API}/users/me/password`, { new_password: NEW })
const changeTo = (client: Client, email: string) => client.post(`${API}/users/me/email`, { email })

describe('an account without a password', () => {
  it('sets its first password, which signs in from then on, and is changed with it', async () => {
    const { client, email } = await visitor()
    expect((await setFirst(client)).status).toBe(200)
    expect((await world.client().signIn(email, NEW)).status).toBe(200)
    client.csrfToken = (await client.get('/csrf')).data.csrf_token
    const again = await setFirst(client)
    expect([again.status, again.body.error.details]).toEqual([
      400,
      [expect.objectContaining({ field: 'current_password', code: 'required' })],
    ])
    const next = { current_password: NEW, new_password: 'copper wheels turn with a sound' }
    expect((await client.post(`${API}/users/me/password`, next)).status).toBe(200)
  })

  it('sets one of the rules of the server only', async () => {
    const { client } = await visitor()
    const reply = await client.post(`${API}/users/me/password`, { new_password: 'short' })
    expect(reply.body.error.details).toContainEqual(expect.objectContaining({ field: 'new_password' }))
  })

  it('raced: one of two first passwords is set', async () => {
    const { client, email } = await visitor()
    const texts = ['brass gears turn without a sound', 'copper wheels turn with a sound']
    const replies = await Promise.all(
      texts.map((new_password) => client.post(`${API}/users/me/password`, { new_password })),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    const logins = texts.map((password) => world.client().post(`${API}/auth/login`, { email, password }))
    const signedIn = (await Promise.all(logins)).map(({ status }) => status)
    expect(signedIn).toEqual(replies.map(({ status }) => (status === 200 ? 200 : 401)))
  })

  it('refuses a password that it does not have', async () => {
    const { client, email } = await visitor()
    const sent = { current_password: PASSWORD, new_password: NEW }
    expect((await client.post(`${API}/users/me/password`, sent)).code).toBe('AUTHENTICATION_FAILED')
    const change = { email: `new.${email}`, password: PASSWORD }
    expect((await client.post(`${API}/users/me/email`, change)).code).toBe('AUTHENTICATION_FAILED')
  })

  it('changes its address', async () => {
    const { client, email } = await visitor()
    expect((await changeTo(client, `new.${email}`)).status).toBe(202)
    const token = await world.mailbox.tokenFor(`new.${email}`, /email-change\?/)
    expect((await client.post(`${API}/auth/email-change`, { token })).status).toBe(200)
  })

  it('is deleted', async () => {
    const { client } = await visitor()
    expect((await client.delete(`${API}/users/me`, {})).status).toBe(200)
    expect((await client.get(`${API}/auth/me`)).status).toBe(401)
  })

  it('does none of it without a recent proof, and all of it after a step-up by its provider', async () => {
    const { client, email } = await visitor()
    await stale()
    const refused = [
      await setFirst(client),
      await changeTo(client, `later.${email}`),
      await client.delete(`${API}/users/me`, {}),
    ]
    for (const { code, body } of refused) {
      expect(code).toBe('STEP_UP_REQUIRED')
      expect(body.error.details).toMatchObject({
        max_age: 600,
        methods: expect.arrayContaining(['federation']),
      })
    }
    const { attempt } = (await client.post(`${API}/auth/step-up`, {})).data
    expect(attempt).toMatch(/^sgn_/)
    const begun = await client.post(`${API}/auth/external/google/continue`, {
      attempt,
      return_to: '/account',
    })
    await federated.answer(client, await federated.fakes.authorize(begun.data.authorization_url))
    client.csrfToken = (await client.get('/csrf')).data.csrf_token
    expect((await setFirst(client)).status).toBe(200)
  })

  it('chooses a password by its mailbox, as a forgotten one', async () => {
    const { email } = await visitor()
    await world.client().post(`${API}/auth/password/forgot`, { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    const reset = await world.client().post(`${API}/auth/password/reset`, { token, password: NEW })
    expect(reset.status).toBe(200)
    expect((await world.client().signIn(email, NEW)).status).toBe(200)
  })
})

describe('an account with a password', () => {
  it('is confirmed by it alone, however recent the sign-in is', async () => {
    const { client, email } = await world.person()
    const replies = [
      await setFirst(client),
      await changeTo(client, `new.${email}`),
      await client.delete(`${API}/users/me`, {}),
    ]
    for (const { status, body } of replies)
      expect([status, body.error.details[0].code]).toEqual([400, 'required'])
  })
})

describe('the pages of an account without a password', () => {
  it('have no field for it, and do what they say', async () => {
    const { client, email } = await visitor()
    const row = await client.get('/account/security?open=password', HTML)
    expect(row.text).toContain('Your account has no password.')
    for (const path of ['/account/email', '/account/delete'])
      expect((await client.get(path, HTML)).text).not.toContain('type="password"')
    const fields = { new_password: NEW, new_password_confirm: NEW }
    const page = await client.get('/account/security/password', HTML)
    expect(page.text).toContain('Set a password')
    expect(page.text).not.toContain('name="current_password"')
    expect(goal(await federated.submit(client, '/account/email', { email: `form.${email}` }))).toBe(
      '/account/email',
    )
    const changed = await federated.submit(client, '/account/security/password', fields)
    expect(goal(changed)).toBe('/account/security?open=password&notice=changed')
    expect((await client.get('/account/security/password', HTML)).text).toContain('name="current_password"')
    const other = await visitor()
    expect(goal(await federated.submit(other.client, '/account/delete'))).toBe(
      '/sign-in?notice=account_deleted',
    )
  })

  it('lead to a step-up without a recent proof', async () => {
    const { client, email } = await visitor()
    await stale()
    const sent = await federated.submit(client, '/account/email', { email: `held.${email}` })
    expect(goal(sent)).toBe('/step-up')
    expect((await client.get('/step-up', HTML)).text).toContain('Google')
  })

  it('show the field again where one with a password leaves it empty', async () => {
    const { client } = await world.person()
    const page = await federated.submit(client, '/account/delete', { password: '' })
    expect(page.status).toBe(400)
    expect(page.text).toContain('name="password"')
  })
})
