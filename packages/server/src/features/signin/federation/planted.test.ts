/**
 * An account at a provider with which another person has registered an address: what its owner learns before they confirm it, and
 * what ends when they do, or reset the password later.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { formsIn } from '../../../testing/step-up.ts'
import type { World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('facebook', { name: 'Facebook' })
})
afterAll(() => federated?.stop())

let count = 0
/** A browser that has registered the address with an account at Facebook, which states none. */
async function registered() {
  const email = `owner${++count}@example.com`
  const facebook = federated.fakes.provider('facebook')
  facebook.user = { ...facebook.user, id: `fb-${count}`, name: 'Mallory', email: undefined }
  const browser = world.client()
  const question = goal(await federated.signIn(browser, 'facebook')) ?? ''
  await federated.submit(browser, question, { email })
  await world.app.settle()
  const token = await world.mailbox.tokenFor(email, /verify-email/)
  return { browser, email, token, user: facebook.user }
}

const pageOf = async (client: Client, token: string) =>
  (await client.get(`/verify-email?token=${token}`, HTML)).text

/** Presses one of the buttons of the page: that of the form with these hidden fields. */
async function confirm(client: Client, token: string, isKept: boolean) {
  const found = formsIn(await pageOf(client, token)).filter(({ action }) => action === '/verify-email')
  const form = found.find(({ fields }) => (fields.keep_identities === 'true') === isKept)
  if (!form) throw new Error('no such button')
  return await client.post(form.action, form.fields, { form: true, ...HTML })
}

/** Where the account at Facebook leads, in another browser. */
async function enters(user: Record<string, unknown>): Promise<string | null> {
  federated.fakes.provider('facebook').user = user
  return goal(await federated.signIn(world.client(), 'facebook'))
}

describe('the owner of an address that another person has registered with their account at a provider', () => {
  it('reads which account it is, and confirms the address without it', async () => {
    const { email, token, user } = await registered()
    const owner = world.client()
    const page = await pageOf(owner, token)
    expect(page).toContain('Facebook')
    expect(page).toContain('Mallory')
    const answered = await confirm(owner, token, false)
    expect(answered.text).toContain('no longer signs in here')
    expect(answered.text).toContain('href="/forgot-password"')
    expect(await enters(user)).toMatch(/^\/sign-in\/connect\?trip=/)
    await world.app.settle()
    expect((await world.mailbox.emailTo(email, /disconnected/)).subject).toContain('Facebook')
    // the account is the owner's
    await owner.post(`${API}/auth/password/forgot`, { email })
    await world.app.settle()
    const reset = await world.mailbox.tokenFor(email, /reset-password/)
    const password = 'chosen by the owner of it'
    expect((await owner.post(`${API}/auth/password/reset`, { token: reset, password })).status).toBe(200)
    expect((await world.client().post(`${API}/auth/login`, { username: email, password })).status).toBe(200)
  })

  it('keeps it where it is theirs', async () => {
    const { token, user } = await registered()
    expect((await confirm(world.client(), token, true)).text).not.toContain('no longer signs in here')
    expect(await enters(user)).toBe('/account')
  })

  it('confirms without a question in the browser that registered it', async () => {
    const { browser, token, user } = await registered()
    expect(await pageOf(browser, token)).not.toContain('Mallory')
    await confirm(browser, token, false)
    expect(await enters(user)).toBe('/account')
  })

  it('ends it by JSON, unless the app says that the user keeps it', async () => {
    const verified = async (more: object) => {
      const { token, user } = await registered()
      expect((await world.client().post(`${API}/auth/verify-email`, { token, ...more })).status).toBe(200)
      return await enters(user)
    }
    expect(await verified({})).toMatch(/^\/sign-in\/connect\?trip=/)
    expect(await verified({ keep_identities: true })).toBe('/account')
  })

  it('ends it with one answer of many: what was pressed first counts', async () => {
    const { token, user } = await registered()
    const clients = Array.from({ length: 10 }, () => world.client())
    const answers = await Promise.all(
      clients.map((client, n) =>
        client.post(`${API}/auth/verify-email`, { token, keep_identities: n % 2 === 0 }),
      ),
    )
    const winners = answers.flatMap(({ status }, n) => (status === 200 ? [n] : []))
    expect(winners).toHaveLength(1)
    expect(await enters(user)).toMatch((winners[0] ?? 0) % 2 === 0 ? /^\/account$/ : /^\/sign-in\/connect/)
  })

  it('ends it by a reset of the password later, and keeps what was connected after the address was confirmed', async () => {
    await federated.connect('google', { name: 'Google' })
    const { email, token, user } = await registered()
    await world.clock.advance('1 minute')
    await confirm(world.client(), token, true)
    const owner = world.client()
    expect(goal(await federated.signIn(owner, 'facebook'))).toBe('/account')
    await federated.me(owner)
    await world.clock.advance('1 minute')
    const later = federated.atGoogle()
    const begun = await owner.post(`${API}/auth/external/google/link`, {})
    await federated.answer(owner, await federated.fakes.authorize(begun.data.authorization_url))
    await owner.post(`${API}/auth/password/forgot`, { email })
    await world.app.settle()
    const reset = await world.mailbox.tokenFor(email, /reset-password/)
    const { status } = await world.client().post(`${API}/auth/password/reset`, {
      token: reset,
      password: 'chosen by the owner of it',
    })
    expect(status).toBe(200)
    expect(await enters(user)).toMatch(/^\/sign-in\/connect\?trip=/)
    federated.fakes.provider('google').user = later
    expect(goal(await federated.signIn(world.client(), 'google'))).toBe('/account')
    await world.app.settle()
    expect((await world.mailbox.emailTo(email, /disconnected/)).subject).toContain('Facebook')
  })
})
