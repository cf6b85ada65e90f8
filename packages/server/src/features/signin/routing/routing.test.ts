/** Routing by domain: where an identifier leads, that it tells nothing about accounts, and the sign-in pages it changes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type World } from '../../../testing/world.ts'
import { type Company, company, requireSso } from './testing.ts'

const JSON_WANTED = { headers: { accept: 'application/json' } }
const DISCOVER = '/api/v1/auth/external/discover'

let federated: Federated
let world: World
let acme: Company

const discover = async (identifier: string) => (await world.client().post(DISCOVER, { identifier })).data

/** Sends the first form of the sign-in page. */
const identify = (client: Client, fields: Record<string, string>, at = '/sign-in'): Promise<Reply> =>
  federated.submit(client, at, fields)

const formOf = (page: string): string => /<form[^>]*action="([^"]*)"/.exec(page)?.[1] ?? ''

beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  acme = await company(federated, { domain: 'acme.example' })
  await company(federated, { domain: 'unproven.example', isProven: false })
  await company(federated, { domain: 'draft.example', status: 'draft' })
  await company(federated, { domain: 'disabled.example', status: 'disabled' })
})
afterAll(() => federated?.stop())

it('changes nothing of the sign-in page before an organization has both a proven domain and an active connection', async () => {
  const other = await startFederated()
  const page = async () => formOf((await other.world.client().get('/sign-in', HTML)).text)
  try {
    expect(await page()).toBe('/sign-in')
    await company(other, { domain: 'unproven.example', isProven: false })
    await company(other, { domain: 'draft.example', status: 'draft' })
    await company(other, { domain: 'disabled.example', status: 'disabled' })
    expect(await page()).toBe('/sign-in')
    await company(other, { domain: 'acme.example' })
    expect(await page()).toBe('/sign-in/identifier')
  } finally {
    await other.stop()
  }
})

describe('the domain of an identifier', () => {
  it('leads to the connection of the organization that has proven it', async () => {
    const identifier = 'ada@acme.example'
    const reply = await world.client().post(DISCOVER, { identifier })
    expect(reply.status).toBe(200)
    expect(reply.data).toEqual({
      provider: acme.connection,
      name: expect.stringMatching(/^Company \d+ ID$/),
      organization: { id: acme.id, name: expect.stringMatching(/^Company \d+$/) },
      required: false,
      authorize_url: `${world.config.publicUrl}/api/v1/auth/external/${acme.connection}/authorize?login_hint=ada%40acme.example`,
    })
    const begun = await world.client().get(reply.data.authorize_url.replace(world.config.publicUrl, ''), HTML)
    expect(new URL(goal(begun) ?? '').searchParams.get('login_hint')).toBe(identifier)
  })

  it.each([
    'Ada@ACME.example',
    ' ada@acme.example ',
    'ada＠acme.example',
    'ada@acme.example.',
    'a"b@x"@acme.example',
  ])('in any spelling: %s', async (identifier) => {
    expect(await discover(identifier)).toMatchObject({ provider: acme.connection })
  })

  it.each([
    'ada',
    'acme.example',
    '@acme.example',
    'ada@sub.acme.example',
    'ada@example',
    'ada@acme.example@other.example',
    'ada@unproven.example',
    'ada@draft.example',
    'ada@disabled.example',
    'ada@never-heard-of.example',
  ])('leads nowhere: %s', async (identifier) => {
    expect(await discover(identifier)).toBeNull()
  })

  it('is required where the policy of the organization says so', async () => {
    const { id } = await company(federated, { domain: 'strict.example' })
    expect(await discover('a@strict.example')).toMatchObject({ required: false })
    await requireSso(world, id)
    expect(await discover('a@strict.example')).toMatchObject({ required: true })
  })

  it('leads to the connection that is chosen for it, and nowhere while that is not active', async () => {
    const { id } = await company(federated, { domain: 'two.example' })
    const { id: second } = await federated.connect('oidc', { organizationId: id, name: 'Second' })
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('organization_domains')
        .set({ connection_id: second })
        .where('domain', '=', 'two.example')
        .execute(),
    )
    expect(await discover('a@two.example')).toMatchObject({ provider: second, name: 'Second' })
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', second).execute(),
    )
    expect(await discover('a@two.example')).toBeNull()
  })

  it('leads nowhere once the organization is deleted', async () => {
    const { id, slug } = await company(federated, { domain: 'deleted.example' })
    expect(await discover('a@deleted.example')).not.toBeNull()
    const now = world.clock.now()
    await world.db.tx('system', (tx) =>
      tx.updateTable('organizations').set({ deleted_at: now, purge_at: now }).where('id', '=', id).execute(),
    )
    expect(await discover('a@deleted.example')).toBeNull()
    const page = await world.client().get(`/sign-in/o/${slug}`, HTML)
    const unknown = await world.client().get('/sign-in/o/nothing-here', HTML)
    const bare = ({ text }: Reply) => text.replaceAll(/[\w-]{22}\.[\w-]{43}/g, '')
    expect(bare(page)).toBe(bare(unknown))
  })

  it('is the same for an account that exists, in JSON and on the pages', async () => {
    const known = 'known@acme.example'
    await world.person({ email: known, signIn: false })
    const unknown = 'nobod@acme.example'
    const bare = (reply: Reply, typed: string) => ({
      status: reply.status,
      goal: goal(reply)?.replaceAll(encodeURIComponent(typed), '<typed>'),
      text: reply.text
        .replaceAll(typed, '<typed>')
        .replaceAll(encodeURIComponent(typed), '<typed>')
        .replaceAll(/[\w-]{22}\.[\w-]{43}/g, '')
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|req_\w+/g, ''),
    })
    const answers = await Promise.all(
      [known, unknown].map(async (identifier) => {
        const form = await identify(world.client(), { identifier })
        return [
          bare(await world.client().post(DISCOVER, { identifier }), identifier),
          bare(form, identifier),
          bare(await world.client().get(goal(form) ?? '', HTML), identifier),
        ]
      }),
    )
    expect(answers[0]).toEqual(answers[1])
  })
})

/** The address of a link of the page. */
const linkOf = (page: string, text: string): string =>
  new RegExp(`<a href="([^"]*)"[^>]*>(?:(?!</a>).)*?${text}`).exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''

describe('the sign-in page of a server with a routed domain', () => {
  it('leads from the identifier to the provider of the organization, and back signed in', async () => {
    const client = world.client()
    const email = 'first@acme.example'
    federated.fakes.provider('oidc').user = { sub: 'acme-1', email, email_verified: true, name: 'First' }
    const at = '/sign-in?return_to=%2Faccount%2Fsessions'
    const next = goal(await identify(client, { identifier: email, remember_me: 'true' }, at)) ?? ''
    const query = { email, remember_me: 'true', return_to: '/account/sessions' }
    expect(next).toBe(`/sign-in/organization?${new URLSearchParams(query)}`)
    const { text } = await client.get(next, HTML)
    expect(text).toContain(`Sign in with ${acme.name}`)
    expect(text).not.toContain('data-follow')
    const begins = new URL(linkOf(text, 'Continue with'), world.config.publicUrl)
    expect(Object.fromEntries(begins.searchParams)).toEqual({
      login_hint: email,
      remember_me: 'true',
      return_to: '/account/sessions',
    })
    const back = await federated.begin(client, acme.connection, Object.fromEntries(begins.searchParams))
    const reply = await federated.answer(client, back)
    expect(goal(reply)).toBe('/account/sessions')
    expect(reply.headers.get('set-cookie')).toMatch(/session=[^;]+;.*Max-Age=/)
    expect(await federated.me(client)).toMatchObject({ email })
  })

  it('is followed by the script where the organization requires it, and the password stays within reach', async () => {
    const { id } = await company(federated, { domain: 'follows.example' })
    await requireSso(world, id)
    const { text } = await world.client().get('/sign-in/organization?email=a%40follows.example', HTML)
    expect(text).toMatch(/<a href="[^"]*authorize[^"]*" class="button primary" data-follow/)
    expect(linkOf(text, 'Use your password instead')).toBe('/sign-in?with=password&email=a%40follows.example')
  })

  it('continues with the password for every other identifier, which is kept', async () => {
    const person = await world.person({ signIn: false })
    const client = world.client()
    const at = '/sign-in?return_to=%2Faccount%2Fsessions'
    const next = goal(await identify(client, { identifier: person.email, remember_me: 'true' }, at)) ?? ''
    const page = (await client.get(next, HTML)).text
    expect(formOf(page)).toBe('/sign-in')
    expect(page).toMatch(/<input[^>]*name="identifier"[^>]*readonly/)
    expect(page).toMatch(/<input[^>]*name="remember_me"[^>]*checked/)
    expect(linkOf(page, 'Use another account')).toBe(
      `/sign-in?email=${encodeURIComponent(person.email)}&return_to=%2Faccount%2Fsessions`,
    )
    const typed = { identifier: person.email }
    const wrong = await federated.submit(client, next, { ...typed, password: 'another one of five words' })
    expect(wrong.status).toBe(401)
    expect(wrong.text).toMatch(/<input[^>]*name="identifier"[^>]*readonly/)
    const reply = await federated.submit(client, next, { ...typed, password: PASSWORD })
    expect([reply.status, goal(reply)]).toEqual([303, '/account/sessions'])
  })

  it('shows every identifier that leads nowhere the same', async () => {
    const { email } = await world.person({ signIn: false })
    const pages = await Promise.all(
      [email, 'unknown@example.com', 'a-username', 'anyone@unproven.example'].map(async (identifier) => {
        const client = world.client()
        const { text } = await client.get(goal(await identify(client, { identifier })) ?? '', HTML)
        return text
          .replaceAll(identifier, '')
          .replaceAll(encodeURIComponent(identifier), '')
          .replaceAll(/[\w-]{22}\.[\w-]{43}/g, '')
      }),
    )
    expect(new Set(pages).size).toBe(1)
  })

  it('offers the password at once to those who look for it', async () => {
    const page = (await world.client().get('/sign-in?return_to=/account/sessions', HTML)).text
    const direct = linkOf(page, 'Sign in with your password')
    expect(direct).toBe('/sign-in?with=password&return_to=%2Faccount%2Fsessions')
    const classic = (await world.client().get(direct, HTML)).text
    expect(formOf(classic)).toBe('/sign-in')
    expect(classic).not.toContain('readonly')
  })

  it.each([
    ['/sign-in?notice=password_reset', 'Password changed.'],
    ['/sign-in?expired=1', 'Your session has expired.'],
    ['/sign-in?email=ada%40acme.example', 'value="ada@acme.example"'],
  ])('says what it always says: %s', async (path, text) => {
    const page = (await world.client().get(path, HTML)).text
    expect(formOf(page)).toBe('/sign-in/identifier')
    expect(page).toContain(text)
  })

  it('shows what is wrong with the identifier, and with a passkey', async () => {
    const client = world.client()
    const empty = await identify(client, { identifier: '' })
    expect(empty.status).toBe(400)
    expect(formOf(empty.text)).toBe('/sign-in/identifier')
    expect(empty.text).toContain('form-errors')
    const long = await identify(client, { identifier: 'a'.repeat(321) })
    expect(long.status).toBe(400)
  })

  it('ignores a return address of another origin', async () => {
    const client = world.client()
    const at = '/sign-in?return_to=https%3A%2F%2Fevil.example%2F'
    const identifier = 'ada@acme.example'
    expect(goal(await identify(client, { identifier }, at))).toBe(
      '/sign-in/organization?email=ada%40acme.example',
    )
    const page = await client.get(
      '/sign-in/organization?email=ada%40acme.example&return_to=//evil.example',
      HTML,
    )
    expect(page.text).not.toContain('evil')
  })

  it('sends on who is signed in', async () => {
    const { client } = await world.person()
    for (const path of ['/sign-in/organization?email=a%40acme.example', `/sign-in/o/${acme.slug}`]) {
      const reply = await client.get(
        `${path}${path.includes('?') ? '&' : '?'}return_to=/account/sessions`,
        HTML,
      )
      expect([reply.status, goal(reply)]).toEqual([303, '/account/sessions'])
    }
  })

  it('confirms a known account with its password', async () => {
    const { client } = await world.person()
    const page = (await client.get('/sign-in?notice=step_up', HTML)).text
    expect(page).toContain('name="password"')
  })

  it('leads on to the password once the domain leads nowhere any more', async () => {
    const reply = await world.client().get('/sign-in/organization?email=a%40draft.example', HTML)
    expect(goal(reply)).toBe('/sign-in?with=password&email=a%40draft.example')
  })
})

describe('the sign-in page of an organization', () => {
  const open = async (slug: string) =>
    (await world.client().get(`/sign-in/o/${slug}?return_to=/account/sessions`, HTML)).text

  it('has its name, its connections and the ordinary ways', async () => {
    const page = await open(acme.slug)
    expect(page).toContain(`Sign in to ${acme.name}`)
    expect(linkOf(page, `Continue with ${acme.name} ID`)).toBe(
      `/api/v1/auth/external/${acme.connection}/authorize?return_to=%2Faccount%2Fsessions`,
    )
    expect(formOf(page)).toBe('/sign-in/identifier')
  })

  it('tells connections with one name apart, and has one first button and one divider', async () => {
    const { id, slug, name } = await company(federated, { domain: 'alike.example' })
    for (const provider of ['okta', 'oidc'] as const) {
      const { id: connection } = await federated.connect(provider, { organizationId: id, name: `${name} ID` })
      await federated.prove(id, `${provider}.alike.example`)
      await world.db.tx('system', (tx) =>
        tx
          .updateTable('organization_domains')
          .set({ connection_id: connection })
          .where('domain', '=', `${provider}.alike.example`)
          .execute(),
      )
    }
    const page = await open(slug)
    const buttons = [...page.matchAll(/<a [^>]*class="button (\w+)"[^>]*>(?:<svg.*?<\/svg>)?([^<]*)</gs)]
    expect(buttons.map(([, kind, text]) => [kind, text])).toEqual([
      ['primary', `Continue with ${name} ID (OpenID Connect 1)`],
      ['secondary', `Continue with ${name} ID (Okta)`],
      ['secondary', `Continue with ${name} ID (OpenID Connect 2)`],
    ])
    expect(page.match(/class="button primary"/g)).toHaveLength(1)
    expect(page.match(/class="or"/g)).toHaveLength(1)
    expect(page).not.toContain('autofocus')
  })

  it('has its connections alone where they are required, and the password within reach', async () => {
    const { id, slug } = await company(federated, { domain: 'alone.example' })
    await requireSso(world, id)
    const page = await open(slug)
    expect(page).not.toContain('<form')
    expect(linkOf(page, 'Sign in with your password')).toBe(
      '/sign-in?with=password&return_to=%2Faccount%2Fsessions',
    )
  })

  it('requires nothing while a requirement cannot be enforced', async () => {
    const { id, slug } = await company(federated, { domain: 'not-yet.example', isProven: false })
    await requireSso(world, id)
    expect(await open(slug)).toContain('<form')
  })

  it('shows no connection of a neighbour, and none that is not active', async () => {
    const { slug, connection } = await company(federated, { domain: 'quiet.example', status: 'disabled' })
    const page = await open(slug)
    expect(page).not.toContain(connection)
    expect(page).not.toContain(acme.connection)
  })

  it('shows no draft, and no active connection to which no verified domain leads', async () => {
    const listed = async (id: string) =>
      (await world.client().get(`/api/v1/auth/external/providers?organization=${id}`)).data.map(
        ({ provider }: { provider: string }) => provider,
      )
    const draft = await company(federated, { domain: 'drafted.example', status: 'draft' })
    const pending = await company(federated, { domain: 'waits.example', isProven: false })
    for (const { id, slug, name, connection } of [draft, pending]) {
      const page = await open(slug)
      expect(page).toContain(`Sign in to ${name}`)
      expect(page).not.toContain(connection)
      expect(page).not.toContain(`${name} ID`)
      expect(await listed(id)).toEqual([])
    }
    // the first active one has the domain, and a second one once the domain leads to it
    await federated.prove(pending.id, 'waits.example')
    const second = await federated.connect('okta', { organizationId: pending.id, name: 'Second ID' })
    expect(await listed(pending.id)).toEqual([pending.connection])
    expect(await open(pending.slug)).not.toContain('Second ID')
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('organization_domains')
        .set({ connection_id: second.id })
        .where('organization_id', '=', pending.id)
        .execute(),
    )
    expect(await listed(pending.id)).toEqual([second.id])
    expect(await open(pending.slug)).toContain('Second ID')
  })

  it.each(['nothing-here', 'org_1', '..%2Fx', '%00'])(
    'is the ordinary one where there is none: %s',
    async (slug) => {
      const reply = await world.client().get(`/sign-in/o/${slug}`, HTML)
      if (reply.status === 200) expect(formOf(reply.text)).toBe('/sign-in/identifier')
      else expect([400, 404]).toContain(reply.status)
    },
  )
})

describe('the address that begins, of an organization', () => {
  it('takes the id of the organization, with a connection by its name or kind', async () => {
    for (const provider of ['oidc', acme.connection]) {
      const path = `/api/v1/auth/external/${provider}/authorize?organization=${acme.id}`
      const reply = await world.client().get(path, HTML)
      expect([reply.status, goal(reply)]).toEqual([302, expect.stringContaining('response_type=code')])
    }
  })

  it('finds no connection of another organization, and none by a short name', async () => {
    const { id } = await company(federated, { domain: 'neighbour.example', status: 'draft' })
    for (const path of [
      `${acme.connection}/authorize?organization=${id}`,
      `oidc/authorize?organization=${acme.slug}`,
    ]) {
      const reply = await world.client().get(`/api/v1/auth/external/${path}`, JSON_WANTED)
      expect(reply.status).toBe(404)
    }
  })
})
