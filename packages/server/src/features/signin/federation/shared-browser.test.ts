/**
 * What a user leaves in a browser that others use too, line by line of the table in round-trips/questions.ts: an identity
 * that waits for a decision ends with the next sign-in and with every sign-out, and what is at the provider does not.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { formIn, proveByApi } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'
const QUESTION = 'lk_question'

let federated: Federated
let world: World
let organization: { id: string; slug: string }
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('google', { name: 'Google' })
  const [owner] = (await world.people(1)) as [Person]
  const organizationId = await world.organization({ members: [[owner, 'owner']] })
  await federated.prove(organizationId, 'corp.example')
  organization = await federated.connect('oidc', { organizationId, settings: { trusts_email: true } })
})
afterAll(() => federated?.stop())

let count = 0
const tripOf = (path: string): string => path.split('=')[1] ?? ''
const confirmOf = (question: string): string => `/account/connected/confirm?trip=${tripOf(question)}`

/** A browser whose user has left at the question. */
async function asked(browser = world.client()): Promise<{ browser: Client; question: string }> {
  federated.atGoogle({ email_verified: false })
  const question = goal(await federated.signIn(browser, 'google')) ?? ''
  expect(question).toMatch(/^\/sign-in\/connect\?trip=rtp_/)
  expect(browser.cookies.get(QUESTION)).toMatch(new RegExp(`^${tripOf(question)}\\.`))
  return { browser, question }
}

/** Signs in with the form of the sign-in page. */
async function signInByForm(browser: Client, { email }: Pick<Person, 'email'>, returnTo = '/account') {
  // that of the session before
  browser.csrfToken = null
  const path = `/sign-in?with=password&return_to=${encodeURIComponent(returnTo)}`
  return await federated.submit(browser, path, { identifier: email, password: PASSWORD })
}

/** Sends the forms of all pages that decide. */
async function decide(browser: Client, trip: string): Promise<Reply[]> {
  const { csrf_token } = (await browser.get('/csrf')).data
  browser.csrfToken = null
  const sent = { trip, csrf_token, email: `new-${++count}@example.com` }
  const post = (path: string) => browser.post(path, sent, { form: true, ...HTML })
  return [
    await browser.get(`/sign-in/connect?trip=${trip}`, HTML),
    await browser.get(`/sign-in/confirm?trip=${trip}`, HTML),
    await browser.get(`/account/connected/confirm?trip=${trip}`, HTML),
    await post('/sign-in/connect'),
    await post('/sign-in/confirm'),
    await post('/account/connected/confirm'),
  ]
}
const statusesOf = async (browser: Client, trip: string) =>
  (await decide(browser, trip)).map(({ status }) => status)
const GONE = [404, 404, 404, 404, 404, 404]

const isUndecided = async (trip: string): Promise<boolean> => {
  const row = world.db.hot.selectFrom('round_trips').select('decided_at').where('id', '=', trip)
  return (await row.executeTakeFirstOrThrow()).decided_at === null
}

describe('an identity that waits', () => {
  it.each([
    ['the form', (browser: Client, person: Person) => signInByForm(browser, person)],
    ['JSON', (browser: Client, person: Person) => browser.signIn(person.email, PASSWORD)],
    [
      'a provider',
      async (browser: Client) => {
        federated.atGoogle()
        expect(goal(await federated.signIn(browser, 'google'))).toBe('/account')
      },
    ],
  ])('ends with the next sign-in, by %s', async (_, signIn) => {
    const { browser, question } = await asked()
    const second = await world.person({ signIn: false })
    await signIn(browser, second)
    expect(browser.cookies.has(QUESTION)).toBe(false)
    expect(await statusesOf(browser, tripOf(question))).toEqual(GONE)
    expect(await isUndecided(tripOf(question))).toBe(true)
    expect(await federated.identitiesOf(second.id)).toEqual([])
  })

  it('ends with a sign-in that names another one', async () => {
    const { browser, question } = await asked()
    const second = await world.person({ signIn: false })
    const { question: other } = await asked()
    expect(goal(await signInByForm(browser, second, confirmOf(other)))).toBe(confirmOf(other))
    expect(await statusesOf(browser, tripOf(question))).toEqual(GONE)
  })

  it('ends with every sign-out, also where its user has signed in to connect it', async () => {
    const leave: ((browser: Client, person: Person) => Promise<unknown>)[] = [
      (browser) => federated.submit(browser, '/sign-out'),
      (browser) => browser.post(`${API}/auth/logout`),
      async (browser) => {
        const [{ id }] = (await browser.get(`${API}/auth/sessions`)).data
        await browser.delete(`${API}/auth/sessions/${id}`)
      },
      async (browser) => {
        const { data } = await browser.get(`${API}/auth/sessions`)
        const { csrf_token } = (await browser.get('/csrf')).data
        const path = `/account/sessions/${data[0].id}/end`
        await browser.post(path, { csrf_token }, { form: true, ...HTML })
      },
      async (browser) => {
        await browser.delete(`${API}/users/me`, { password: PASSWORD })
      },
    ]
    for (const signOut of leave) {
      const first = await world.person({ signIn: false })
      const { browser, question } = await asked()
      await signInByForm(browser, first, confirmOf(question))
      await federated.me(browser)
      expect((await browser.get(confirmOf(question), HTML)).status).toBe(200)
      await signOut(browser, first)
      expect((await browser.get(`${API}/auth/me`)).status).toBe(401)
      expect(browser.cookies.has(QUESTION)).toBe(false)
      const second = await world.person({ signIn: false })
      await signInByForm(browser, second, confirmOf(question))
      expect(await statusesOf(browser, tripOf(question))).toEqual(GONE)
      expect(await federated.identitiesOf(second.id)).toEqual([])
    }
  })

  /** Ends the sessions of a user from another device. */
  async function endElsewhere({ email }: Person): Promise<void> {
    const phone = world.client()
    await phone.signIn(email, PASSWORD)
    expect((await phone.delete(`${API}/auth/sessions`)).data.ended).toBe(1)
  }

  it('ends with the session of its user that is ended from another device', async () => {
    const second = await world.person({ signIn: false })
    for (const begins of [
      async (first: Person) => {
        const { browser, question } = await asked()
        await signInByForm(browser, first, confirmOf(question))
        return { browser, question }
      },
      // signed in before
      async ({ email }: Person) => {
        const browser = world.client()
        await browser.signIn(email, PASSWORD)
        return await asked(browser)
      },
    ]) {
      const first = await world.person({ signIn: false })
      const { browser, question } = await begins(first)
      expect((await browser.get(confirmOf(question), HTML)).status).toBe(200)
      await endElsewhere(first)
      // JSON clears no cookies
      expect((await browser.get(`${API}/auth/me`)).status).toBe(401)
      expect(browser.cookies.has(QUESTION)).toBe(true)
      await signInByForm(browser, second, confirmOf(question))
      expect(browser.cookies.has(QUESTION)).toBe(false)
      expect(await statusesOf(browser, tripOf(question))).toEqual(GONE)
      expect(await federated.identitiesOf(second.id)).toEqual([])
    }
  })

  it('is found by its user alone, also where the browser has forgotten their session', async () => {
    const second = await world.person({ signIn: false })
    for (const isBefore of [false, true]) {
      const first = await world.person({ signIn: false })
      const browser = world.client()
      if (isBefore) await browser.signIn(first.email, PASSWORD)
      const { question } = await asked(browser)
      if (!isBefore) await signInByForm(browser, first, confirmOf(question))
      const forget = () => browser.cookies.delete('lk_session')
      forget()
      browser.csrfToken = null
      const signedOut = [404, 404, 303, 404, 404, 401]
      expect(await statusesOf(browser, tripOf(question))).toEqual(signedOut)
      await signInByForm(browser, second, confirmOf(question))
      expect(browser.cookies.has(QUESTION)).toBe(true)
      expect(await statusesOf(browser, tripOf(question))).toEqual(GONE)
      forget()
      await signInByForm(browser, first, confirmOf(question))
      const connected = await federated.submit(browser, confirmOf(question))
      expect(goal(connected)).toBe('/account/connected?notice=connected')
      expect(await federated.identitiesOf(second.id)).toEqual([])
      expect(await federated.identitiesOf(first.id)).toHaveLength(1)
    }
  })

  it('that comes in a browser whose session has ended stays for the sign-in to connect it', async () => {
    const [former, ada] = [await world.person({ signIn: false }), await world.person({ signIn: false })]
    const browser = world.client()
    await browser.signIn(former.email, PASSWORD)
    await endElsewhere(former)
    const { question } = await asked(browser)
    expect(browser.cookies.has('lk_session')).toBe(false)
    await signInByForm(browser, ada, confirmOf(question))
    expect((await browser.get(confirmOf(question), HTML)).status).toBe(200)
  })

  it('is that of the user whose sign-in to connect it was completed by a second factor', async () => {
    const [ada, second] = [await world.person(), await world.person({ signIn: false })]
    const app = await enrolAuthenticator(world, ada.client)
    const { browser, question } = await asked()
    expect(goal(await signInByForm(browser, ada, confirmOf(question)))).toBe('/second-factor')
    const proven = await federated.submit(browser, '/second-factor', { code: await app.next() })
    expect(goal(proven)).toBe(confirmOf(question))
    browser.cookies.delete('lk_session')
    await signInByForm(browser, second, confirmOf(question))
    expect(await statusesOf(browser, tripOf(question))).toEqual(GONE)
  })

  it('stays for the sign-in to connect it, a step-up, and the one who was signed in before', async () => {
    const [ada, grace] = [await world.person({ signIn: false }), await world.person()]
    const { question: own } = await asked(grace.client)
    expect(goal(await federated.submit(grace.client, confirmOf(own)))).toBe(
      '/account/connected?notice=connected',
    )
    const { browser, question } = await asked()
    expect(goal(await signInByForm(browser, ada, confirmOf(question)))).toBe(confirmOf(question))
    await federated.me(browser)
    await world.clock.advance('12 minutes')
    await proveByApi(browser)
    const connected = await federated.submit(browser, confirmOf(question))
    expect(goal(connected)).toBe('/account/connected?notice=connected')
    expect(await federated.identitiesOf(ada.id)).toHaveLength(1)
  })

  it('stays for a sign-in at another provider to connect it', async () => {
    const user = federated.atGoogle()
    await federated.signIn(world.client(), 'google')
    const { browser, question } = await asked()
    Object.assign(federated.fakes.provider('google'), { user })
    const signedIn = await federated.signIn(browser, 'google', { return_to: confirmOf(question) })
    expect(goal(signedIn)).toBe(confirmOf(question))
    expect((await browser.get(confirmOf(question), HTML)).text).toContain('Connect Google?')
  })

  it('is in the place of the one before, of two tabs', async () => {
    const { browser, question } = await asked()
    const { question: last } = await asked(browser)
    expect((await browser.get(question, HTML)).status).toBe(404)
    expect((await browser.get(last, HTML)).status).toBe(200)
  })

  it('of two tabs that sign in and decide at once is decided about by its user or by none', async () => {
    for (let round = 0; round < 5; round++) {
      const { browser, question } = await asked()
      const { action, fields } = formIn((await browser.get(question, HTML)).text)
      const second = await world.person({ signIn: false })
      const email = `tabs-${++count}@example.com`
      const [, registered] = await Promise.all([
        signInByForm(browser, second),
        browser.post(action, { ...fields, email }, { form: true, ...HTML }),
      ])
      const isRegistered = registered.status === 303
      expect(await isUndecided(tripOf(question))).toBe(!isRegistered)
      expect(await federated.identitiesOf(second.id)).toEqual([])
      const late = await statusesOf(browser, tripOf(question))
      expect(late.slice(0, 3)).toEqual([404, 404, 404])
    }
  })

  it('of a link or a confirmed sign-in ends with the next sign-in, too', async () => {
    federated.atGoogle({ email_verified: false })
    const linking = await world.person()
    const link = goal(await federated.signIn(linking.client, 'google', { flow: 'link' })) ?? ''
    expect(link).toMatch(/^\/account\/connected\/confirm\?trip=/)
    const signedIn = await world.person()
    const oidc = federated.fakes.provider('oidc')
    oidc.user = { sub: 'ada', email: 'ada@corp.example', email_verified: true }
    const confirm = goal(await federated.signIn(signedIn.client, organization.slug)) ?? ''
    expect(confirm).toMatch(/^\/sign-in\/confirm\?trip=/)
    for (const [{ client }, path] of [
      [linking, link],
      [signedIn, confirm],
    ] as const) {
      expect((await client.get(path, HTML)).status).toBe(200)
      const second = await world.person({ signIn: false })
      await client.signIn(second.email, PASSWORD)
      expect(await statusesOf(client, tripOf(path))).toEqual(GONE)
    }
  })

  it('is named by its cookie, of which a part or that of another one does not suffice', async () => {
    const { browser, question } = await asked()
    const cookie = browser.cookies.get(QUESTION) ?? ''
    const other = (await asked()).browser.cookies.get(QUESTION) ?? ''
    const [trip = ''] = cookie.split('.')
    for (const value of ['', trip, `${trip}.`, `${trip}.${other.split('.')[1]}`, other, `${cookie}A`]) {
      browser.cookies.set(QUESTION, value)
      expect((await browser.get(question, HTML)).status).toBe(404)
    }
    browser.cookies.set(QUESTION, cookie)
    expect((await browser.get(question, HTML)).status).toBe(200)
  })
})

describe('what is at the provider', () => {
  it('comes back after a sign-in and a sign-out in another tab', async () => {
    const browser = world.client()
    const { email } = federated.atGoogle()
    const back = await federated.begin(browser, 'google')
    const other = await world.person({ signIn: false })
    await signInByForm(browser, other)
    await federated.submit(browser, '/sign-out')
    expect(goal(await federated.answer(browser, back))).toBe('/account')
    expect((await federated.me(browser)).email).toBe(email)
  })

  it('is a link no more once another user has signed in, or its own has signed out', async () => {
    for (const leave of [
      async (browser: Client) => {
        const second = await world.person({ signIn: false })
        await browser.signIn(second.email, PASSWORD)
      },
      async (browser: Client) => void (await federated.submit(browser, '/sign-out')),
    ]) {
      const { client, id } = await world.person()
      federated.atGoogle()
      const begun = await client.post(`${API}/auth/external/google/link`)
      const back = await federated.fakes.authorize(begun.data.authorization_url)
      await leave(client)
      expect(goal(await federated.answer(client, back))).toMatch(/^\/sign-in\/failed\?.*reason=expired/)
      expect(await federated.identitiesOf(id)).toEqual([])
    }
  })
})

describe('a decision that was made', () => {
  it('leads on a form that was sent twice, although the sign-in has ended the cookie', async () => {
    const { client } = await world.person()
    const oidc = federated.fakes.provider('oidc')
    oidc.user = { sub: 'grace', email: 'grace@corp.example', email_verified: true }
    const path = goal(await federated.signIn(client, organization.slug)) ?? ''
    const { action, fields } = formIn((await client.get(path, HTML)).text)
    const send = () => client.post(action, fields, { form: true, ...HTML })
    expect(goal(await send())).toBe('/account')
    expect(client.cookies.has(QUESTION)).toBe(false)
    expect(goal(await send())).toBe('/account')
  })
})
