/** How identities are linked to accounts, from the browser's side: a whole server, and scripted providers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { continuingLink, type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { formIn } from '../../../testing/step-up.ts'
import { PASSWORD, type World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

describe('an address that has an owner here', () => {
  it('asks the owner once: they sign in, confirm, and from then on the provider signs them in', async () => {
    const ada = await world.person({ signIn: false })
    federated.atGoogle({ email: ada.email, hd: 'example.com' })
    const client = world.client()
    const question = goal(await federated.signIn(client, 'google', { return_to: '/account/sessions' })) ?? ''
    expect(question).toMatch(/^\/sign-in\/connect\?trip=rtp_/)
    const page = await client.get(question, HTML)
    expect(page.text).toContain(`There is an account with the address ${ada.email}.`)
    expect((await client.get(`${API}/auth/me`)).status).toBe(401)
    const confirm = `/account/connected/confirm?trip=${question.split('=')[1]}`
    expect(page.text.replaceAll('&amp;', '&')).toContain(`return_to=${encodeURIComponent(confirm)}`)
    const [, link = ''] = /href="(\/sign-in\?return_to=[^"]+)"/.exec(page.text) ?? []
    const typed = { identifier: ada.email, password: PASSWORD }
    expect(goal(await federated.submit(client, link.replaceAll('&amp;', '&'), typed))).toBe(confirm)
    expect((await client.get(confirm, HTML)).text).toContain('Connect Google?')
    expect(goal(await federated.submit(client, confirm))).toBe('/account/sessions')
    expect(await federated.identitiesOf(ada.id)).toHaveLength(1)
    await world.app.settle()
    expect((await world.mailbox.emailTo(ada.email, /connected/)).subject).toContain('Google was connected')
    const again = world.client()
    expect(goal(await federated.signIn(again, 'google'))).toBe('/account')
    expect((await federated.me(again)).id).toBe(ada.id)
    // used once: a browser that goes back repeats the request as the one that came from the provider
    const back = { headers: { ...HTML.headers, 'sec-fetch-site': 'cross-site' } }
    for (const path of [confirm, question]) {
      const expired = await client.get(path, back)
      expect([expired.status, expired.text.includes('This page has expired')]).toEqual([404, true])
    }
  })

  it('links silently where the operator allows it, and both sides have verified the address', async () => {
    const { slug } = await federated.connect('gitlab', { name: 'GitLab', settings: { links_silently: true } })
    const ada = await world.person({ signIn: false })
    const gitlab = federated.fakes.provider('gitlab')
    gitlab.user = { ...gitlab.user, sub: '77', email: ada.email, email_verified: true }
    const client = world.client()
    expect(goal(await federated.signIn(client, slug))).toBe('/account')
    expect((await federated.me(client)).id).toBe(ada.id)
    await world.app.settle()
    expect((await world.mailbox.emailTo(ada.email, /connected/)).text).toContain('signs in to your account')
  })

  it('does not join the pending registration of a stranger, which ends (GHSA-g38m-r43w-p2q7)', async () => {
    const { email } = federated.atGoogle()
    const stranger = world.client()
    await stranger.post(`${API}/auth/register`, { email, password: 'chosen by a stranger' })
    const client = world.client()
    expect(goal(await federated.signIn(client, 'google'))).toBe('/account')
    await world.clock.advance('2 minutes')
    const login = await stranger.post(`${API}/auth/login`, { email, password: 'chosen by a stranger' })
    expect(login.code).toBe('AUTHENTICATION_FAILED')
    expect((await federated.me(client)).email).toBe(email)
  })

  it('tells nothing about its owner where the provider does not vouch for it', async () => {
    const ada = await world.person({ signIn: false })
    const pages: string[] = []
    for (const email of [ada.email, 'unknown.person@example.com']) {
      federated.atGoogle({ email, email_verified: false, name: 'A person' })
      const client = world.client()
      const question = goal(await federated.signIn(client, 'google')) ?? ''
      const { text } = await client.get(question, HTML)
      pages.push(
        text
          .replaceAll(email, 'ADDRESS')
          .replaceAll(encodeURIComponent(email), 'ADDRESS')
          .replaceAll(/rtp_\w+|"[\w.-]{40,}"/g, ''),
      )
    }
    const [one = '', other = ''] = pages
    expect(one.split('<')).toEqual(other.split('<'))
  })
})

describe('an address that the provider does not vouch for', () => {
  it('is proven by an e-mail before the account is signed in to', async () => {
    const email = 'new.person@example.com'
    federated.atGoogle({ email, email_verified: false })
    const client = world.client()
    const question = goal(await federated.signIn(client, 'google')) ?? ''
    const sent = await federated.enter(client, question, email)
    expect(sent.text).toContain('Check your')
    expect((await client.get(`${API}/auth/me`)).status).toBe(401)
    await world.app.settle()
    const token = await world.mailbox.tokenFor(email, /verify-email/)
    const verified = await federated.submit(client, `/verify-email?token=${token}`)
    expect(goal(verified)).toBe('/account')
    expect(await federated.me(client)).toMatchObject({ email, is_verified: true })
    const again = world.client()
    expect(goal(await federated.signIn(again, 'google'))).toBe('/account')
    expect((await federated.me(again)).email).toBe(email)
  })

  it('has a page about the e-mail that can be loaded again, in this browser alone, until it is verified', async () => {
    const email = 'loads.again@example.com'
    federated.atGoogle({ email, email_verified: false })
    const client = world.client()
    const question = goal(await federated.signIn(client, 'google')) ?? ''
    const { action, fields } = formIn((await client.get(question, HTML)).text)
    const send = () => client.post(action, { ...fields, email }, { form: true, ...HTML })
    const [sent, again] = [await send(), await send()]
    expect([sent.status, goal(sent), again.status, goal(again)]).toEqual([303, question, 303, question])
    // also by going back, which repeats the provider’s redirect
    for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }]) {
      const { status, text } = await client.get(question, { headers: { ...HTML.headers, ...headers } })
      expect([status, text.includes('Check your'), text.includes(email)]).toEqual([200, true, true])
    }
    const other = await world.client().get(question, HTML)
    expect([other.status, other.text.includes(email)]).toEqual([404, false])
    await world.app.settle()
    await federated.submit(
      client,
      `/verify-email?token=${await world.mailbox.tokenFor(email, /verify-email/)}`,
    )
    expect((await client.get(question, HTML)).status).toBe(404)
  })

  it.each([
    '/sign-in/connect',
    '/sign-in/confirm',
    '/sign-in/provider',
    '/sign-in/tested',
    '/account/connected/confirm',
  ])('%s without its parameter says that it has expired', async (path) => {
    const { client } = await world.person()
    const { status, text } = await client.get(path, HTML)
    expect([status, text.includes('This page has expired')]).toEqual([400, true])
  })

  it('of another account gets the same answer, and its owner the e-mail', async () => {
    const ada = await world.person({ signIn: false })
    federated.atGoogle({ email: undefined, email_verified: undefined })
    const client = world.client()
    const question = goal(await federated.signIn(client, 'google')) ?? ''
    const sent = await federated.enter(client, question, ada.email)
    expect(sent.text).toContain('Check your')
    await world.app.settle()
    expect((await world.mailbox.emailTo(ada.email, /already have an account/)).text).toContain('Sign in')
    expect(await federated.identitiesOf(ada.id)).toEqual([])
  })

  it('is decided about once, of twenty forms at once', async () => {
    federated.atGoogle({ email_verified: false })
    const client = world.client()
    const question = goal(await federated.signIn(client, 'google')) ?? ''
    const { action, fields } = formIn((await client.get(question, HTML)).text)
    const body = { ...fields, email: 'raced.person@example.com' }
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => client.post(action, body, { form: true, ...HTML })),
    )
    const shown = await Promise.all(
      replies.map((reply) => (reply.status === 303 ? client.get(goal(reply) ?? '', HTML) : reply)),
    )
    expect(new Set(shown.map(({ status, text }) => `${status} ${text.includes('Check your')}`))).toEqual(
      new Set(['200 true']),
    )
    const rows = world.db.hot.selectFrom('emails').select('id').where('address', '=', body.email)
    expect(await rows.execute()).toHaveLength(1)
  })

  it('is decided about in the browser that brought it alone, which another one cannot name', async () => {
    const [ada, eve] = [world.client(), await world.person()]
    federated.atGoogle({ email_verified: false })
    const question = goal(await federated.signIn(ada, 'google')) ?? ''
    const trip = question.split('=')[1] ?? ''
    // the other browser has begun one too, and an identity waits in it
    federated.atGoogle({ email_verified: false })
    const own = goal(await federated.signIn(eve.client, 'google')) ?? ''
    const confirm = (which: string) => `/account/connected/confirm?trip=${which.split('=').at(-1)}`
    expect((await eve.client.get(own, HTML)).status).toBe(200)
    for (const path of [question, confirm(trip)]) expect((await eve.client.get(path, HTML)).status).toBe(404)
    const { action, fields } = formIn((await eve.client.get(confirm(own), HTML)).text)
    const sent = await eve.client.post(action, { ...fields, trip }, { form: true, ...HTML })
    expect(sent.status).toBe(404)
    const named = formIn((await eve.client.get(own, HTML)).text)
    const body = { ...named.fields, trip, email: 'stolen@example.com' }
    expect((await eve.client.post(named.action, body, { form: true, ...HTML })).status).toBe(404)
    expect(await federated.identitiesOf(eve.id)).toEqual([])
    // it still waits for the browser that brought it
    expect((await ada.get(question, HTML)).status).toBe(200)
  })

  it('is connected once, of twenty confirmations at once', async () => {
    const ada = await world.person()
    federated.atGoogle()
    const path = goal(await federated.signIn(ada.client, 'google', { flow: 'link' })) ?? ''
    const { action, fields } = formIn((await ada.client.get(path, HTML)).text)
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => ada.client.post(action, fields, { form: true, ...HTML })),
    )
    expect(new Set(replies.map(goal))).toEqual(new Set(['/account/connected?notice=connected']))
    expect(await federated.identitiesOf(ada.id)).toHaveLength(1)
    const linked = (await world.events(ada.id)).filter((type) => type === 'auth.identity.linked')
    expect(linked).toHaveLength(1)
  })

  it('“I already have an account” links it, with any address', async () => {
    const ada = await world.person()
    federated.atGoogle({ email: 'other.address@example.com', email_verified: false })
    const question = goal(await federated.signIn(ada.client, 'google')) ?? ''
    expect((await ada.client.get(question, HTML)).text).toContain('I already have an account')
    const trip = question.split('=')[1] ?? ''
    await federated.submit(ada.client, `/account/connected/confirm?trip=${trip}`)
    expect(await federated.identitiesOf(ada.id)).toMatchObject([{ email: 'other.address@example.com' }])
  })
})

describe('connecting from an account', () => {
  it('by JSON links an identity of any address, in the session that began', async () => {
    const ada = await world.person()
    federated.atGoogle({ email: 'elsewhere@gmail.com' })
    const begun = await ada.client.post(`${API}/auth/external/google/link`, { return_to: '/account' })
    expect(begun.status).toBe(200)
    const back = await federated.fakes.authorize(begun.data.authorization_url)
    expect(goal(await federated.answer(ada.client, back))).toBe('/account')
    expect(await federated.identitiesOf(ada.id)).toHaveLength(1)
    expect(await world.events(ada.id)).toContain('auth.identity.linked')
  })

  it('refuses an account that another user has connected', async () => {
    const user = federated.atGoogle()
    await federated.signIn(world.client(), 'google')
    federated.fakes.provider('google').user = user
    const eve = await world.person()
    const begun = await eve.client.post(`${API}/auth/external/google/link`, {})
    const back = await federated.fakes.authorize(begun.data.authorization_url)
    const path = goal(await federated.answer(eve.client, back)) ?? ''
    expect(path).toContain('reason=taken')
    expect((await eve.client.get(path, HTML)).text).toContain('is connected to another account here')
    expect(await federated.identitiesOf(eve.id)).toEqual([])
  })

  it('by a URL asks before it links, since another site can open it', async () => {
    const ada = await world.person()
    federated.atGoogle()
    const path = goal(await federated.signIn(ada.client, 'google', { flow: 'link' })) ?? ''
    expect(path).toMatch(/^\/account\/connected\/confirm\?trip=/)
    expect(await federated.identitiesOf(ada.id)).toEqual([])
    expect(goal(await federated.submit(ada.client, path))).toBe('/account/connected?notice=connected')
    expect(await federated.identitiesOf(ada.id)).toHaveLength(1)
  })

  it('requires a session and a recent proof', async () => {
    expect((await world.client().post(`${API}/auth/external/google/link`, {})).status).toBe(401)
    const ada = await world.person()
    await world.clock.advance('11 minutes')
    expect((await ada.client.post(`${API}/auth/external/google/link`, {})).code).toBe('STEP_UP_REQUIRED')
    const asked = { headers: { accept: 'application/json' } }
    const visitor = await world.client().get(`${API}/auth/external/google/authorize?flow=link`, asked)
    expect([visitor.status, visitor.code]).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  })

  it('is not completed by another user of the same browser', async () => {
    const [ada, eve] = [await world.person(), await world.person()]
    federated.atGoogle()
    const path = goal(await federated.signIn(ada.client, 'google', { flow: 'link' })) ?? ''
    for (const [name, value] of eve.client.cookies)
      if (name === 'lk_session') ada.client.cookies.set(name, value)
    expect((await ada.client.get(path, HTML)).status).toBe(404)
    expect(await federated.identitiesOf(eve.id)).toEqual([])
  })
})

describe('what holds for every method', () => {
  async function connected() {
    const user = federated.atGoogle()
    const client = world.client()
    await federated.signIn(client, 'google')
    const account = await federated.me(client)
    return {
      client,
      account,
      again: () => {
        federated.fakes.provider('google').user = user
      },
    }
  }

  it('a disabled account is refused, and its sessions have ended (authentik CVE-2025-53942)', async () => {
    const { account, again } = await connected()
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ status: 'disabled' }).where('id', '=', account.id).execute(),
    )
    again()
    const client = world.client()
    const path = goal(await federated.signIn(client, 'google')) ?? ''
    expect(path).toContain('reason=user_refused')
    expect((await client.get(path, HTML)).text).toContain('disabled or locked')
    expect((await client.get(`${API}/auth/me`)).status).toBe(401)
  })

  it('a second factor is required', async () => {
    const { client, account, again } = await connected()
    await enrolAuthenticator(world, client)
    again()
    const other = world.client()
    expect(goal(await federated.signIn(other, 'google'))).toBe('/second-factor')
    expect((await other.get(`${API}/auth/me`)).status).toBe(401)
    expect(account.id).toMatch(/^usr_/)
  })

  it('a step-up is proven by the provider, of the same user alone', async () => {
    const { client, account, again } = await connected()
    await world.clock.advance('11 minutes')
    expect((await client.post(`${API}/auth/external/google/link`, {})).code).toBe('STEP_UP_REQUIRED')
    const { data } = await client.post(`${API}/auth/step-up`, {})
    expect(data.methods).toContain('federation')
    federated.atGoogle()
    const prove = async () => {
      const body = { attempt: data.attempt, return_to: '/account/connected' }
      const begun = await client.post(`${API}/auth/external/google/continue`, body)
      const back = await federated.fakes.authorize(begun.data.authorization_url)
      return goal(await federated.answer(client, back))
    }
    expect(await prove()).toContain('reason=not_connected')
    again()
    expect(await prove()).toBe('/account/connected')
    expect((await client.post(`${API}/auth/external/google/link`, {})).status).toBe(200)
    expect(await world.events(account.id)).toContain('auth.step_up.success')
  })

  it('a step-up is not proven by a provider that says that it has not asked the user', async () => {
    const { client, again } = await connected()
    await world.clock.advance('11 minutes')
    const { data } = await client.post(`${API}/auth/step-up`, {})
    const google = federated.fakes.provider('google')
    const prove = async (ageSeconds: number) => {
      again()
      const begun = await client.post(`${API}/auth/external/google/continue`, { attempt: data.attempt })
      google.script = { claims: { auth_time: Math.floor(world.clock.now().getTime() / 1000) - ageSeconds } }
      const back = await federated.fakes.authorize(begun.data.authorization_url)
      return goal(await federated.answer(client, back))
    }
    expect(await prove(120)).toContain('reason=wrong_time')
    expect((await client.post(`${API}/auth/external/google/link`, {})).code).toBe('STEP_UP_REQUIRED')
    // the clocks may differ
    expect(await prove(30)).not.toContain('reason=')
    google.script = {}
    expect((await client.post(`${API}/auth/external/google/link`, {})).status).toBe(200)
  })

  it('a sign-in that waits for a second proof is completed by the provider, in its browser alone', async () => {
    const { client, account, again } = await connected()
    const authenticator = new Authenticator()
    await addPasskey(client, authenticator)
    const other = world.client()
    const waiting = await signInByPasskey(other, authenticator, { flags: { uv: false } })
    expect(waiting.body.error.details.methods).toContain('federation')
    const { attempt } = waiting.body.error.details
    again()
    const begun = await other.post(`${API}/auth/external/google/continue`, { attempt, return_to: '/account' })
    const back = await federated.fakes.authorize(begun.data.authorization_url)
    expect(goal(await federated.answer(world.client(), back))).toContain('reason=other_browser')
    expect(goal(await federated.answer(other, back))).toBe('/account')
    expect((await federated.me(other)).id).toBe(account.id)
  })

  it('the page of a step-up offers the connected provider, and the form that waits for it is sent', async () => {
    const { client, account, again } = await connected()
    await world.clock.advance('11 minutes')
    const csrf_token = client.csrfToken ?? ''
    const form = {
      csrf_token,
      name: 'K',
      description: '',
      environment: 'live',
      expires_in: '90d',
      access: 'some',
    }
    const held = await client.post('/account/api-keys', form, { form: true, ...HTML })
    expect(goal(held)).toBe('/step-up')
    const { text } = await client.get('/step-up', HTML)
    expect(text).toContain('Continue with Google')
    expect(text).not.toMatch(/authorize[^"]*sgn_/)
    again()
    expect(goal(await federated.signIn(client, 'google', continuingLink(text, 'google')))).toBe(
      '/step-up/continue',
    )
    const sent = await federated.submit(client, '/step-up/continue')
    expect(sent.text).toContain('lk_live_')
    expect(await world.events(account.id)).toContain('auth.api_key.created')
  })

  it('nothing is continued in a browser in which nothing waits', async () => {
    const none = await world.client().get(`${API}/auth/external/google/authorize?continue=sign_in`, {
      headers: { accept: 'application/json' },
    })
    expect([none.status, none.code]).toEqual([404, 'NOT_FOUND'])
    // a browser reads that it is over, not that there is no such provider
    const page = await world.client().get(`${API}/auth/external/google/authorize?continue=step_up`, HTML)
    expect(goal(page)).toContain('provider=google&reason=expired')
  })
})
