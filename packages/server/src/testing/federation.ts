/** A server with connections to the scripted identity providers, and browsers that sign in by them. */
import { newId } from '../base/ids.ts'
import type { Config } from '../config.ts'
import type { ConnectionSettings } from '../core/providers/index.ts'
import { type Identity, listIdentities } from '../features/identity/identities/index.ts'
import type { Client, Json, Reply } from './client.ts'
import { connect, ownDomain } from './connection-rows.ts'
import { type Callback, type FakeProviders, startFakeProviders } from './fake-provider.ts'
import type { FakeId } from './fake-provider-answers.ts'
import { formIn } from './step-up.ts'
import { startWorld, type World } from './world.ts'

export interface ConnectionOptions {
  /** Default: the provider; of an organization's connection its id. */
  slug?: string
  name?: string
  organizationId?: string
  settings?: ConnectionSettings
  status?: 'draft' | 'active' | 'disabled'
  /** Default: `api`, as an owner has made it. */
  origin?: 'api' | 'setup_link'
  madeBy?: string
}

export interface Federated {
  world: World
  fakes: FakeProviders
  /** Writes an active connection. @returns its id, and its name in paths */
  connect(id: FakeId, options?: ConnectionOptions): Promise<{ id: string; slug: string }>
  /** A domain that the organization has proven. @param addedBy who answers for the roles of its users */
  prove(organizationId: string, domain: string, addedBy?: string): Promise<void>
  /** Sends a browser to the provider, and signs in there. @returns what it brings back, not yet sent */
  begin(client: Client, slug: string, query?: Readonly<Record<string, string>>): Promise<Callback>
  /** Sends what a browser has brought back, and follows the redirect of an answer that was posted. */
  answer(client: Client, callback: Callback): Promise<Reply>
  /** Another person at Google, whose address Google vouches for; `more`: what differs. Its script is empty. */
  atGoogle(more?: Record<string, unknown>): { sub: string; email: string; name: string }
  /** The account of a browser, which then has a CSRF token for JSON. */
  me(client: Client): Promise<Json>
  /** Sends the form of a page. */
  submit(client: Client, path: string, fields?: Readonly<Record<string, string>>): Promise<Reply>
  /** Enters the address of a new account on the page that asks for it. @returns the page after it */
  enter(client: Client, question: string, email: string): Promise<Reply>
  identitiesOf(userId: string): Promise<Identity[]>
  /** All of it. @returns the answer at the callback */
  signIn(client: Client, slug: string, query?: Readonly<Record<string, string>>): Promise<Reply>
  stop(): Promise<void>
}

export const HTML = { headers: { accept: 'text/html' } }

/** The parameters of the link of a hosted page that continues at a provider. @throws Error where the page has none */
export function continuingLink(page: string, slug: string): Record<string, string> {
  const [, query] = new RegExp(`/external/${slug}/authorize\\?([^"]+)`).exec(page) ?? []
  if (query === undefined) throw new Error(`no link to ${slug} on the page`)
  return Object.fromEntries(new URLSearchParams(query.replaceAll('&amp;', '&')))
}

/** Where an answer leads. */
export const goal = (reply: Reply): string | null => reply.headers.get('location')

export async function startFederated(overrides: Partial<Config> = {}): Promise<Federated> {
  const clock: { now(): Date } = { now: () => world.clock.now() }
  const fakes = await startFakeProviders(clock)
  const connectionHosts = [fakes.host, ...(overrides.connectionHosts ?? [])]
  const world: World = await startWorld(
    { rateLimits: 'off', ...overrides, connectionHosts },
    {},
    fakes.network,
  )

  const begin: Federated['begin'] = async (client, slug, query = {}) => {
    const path = `/api/v1/auth/external/${slug}/authorize?${new URLSearchParams(query)}`
    const reply = await client.get(path, HTML)
    const url = goal(reply)
    if (reply.status !== 302 || url === null) throw new Error(`${path}: ${reply.status} ${reply.text}`)
    return await fakes.authorize(url)
  }
  const answer: Federated['answer'] = async (client, { method, url, parameters }) => {
    const path = new URL(url).pathname
    if (method === 'GET') return await client.get(`${path}?${new URLSearchParams(parameters)}`, HTML)
    // from another site, so without the cookies of this one
    const posted = await world.client().post(path, parameters, {
      form: true,
      headers: {
        ...HTML.headers,
        origin: fakes.local('https://appleid.apple.com/'),
        'sec-fetch-site': 'cross-site',
      },
    })
    const back = goal(posted)
    if (posted.status !== 303 || back === null) throw new Error(`${path}: ${posted.status} ${posted.text}`)
    return await client.get(back, HTML)
  }
  const submit: Federated['submit'] = async (client, path, fields = {}) => {
    const form = formIn((await client.get(path, HTML)).text)
    return await client.post(form.action, { ...form.fields, ...fields }, { form: true, ...HTML })
  }
  let people = 0
  return {
    world,
    fakes,
    begin,
    answer,
    atGoogle(more = {}) {
      const n = ++people
      const user = {
        sub: `google-${n}`,
        email: `person${n}@gmail.com`,
        email_verified: true,
        name: `Person ${n}`,
        ...more,
      }
      const google = fakes.provider('google')
      google.user = user
      google.script = {}
      return user
    },
    async me(client) {
      client.csrfToken = (await client.get('/csrf')).data.csrf_token
      return (await client.get('/api/v1/auth/me')).data?.user
    },
    submit,
    async enter(client, question, email) {
      const sent = await submit(client, question, { email })
      return sent.status === 303 ? await client.get(goal(sent) ?? '', HTML) : sent
    },
    identitiesOf: (userId) => listIdentities(world.db.hot, userId),
    async connect(provider, { organizationId, settings = {}, madeBy, ...options } = {}) {
      const fake = fakes.provider(provider)
      const id = newId('con')
      const slug = options.slug ?? (organizationId === undefined ? provider : id)
      await connect(world, organizationId ?? null, {
        id,
        slug,
        provider,
        name: options.name ?? provider,
        status: options.status ?? 'active',
        client_id: fake.clientId,
        client_secret: world.app.tools.keyring.encrypt('connections', fake.secret),
        settings: JSON.stringify({ ...fake.settings, ...settings }),
        origin: options.origin ?? 'api',
        made_by: madeBy ?? null,
      })
      return { id, slug }
    },
    async prove(organizationId, domain, addedBy) {
      await ownDomain(world, organizationId, domain, { addedBy: addedBy ?? null })
    },
    async signIn(client, slug, query) {
      return await answer(client, await begin(client, slug, query))
    },
    async stop() {
      await world.stop()
      await fakes.close()
    },
  }
}
