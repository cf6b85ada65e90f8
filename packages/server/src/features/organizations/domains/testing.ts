/** Shared by the tests of organizations' domains: an organization with its people, and a name server. */
import { type DnsServer, startDnsServer } from '../../../testing/dns-server.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

export interface DomainWorld {
  world: World
  dns: DnsServer
  stop(): Promise<void>
}

/** A server that verifies domains by its own name server. */
export async function startDomainWorld(): Promise<DomainWorld> {
  const dns = await startDnsServer()
  const world = await startWorld({ dnsServers: [dns.address] })
  return {
    world,
    dns,
    async stop() {
      await world.stop()
      await dns.stop()
    },
  }
}

export const pathOf = (organizationId: string, part = ''): string =>
  `/api/v1/organizations/${organizationId}/domains${part}`

export interface AddedDomain {
  id: string
  /** The path of the domain in the API. */
  path: string
  name: string
  value: string
}

/** Adds a domain as the person. */
export async function add({ client }: Person, organizationId: string, domain: string): Promise<AddedDomain> {
  const { status, data, text } = await client.post(pathOf(organizationId), { domain })
  if (status !== 201) throw new Error(`not added: ${text}`)
  return { id: data.id, path: pathOf(organizationId, `/${data.id}`), ...data.dns }
}

/** Adds a domain, publishes its record, and verifies it. */
export async function prove(
  dns: DnsServer,
  person: Person,
  organizationId: string,
  domain: string,
): Promise<AddedDomain> {
  const added = await add(person, organizationId, domain)
  dns.set(added.name, [added.value])
  const { data } = await person.client.post(`${added.path}/verify`)
  if (data?.status !== 'verified') throw new Error(`not verified: ${JSON.stringify(data)}`)
  return added
}

/** A connection of an organization, as its row. @returns its id */
export async function connect(
  { db, clock }: World,
  organizationId: string,
  id: string,
  status: 'draft' | 'active' | 'disabled' = 'active',
): Promise<string> {
  await db.tx('system', (tx) =>
    tx
      .insertInto('connections')
      .values({
        id,
        organization_id: organizationId,
        slug: id,
        provider: 'oidc',
        name: id,
        status,
        client_id: null,
        client_secret: null,
        settings: '{}',
        origin: 'api',
        made_by: null,
        tested_at: null,
        created_at: clock.now(),
        updated_at: clock.now(),
      })
      .execute(),
  )
  return id
}
