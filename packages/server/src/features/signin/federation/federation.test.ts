/** Signing in by an identity provider, from the browser's side: a whole server, and scripted providers. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  for (const id of ['google', 'github', 'apple', 'microsoft', 'discord'] as const)
    await federated.connect(id, { name: id[0]?.toUpperCase() + id.slice(1) })
})
afterAll(() => federated?.stop())

describe('a first sign-in with a verified address', () => {
  it('makes an account without a password, verified and linked, and tells so in the audit log', async () => {
    const { email, sub } = federated.atGoogle()
    const client = world.client()
    const reply = await federated.signIn(client, 'google', { return_to: '/account/sessions' })
    expect([reply.status, goal(reply)]).toEqual([303, '/account/sessions'])
    const user = await federated.me(client)
    expect(user).toMatchObject({ email, is_verified: true, roles: ['viewer'] })
    const [identity] = await federated.identitiesOf(user.id)
    expect(identity).toMatchObject({
      issuer: 'https://accounts.google.com',
      subject: sub,
      email,
      email_verified: true,
      scope: '',
    })
    expect(await world.events(user.id)).toEqual([
      'user.registered',
      'auth.email.verified',
      'auth.identity.linked',
      'auth.login.attempt',
      'auth.login.success',
    ])
    const passwords = world.db.hot.selectFrom('passwords').select('user_id').where('user_id', '=', user.id)
    expect(await passwords.execute()).toEqual([])
  })

  it('is a sign-in the second time, to the same account, also with another address by then', async () => {
    const user = federated.atGoogle()
    const first = world.client()
    await federated.signIn(first, 'google')
    const account = await federated.me(first)
    federated.fakes.provider('google').user = { ...user, email: `moved.${user.email}` }
    const second = world.client()
    expect(goal(await federated.signIn(second, 'google'))).toBe('/account')
    expect(await federated.me(second)).toMatchObject({ id: account.id, email: user.email })
    expect(await federated.identitiesOf(account.id)).toMatchObject([{ email: `moved.${user.email}` }])
  })

  it('once of twenty answers for one person at once: one account', async () => {
    const { email } = federated.atGoogle()
    const clients = Array.from({ length: 20 }, () => world.client())
    const begun = await Promise.all(
      clients.map(async (client) => ({ client, back: await federated.begin(client, 'google') })),
    )
    const replies = await Promise.all(begun.map(({ client, back }) => federated.answer(client, back)))
    expect(replies.map(goal)).toEqual(replies.map(() => '/account'))
    const ids = await Promise.all(clients.map(async (client) => (await federated.me(client)).id))
    expect(new Set(ids).size).toBe(1)
    const owners = world.db.hot.selectFrom('emails').select('user_id').where('address', '=', email)
    expect(await owners.execute()).toHaveLength(1)
  })
})

describe('an answer', () => {
  it('is accepted once, of fifty at the same time', async () => {
    federated.atGoogle()
    const client = world.client()
    const back = await federated.begin(client, 'google')
    // so many that each of the fifty deletes an older one from the diagnostics
    for (let n = 0; n < 60; n += 1) await federated.answer(world.client(), back)
    const replies = await Promise.all(Array.from({ length: 50 }, () => federated.answer(client, back)))
    const goals = replies.map(goal)
    expect(goals.filter((path) => path === '/account')).toHaveLength(1)
    expect(goals.filter((path) => path?.includes('reason=replayed'))).toHaveLength(49)
  })

  it('is counted in the metrics by what became of it, with the fault where it is refused', async () => {
    const { metrics, clock } = world.app.tools
    const count = async (rest: string) => {
      const text = await metrics.write(clock.now())
      const line = text.split('\n').find((one) => one.startsWith(`latchkey_${rest} `))
      return Number(line?.split(' ').at(-1) ?? 0)
    }
    const done = 'sign_ins_total{method="federation",outcome="done",reason=""}'
    const replayed = 'sign_ins_total{method="federation",outcome="refused",reason="replayed"}'
    const registered = 'registrations_total{by="provider"}'
    const read = () => Promise.all([done, replayed, registered].map(count))
    const before = await read()
    federated.atGoogle()
    const client = world.client()
    const back = await federated.begin(client, 'google')
    await federated.answer(client, back)
    await federated.answer(client, back)
    expect((await read()).map((value, at) => value - (before[at] ?? 0))).toEqual([1, 1, 1])
  })

  it('is refused in another browser, after 15 minutes, with a foreign state and at another connection', async () => {
    const client = world.client()
    const reasonOf = (path: string | null) => new URLSearchParams(path?.split('?')[1]).get('reason')
    federated.atGoogle()
    const stolen = await federated.begin(client, 'google')
    expect(reasonOf(goal(await federated.answer(world.client(), stolen)))).toBe('other_browser')
    // the browser that began still may
    expect(goal(await federated.answer(client, stolen))).toBe('/account')

    const other = world.client()
    const late = await federated.begin(other, 'google')
    await world.clock.advance('16 minutes')
    expect(reasonOf(goal(await federated.answer(other, late)))).toBe('expired')

    const third = world.client()
    const foreign = await federated.begin(third, 'google')
    const path = new URL(foreign.url).pathname
    for (const state of ['', 'x', `rtp_${'0'.repeat(32)}.${'a'.repeat(43)}`]) {
      const sent = { ...foreign.parameters, state }
      const reply = await third.get(`${path}?${new URLSearchParams(sent)}`, HTML)
      expect([state, reasonOf(goal(reply))]).toEqual([state, 'unknown_state'])
    }
    const mixed = path.replace('google', 'github')
    const reply = await third.get(`${mixed}?${new URLSearchParams(foreign.parameters)}`, HTML)
    expect(reasonOf(goal(reply))).toBe('unknown_state')
  })

  it.each([
    ['the user cancels', { denies: 'access_denied' }, 'denied', 'was cancelled'],
    ['the nonce is of another sign-in', { claims: { nonce: 'another' } }, 'wrong_nonce', 'was not accepted'],
    ['the token is for another client', { claims: { aud: 'another' } }, 'wrong_audience', 'was not accepted'],
    [
      'the issuer is another',
      { claims: { iss: 'https://evil.example' } },
      'wrong_issuer',
      'was not accepted',
    ],
    ['the signature is of a stranger', { signature: 'stranger' }, 'wrong_signature', 'was not accepted'],
    ['the provider answers HTML', { token: 'html' }, 'not_json', 'was not accepted'],
    ['the provider is down', { token: 'down' }, 'unreachable', 'cannot be reached'],
  ] as const)(
    'leads to a page that says why where %s, and its reason is in the diagnostics',
    async (_, script, fault, text) => {
      const { email } = federated.atGoogle()
      federated.fakes.provider('google').script = script
      const client = world.client()
      const reply = await federated.signIn(client, 'google', { return_to: '/account/sessions' })
      const path = goal(reply) ?? ''
      expect(path).toMatch(new RegExp(`^/sign-in/failed\\?provider=google&reason=${fault}&`))
      const page = await client.get(path, HTML)
      expect(page.text).toContain(text)
      expect(page.text).toContain('return_to=%2Faccount%2Fsessions')
      const german = await client.get(path, { headers: { ...HTML.headers, 'accept-language': 'de' } })
      expect(german.text).toContain('hat nicht geklappt')
      expect(await client.get(`${API}/auth/me`)).toMatchObject({ status: 401 })
      const [event] = await world.db.hot
        .selectFrom('connection_events')
        .selectAll()
        .orderBy('id', 'desc')
        .limit(1)
        .execute()
      expect(event).toMatchObject({ fault, flow: 'login' })
      expect(JSON.stringify(event)).not.toContain(email)
      federated.fakes.provider('google').script = {}
      expect(goal(await federated.signIn(client, 'google'))).toBe('/account')
    },
  )

  it('keeps the last fifty in the diagnostics of its connection', async () => {
    federated.fakes.provider('discord').script = { denies: 'access_denied' }
    for (let n = 0; n < 55; n++) await federated.signIn(world.client(), 'discord')
    federated.fakes.provider('discord').script = {}
    const kept = await world.db.hot
      .selectFrom('connection_events')
      .innerJoin('connections', 'connections.id', 'connection_events.connection_id')
      .select('fault')
      .where('slug', '=', 'discord')
      .execute()
    expect(kept).toHaveLength(50)
  })

  it('that cannot be requested, because the issuer is down, is in the diagnostics too', async () => {
    const { id, slug } = await federated.connect('oidc', { name: 'Our issuer' })
    federated.fakes.provider('oidc').script = { discovery: 'down' }
    const path = `${API}/auth/external/${slug}/authorize`
    const asked = await world.client().get(path, { headers: { accept: 'application/json' } })
    expect([asked.status, asked.code]).toEqual([503, 'UNAVAILABLE'])
    const page = await world.client().get(path, HTML)
    expect(goal(page)).toContain('reason=unreachable')
    const events = world.db.hot
      .selectFrom('connection_events')
      .select('fault')
      .where('connection_id', '=', id)
    expect(await events.execute()).toEqual([{ fault: 'unreachable' }, { fault: 'unreachable' }])
    federated.fakes.provider('oidc').script = {}
  })

  it('is in the diagnostics for 30 days, and no longer than the account', async () => {
    const slug = 'diagnosed'
    const { id } = await federated.connect('google', { slug, name: 'Google' })
    const kept = () =>
      world.db.hot.selectFrom('connection_events').select('user_id').where('connection_id', '=', id).execute()
    federated.atGoogle()
    const client = world.client()
    await federated.signIn(client, slug)
    const account = await federated.me(client)
    expect(await kept()).toEqual([{ user_id: account.id }])
    await world.db.tx('system', (tx) => tx.deleteFrom('users').where('id', '=', account.id).execute())
    expect(await kept()).toEqual([])
    federated.fakes.provider('google').script = { denies: 'access_denied' }
    await federated.signIn(client, slug)
    await world.clock.advance('29 days')
    await world.app.settle()
    expect(await kept()).toHaveLength(1)
    await world.clock.advance('2 days')
    await world.app.settle()
    expect(await kept()).toEqual([])
  })
})

describe('the cost of an answer', () => {
  it('is one transaction beside the provider’s own answer; metadata and keys are not fetched again', async () => {
    const user = federated.atGoogle()
    await federated.signIn(world.client(), 'google')
    federated.fakes.provider('google').user = user
    const client = world.client()
    const back = await federated.begin(client, 'google')
    const before = federated.fakes.requests.length
    const transactions = vi.spyOn(world.app.tools.db, 'tx')
    try {
      expect(goal(await federated.answer(client, back))).toBe('/account')
      expect(transactions).toHaveBeenCalledTimes(1)
    } finally {
      transactions.mockRestore()
    }
    expect(federated.fakes.requests.slice(before)).toEqual(['POST https://oauth2.googleapis.com/token'])
  })
})

describe('an answer that is posted from another site', () => {
  it('is stored without cookies, and used by the browser that comes for it, once', async () => {
    const apple = federated.fakes.provider('apple')
    apple.user = { ...apple.user, sub: 'apple-1', email: 'apple.person@privaterelay.appleid.com' }
    const client = world.client()
    const back = await federated.begin(client, 'apple')
    expect(back.method).toBe('POST')
    expect(goal(await federated.answer(client, back))).toBe('/account')
    expect((await federated.me(client)).email).toBe('apple.person@privaterelay.appleid.com')
    expect(goal(await federated.answer(client, back))).toContain('reason=replayed')
  })

  it('of another browser’s sign-in signs in to no account', async () => {
    const victim = world.client()
    const attacker = world.client()
    const back = await federated.begin(attacker, 'apple')
    // the victim's browser posts the attacker's answer, and comes for it
    expect(goal(await federated.answer(victim, back))).toContain('reason=other_browser')
    expect((await victim.get(`${API}/auth/me`)).status).toBe(401)
  })

  it('is the first that was posted, of twenty at once', async () => {
    const client = world.client()
    const back = await federated.begin(client, 'apple')
    await Promise.all(
      Array.from({ length: 20 }, () =>
        world.client().post(`${API}/auth/external/apple/callback`, back.parameters, { form: true, ...HTML }),
      ),
    )
    const resume = `${API}/auth/external/apple/callback?resume=${back.parameters.state}`
    const goals = (await Promise.all(Array.from({ length: 20 }, () => client.get(resume, HTML)))).map(goal)
    expect(goals.filter((path) => path === '/account')).toHaveLength(1)
    expect(goals.filter((path) => path?.includes('reason=replayed'))).toHaveLength(19)
  })

  it('stores nothing for an unknown state, an unknown connection and a second answer', async () => {
    const post = (path: string, fields: Record<string, string>) =>
      world.client().post(path, fields, { form: true, ...HTML })
    const unknown = await post(`${API}/auth/external/apple/callback`, { state: 'x', code: 'y' })
    expect(goal(unknown)).toBe(`${API}/auth/external/apple/callback?resume=x`)
    const nowhere = await post(`${API}/auth/external/con_nothing/callback`, { state: 'x' })
    expect(goal(nowhere)).toContain('reason=not_offered')
    const client = world.client()
    const back = await federated.begin(client, 'apple')
    await post(`${API}/auth/external/apple/callback`, back.parameters)
    await post(`${API}/auth/external/apple/callback`, { ...back.parameters, code: 'of a stranger' })
    const resume = `${API}/auth/external/apple/callback?resume=${back.parameters.state}`
    expect(goal(await client.get(resume, HTML))).toBe('/account')
  })
})

describe('the list of providers', () => {
  it('has the active ones of the server, and their buttons are on the sign-in page', async () => {
    const { data } = await world.client().get(`${API}/auth/external/providers`)
    expect(data.map(({ provider }: { provider: string }) => provider)).toEqual(
      expect.arrayContaining(['google', 'github', 'apple', 'microsoft']),
    )
    expect(JSON.stringify(data)).not.toContain('secret')
    const { text } = await world.client().get('/sign-in?return_to=%2Faccount%2Fsessions', HTML)
    expect(text).toContain('href="/api/v1/auth/external/google/authorize?return_to=%2Faccount%2Fsessions"')
    expect(text).toContain('Continue with Google')
  })

  it('answers JSON with the address and the state, and a browser with a redirect', async () => {
    federated.atGoogle()
    const path = `${API}/auth/external/google/authorize`
    const asked = await world.client().get(path, { headers: { accept: 'application/json' } })
    expect(asked.data).toEqual({
      authorization_url: expect.stringMatching(/^https:\/\/accounts\.google\.com\//),
      state: expect.stringMatching(/^rtp_/),
    })
    const browser = await world.client().get(path, HTML)
    expect([browser.status, goal(browser)]).toEqual([
      302,
      expect.stringMatching(/^https:\/\/accounts\.google\.com\//),
    ])
  })

  it('refuses a provider that is not offered: JSON with 404, a browser with a page', async () => {
    await federated.connect('twitch', { status: 'draft' })
    for (const slug of ['twitch', 'unknown', 'con_0']) {
      const path = `${API}/auth/external/${slug}/authorize`
      const asked = await world.client().get(path, { headers: { accept: 'application/json' } })
      expect([asked.status, asked.code]).toEqual([404, 'NOT_FOUND'])
      const browser = await world.client().get(path, HTML)
      expect(goal(browser)).toContain('reason=not_offered')
      expect((await world.client().get(goal(browser) ?? '', HTML)).status).toBe(200)
    }
  })

  it('follows only return addresses of this server and registered origins', async () => {
    for (const return_to of [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
    ]) {
      federated.atGoogle()
      expect(goal(await federated.signIn(world.client(), 'google', { return_to }))).toBe('/account')
    }
  })
})
