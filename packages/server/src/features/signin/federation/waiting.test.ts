/**
 * A registration by a provider whose address was never verified, as after a typing error: it costs neither the account at the
 * provider nor the account that the user has.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { formIn } from '../../../testing/step-up.ts'
import type { World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

let addresses = 0
const address = (): string => `waiting${++addresses}@example.com`

/** A person who has registered by Google, and not verified the address that they entered. */
async function waiting(email = address()) {
  const user = federated.atGoogle({ email: undefined, email_verified: undefined })
  const again = (more: object = {}) => {
    federated.fakes.provider('google').user = { ...user, ...more }
  }
  /** Signs in at Google. @returns the page that asks */
  const ask = async (client: Client, query = {}): Promise<string> => {
    again()
    return goal(await federated.signIn(client, 'google', query)) ?? ''
  }
  const client = world.client()
  const sent = await federated.enter(client, await ask(client), email)
  expect(sent.text).toContain('Check your')
  await world.app.settle()
  const holder = async () => {
    const row = world.db.hot.selectFrom('identities').select('user_id').where('subject', '=', user.sub)
    const found = await row.execute()
    expect(found).toHaveLength(1)
    return found[0]?.user_id
  }
  return { client, email, again, ask, holder, sub: user.sub }
}
const verify = async (client: Client, email: string) => {
  await world.app.settle()
  const token = await world.mailbox.tokenFor(email, /verify-email/)
  return await federated.submit(client, `/verify-email?token=${token}`)
}
const emailsTo = async (email: string): Promise<number> => (await world.mailbox.emailsTo(email)).length

describe('a registration that waits for the verification of its address', () => {
  it('asks again for the address, and the new one signs in', async () => {
    const ada = await waiting()
    const browser = world.client()
    const question = await ada.ask(browser, { return_to: '/account/sessions' })
    expect(question).toMatch(/^\/sign-in\/connect\?trip=/)
    const { text } = await browser.get(question, HTML)
    expect(text).toContain(`<strong>${ada.email}</strong> is not confirmed yet`)
    expect(text).toContain(`value="${ada.email}"`)
    const right = address()
    expect((await federated.enter(browser, question, right)).text).toContain(right)
    expect(goal(await verify(browser, right))).toBe('/account/sessions')
    expect(await federated.me(browser)).toMatchObject({ email: right })
    // and the provider signs them in from then on
    const other = world.client()
    expect(await ada.ask(other)).toBe('/account')
    expect((await federated.me(other)).email).toBe(right)
  })

  it('is replaced: the link in its e-mail has ended, and so has the sign-in that waits for it', async () => {
    const ada = await waiting()
    const old = await world.mailbox.tokenFor(ada.email, /verify-email/)
    const browser = world.client()
    const right = address()
    await federated.submit(browser, await ada.ask(browser), { email: right })
    expect((await world.client().get(`/verify-email?token=${old}`, HTML)).status).toBe(401)
    const before = await ada.holder()
    await verify(browser, right)
    expect((await federated.me(browser)).id).toBe(before)
    expect((await ada.client.get(`${API}/auth/me`)).status).toBe(401)
  })

  it('gets another e-mail for the same address, within the limits of e-mails, and is the same account', async () => {
    const ada = await waiting()
    const id = await ada.holder()
    for (let n = 0; n < 3; n++) {
      const browser = world.client()
      const sent = await federated.enter(browser, await ada.ask(browser), ada.email.toUpperCase())
      expect(sent.text).toContain('Check your')
    }
    // one a minute
    expect(await emailsTo(ada.email)).toBe(1)
    await world.clock.advance('2 minutes')
    const browser = world.client()
    await federated.submit(browser, await ada.ask(browser), { email: ada.email })
    expect(await emailsTo(ada.email)).toBe(2)
    expect(await ada.holder()).toBe(id)
    expect(goal(await verify(browser, ada.email))).toBe('/account')
    expect((await federated.me(browser)).id).toBe(id)
  })

  it('does not raise the limit of e-mails to an address, by going to and fro between two', async () => {
    const ada = await waiting()
    const victim = address()
    for (let n = 0; n < 8; n++) {
      const browser = world.client()
      const email = n % 2 === 0 ? victim : ada.email
      await federated.submit(browser, await ada.ask(browser), { email })
      await world.app.settle()
      await world.clock.advance('2 minutes')
    }
    expect(await emailsTo(victim)).toBeLessThanOrEqual(5)
    expect(await emailsTo(ada.email)).toBeLessThanOrEqual(5)
  })

  it('registers without a question, once the provider vouches for an address', async () => {
    const ada = await waiting()
    const email = `${ada.sub}@gmail.com`
    ada.again({ email, email_verified: true })
    const browser = world.client()
    expect(goal(await federated.signIn(browser, 'google'))).toBe('/account')
    expect(await federated.me(browser)).toMatchObject({ email, is_verified: true })
  })

  it('leads to the provider for another address, not to a registration without it', async () => {
    const ada = await waiting()
    const browser = world.client()
    const question = await ada.ask(browser, { return_to: '/account/sessions' })
    const sent = await federated.enter(browser, question, address())
    const other = `/api/v1/auth/external/google/authorize?return_to=${encodeURIComponent('/account/sessions')}`
    expect(sent.text).toContain(`href="${other}"`)
    expect(sent.text).not.toContain('href="/sign-up')
    const { action, fields } = formIn(sent.text)
    const resent = await browser.post(action, fields, { form: true, ...HTML })
    expect(resent.text).toContain('a new e-mail is on its way')
    expect(resent.text).toContain(`href="${other}"`)
  })

  it('is an account as soon as it is verified: a question from before decides nothing', async () => {
    const ada = await waiting()
    const browser = world.client()
    const question = await ada.ask(browser)
    const { action, fields } = formIn((await browser.get(question, HTML)).text)
    await verify(ada.client, ada.email)
    const late = await browser.post(action, { ...fields, email: address() }, { form: true, ...HTML })
    expect(late.status).toBe(404)
    expect(await ada.holder()).toBe((await federated.me(ada.client)).id)
  })
})

describe('the account that the user has', () => {
  it('takes the identity over by its own form', async () => {
    const ada = await waiting()
    const person = await world.person()
    ada.again()
    const begun = await person.client.post(`${API}/auth/external/google/link`, {})
    const back = await federated.fakes.authorize(begun.data.authorization_url)
    expect(goal(await federated.answer(person.client, back))).toBe('/account/connected?notice=connected')
    expect(await ada.holder()).toBe(person.id)
    const old = await world.mailbox.tokenFor(ada.email, /verify-email/)
    expect((await world.client().get(`/verify-email?token=${old}`, HTML)).status).toBe(401)
  })

  it('takes it over after “I already have an account”', async () => {
    const ada = await waiting()
    const person = await world.person()
    const trip = (await ada.ask(person.client)).split('=')[1] ?? ''
    const done = await federated.submit(person.client, `/account/connected/confirm?trip=${trip}`)
    expect(goal(done)).toBe('/account/connected?notice=connected')
    expect(await ada.holder()).toBe(person.id)
  })
})

describe('the tokens that are kept of a registration', () => {
  /** A registration by Discord with an address that was entered, whose tokens are kept. */
  async function keeping(email: string) {
    const discord = federated.fakes.provider('discord')
    discord.user = { ...discord.user, id: `${9000 + ++addresses}`, email: null, verified: false }
    const browser = world.client()
    const question = goal(await federated.signIn(browser, 'discord')) ?? ''
    expect((await federated.enter(browser, question, email)).text).toContain('Check your')
    return { discord, before: discord.revoked.length }
  }
  beforeAll(async () => {
    await federated.connect('discord', { settings: { keeps_tokens: true } })
  })

  it('are revoked at the provider when another registration of its address is verified', async () => {
    const email = address()
    const { discord, before } = await keeping(email)
    const rival = await waiting(email)
    expect(goal(await verify(rival.client, email))).toBe('/account')
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
  })

  it('are revoked when an account moves to its address', async () => {
    const email = address()
    const { discord, before } = await keeping(email)
    const root = await world.person({ roles: ['super_admin'] })
    const { id } = await world.person()
    expect((await root.client.patch(`${API}/users/${id}`, { email, is_verified: true })).status).toBe(200)
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
  })

  it('are revoked when it is deleted because it was never verified', async () => {
    const { discord, before } = await keeping(address())
    await world.clock.advance('8 days')
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
  })
})

describe('of many at once', () => {
  it('one of twenty browsers replaces the registration, whichever addresses they enter', async () => {
    const ada = await waiting()
    const forms: { browser: Client; action: string; body: Record<string, string> }[] = []
    for (let n = 0; n < 20; n++) {
      const browser = world.client()
      const { action, fields } = formIn((await browser.get(await ada.ask(browser), HTML)).text)
      forms.push({ browser, action, body: { ...fields, email: address() } })
    }
    const replies = await Promise.all(
      forms.map(({ browser, action, body }) => browser.post(action, body, { form: true, ...HTML })),
    )
    for (const reply of replies) expect([303, 404]).toContain(reply.status)
    const id = await ada.holder()
    const email = world.db.hot
      .selectFrom('emails')
      .select('address')
      .where('user_id', '=', id ?? '')
    const [{ address: last } = { address: '' }] = await email.execute()
    const winner = forms.find(({ body }) => body.email === last)
    expect(winner).toBeDefined()
    if (winner) expect(goal(await verify(winner.browser, last))).toBe('/account')
    // the links of those that were replaced have ended
    const open = world.db.hot
      .selectFrom('links')
      .innerJoin('emails', 'emails.user_id', 'links.user_id')
      .select('emails.address')
      .where('links.used_at', 'is', null)
      .where('emails.address', 'in', [ada.email, ...forms.map(({ body }) => body.email ?? '')])
    expect(await open.execute()).toEqual([])
  })

  it('the verification and the replacement exclude each other', async () => {
    for (let round = 0; round < 6; round++) {
      const ada = await waiting()
      const first = await ada.holder()
      const token = await world.mailbox.tokenFor(ada.email, /verify-email/)
      const link = formIn((await ada.client.get(`/verify-email?token=${token}`, HTML)).text)
      const browser = world.client()
      const question = formIn((await browser.get(await ada.ask(browser), HTML)).text)
      const [verified, replaced] = await Promise.all([
        ada.client.post(link.action, link.fields, { form: true, ...HTML }),
        browser.post(question.action, { ...question.fields, email: address() }, { form: true, ...HTML }),
      ])
      const isVerified = goal(verified) === '/account'
      expect([isVerified, replaced.status]).toEqual([isVerified, isVerified ? 404 : 303])
      expect((await ada.holder()) === first).toBe(isVerified)
    }
  })
})
