/** Every e-mail to a user is in the language that this user has chosen, not in that of the request that caused it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let n = 0
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())
beforeEach(() => world.clock.advance('2 minutes'))

const fresh = () => `language${++n}@example.com`
const german = () => world.client({ headers: { 'accept-language': 'de' } })

/** A user who has chosen a language. */
async function speaking(locale: 'en' | 'de'): Promise<Person> {
  const person = await world.person({ email: fresh() })
  expect((await person.client.patch('/api/v1/users/me', { locale })).status).toBe(200)
  return person
}

/** The languages of the e-mails to an address, newest first. */
async function languages(address: string): Promise<(string | undefined)[]> {
  const emails = await world.mailbox.emailsTo(address)
  return emails.map(({ html }) => /<html lang="(\w+)"/.exec(html)?.[1])
}

/** The languages of the e-mails that an action sends to the address. */
async function sentBy(address: string, action: () => Promise<{ status: number }>): Promise<unknown[]> {
  const before = (await languages(address)).length
  expect((await action()).status).toBeLessThan(300)
  const all = await languages(address)
  return all.slice(0, all.length - before)
}

describe('a request in another language', () => {
  it('signing up with an address that has an account', async () => {
    const { email } = await speaking('en')
    const signUp = () => german().post('/api/v1/auth/register', { email, password: PASSWORD })
    expect(await sentBy(email, signUp)).toEqual(['en'])
  })

  it('requesting a reset of the password, and resetting it', async () => {
    const { email } = await speaking('en')
    expect(await sentBy(email, () => german().post('/api/v1/auth/password/forgot', { email }))).toEqual([
      'en',
    ])
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    const reset = () =>
      german().post('/api/v1/auth/password/reset', { token, password: 'a new long password' })
    expect(await sentBy(email, reset)).toEqual(['en'])
  })

  it('requesting the verification again', async () => {
    const email = fresh()
    const english = world.client({ headers: { 'accept-language': 'en' } })
    await english.post('/api/v1/auth/register', { email, password: PASSWORD })
    expect(await languages(email)).toEqual(['en'])
    await world.clock.advance('2 minutes')
    const again = () => german().post('/api/v1/auth/verify-email/resend', { email })
    expect(await sentBy(email, again)).toEqual(['en'])
  })

  it('changing an address to one that has an account', async () => {
    const [one, owner] = [await speaking('de'), await speaking('en')]
    const change = () => one.client.post('/api/v1/users/me/email', { email: owner.email, password: PASSWORD })
    expect(await sentBy(owner.email, change)).toEqual(['en'])
  })

  it('confirming a change of the address, and undoing it, in a browser without a session', async () => {
    const { client, email } = await speaking('en')
    const next = fresh()
    const change = () => client.post('/api/v1/users/me/email', { email: next, password: PASSWORD })
    expect(await sentBy(next, change)).toEqual(['en'])
    const token = await world.mailbox.tokenFor(next, /email-change\?/)
    const confirm = () => german().post('/api/v1/auth/email-change', { token })
    expect(await sentBy(email, confirm)).toEqual(['en'])
    const undo = await world.mailbox.tokenFor(email, /email-change\/undo/)
    const before = await languages(email)
    expect(
      await sentBy(next, () => german().post('/api/v1/auth/email-change/undo', { token: undo })),
    ).toEqual(['en'])
    expect((await languages(email)).slice(0, -before.length)).toEqual(['en'])
  })

  it('inviting to an organization: a user, and an address without an account', async () => {
    const [owner, user] = [await speaking('de'), await speaking('en')]
    const id = await world.organization({ members: [[owner, 'owner']] })
    const invite = (email: string) => () =>
      owner.client.post(`/api/v1/organizations/${id}/invitations`, { email, role: 'member' })
    expect(await sentBy(user.email, invite(user.email))).toEqual(['en'])
    const unknown = fresh()
    expect(await sentBy(unknown, invite(unknown))).toEqual(['de'])
    const sent = (await owner.client.get(`/api/v1/organizations/${id}/invitations`)).data
    const one = sent.find((row: { email: string }) => row.email === user.email)
    const again = () =>
      owner.client.post(`/api/v1/organizations/${id}/invitations/${one.id}/resend`, undefined)
    expect(await sentBy(user.email, again)).toEqual(['en'])
  })

  it('deleting an organization that has another owner', async () => {
    const [one, other] = [await speaking('de'), await speaking('en')]
    const id = await world.organization({
      members: [
        [one, 'owner'],
        [other, 'owner'],
      ],
    })
    const remove = () => one.client.delete(`/api/v1/organizations/${id}`)
    expect(await sentBy(other.email, remove)).toEqual(['en'])
    expect((await languages(one.email))[0]).toBe('de')
  })
})
