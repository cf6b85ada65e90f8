/** Shared by the tests of set-up links: an organization, its links, and browsers that follow them page by page. */
import type { Config } from '../../../config.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { type DnsServer, startDnsServer } from '../../../testing/dns-server.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

export interface SetupWorld {
  federated: Federated
  world: World
  dns: DnsServer
  /** A person with an organization. */
  owner(name?: string): Promise<Person & { organization: string }>
  /** A new link of the owner. @returns its path, and the answer */
  link(
    of: Person & { organization: string },
    fields?: object,
  ): Promise<{ at: string; id: string; data: Reply['data'] }>
  /** Sends a form of a set-up page, with the token of the page. */
  send(
    client: Client,
    at: string,
    part: string,
    fields?: Record<string, string>,
    page?: string,
    language?: string,
  ): Promise<Reply>
  stop(): Promise<void>
}

export const LINKS = (organization: string) => `/api/v1/organizations/${organization}/connections/setup-links`

export async function startSetupWorld(overrides: Partial<Config> = {}): Promise<SetupWorld> {
  const dns = await startDnsServer()
  const federated = await startFederated({ ...overrides, dnsServers: [dns.address] })
  const { world } = federated
  return {
    federated,
    world,
    dns,
    async owner(name = 'Engines') {
      const [person] = await world.people(1)
      if (!person) throw new Error('no user was created')
      const { data } = await person.client.post('/api/v1/organizations', { name })
      return { ...person, organization: data.id }
    },
    async link({ client, organization }, fields = {}) {
      const { status, data, text } = await client.post(LINKS(organization), fields)
      if (status !== 201) throw new Error(text)
      return { at: new URL(data.url).pathname, id: data.id, data }
    },
    async send(client, at, part, fields = {}, page = part, language = 'en') {
      const { text } = await client.get(`${at}${page}`, HTML)
      // a page of a link that cannot be used has no form; its head has the token all the same
      const [, csrf_token = ''] = /name="csrf-token" content="([^"]+)"/.exec(text) ?? []
      client.csrfToken = null
      const headers = { ...HTML.headers, 'accept-language': language }
      return await client.post(`${at}${part}`, { csrf_token, ...fields }, { form: true, headers })
    },
    async stop() {
      await federated.stop()
      await dns.stop()
    },
  }
}

/** Tests the connection at the provider, which answers as scripted. @returns where the browser goes afterwards */
export async function testByLink({ federated }: SetupWorld, client: Client, at: string): Promise<string> {
  const begun = goal(await client.get(`${at}/test/begin`, HTML)) ?? ''
  if (begun.startsWith('/')) return begun
  return goal(await federated.answer(client, await federated.fakes.authorize(begun))) ?? ''
}
