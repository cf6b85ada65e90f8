/**
 * Roles of sign-ins by the domain of their address, from the browser’s side. Google answers for everyone who has an account
 * there, so that the domain decides who signs in: the roles stay within what the user may grant who added it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DnsServer, startDnsServer } from '../../../testing/dns-server.ts'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'
import { add, pathOf, prove } from '../../organizations/domains/testing.ts'
import { startCompany } from '../../organizations/policy/testing.ts'

const API = '/api/v1/organizations'

let dns: DnsServer
let federated: Federated
let world: World
beforeAll(async () => {
  dns = await startDnsServer()
  federated = await startFederated({ dnsServers: [dns.address] })
  world = federated.world
})
afterAll(async () => {
  await federated?.stop()
  await dns?.stop()
})

let count = 0
const fresh = (): string => `added${++count}.example`

/** A company whose owner has connected Google with the role `admin`, and whose member may change connections and no more. */
async function company() {
  const of = await startCompany(world)
  const { id, owner, member } = of
  const role = { name: 'it', permissions: ['connections:write'] }
  expect((await owner.client.post(`${API}/${id}/roles`, role)).status).toBe(201)
  await setRole(of, member, 'it')
  const { slug } = await federated.connect('google', {
    organizationId: id,
    madeBy: owner.id,
    settings: { default_role: 'admin' },
  })
  return { ...of, slug }
}

async function setRole({ id, owner }: { id: string; owner: Person }, { id: user }: Person, role: string) {
  const { status, text } = await owner.client.patch(`${API}/${id}/members/${user}/role`, { role })
  expect(status, text).toBe(200)
}

/** A user of the domain signs in for the first time. @returns their role, and what the event says of it */
async function firstSignIn({ id, slug }: { id: string; slug: string }, domain: string) {
  federated.atGoogle({ email: `p${++count}@${domain}`, hd: domain })
  const client = world.client()
  expect(goal(await federated.signIn(client, slug))).toBe('/account')
  const me = await federated.me(client)
  return await world.db.tx('system', async (tx) => {
    const { role } = await tx
      .selectFrom('memberships')
      .select('role')
      .where('organization_id', '=', id)
      .where('user_id', '=', me.id)
      .executeTakeFirstOrThrow()
    const { details } = await tx
      .selectFrom('audit_events')
      .select('details')
      .where('user_id', '=', me.id)
      .where('event_type', '=', 'organization.member.joined')
      .executeTakeFirstOrThrow()
    const { withheld = null, domain_id = null } = details as Record<string, string>
    return { role, withheld, domain_id }
  })
}

const GIVEN = { role: 'admin', withheld: null, domain_id: null }

describe('by a domain that was added by a member who could not grant the role', () => {
  it('give the least one, where the member verifies it and where the recurring check does', async () => {
    const of = await company()
    const [first, second] = [fresh(), fresh()]
    const verified = await prove(dns, of.member, of.id, first)
    const { id, name, value } = await add(of.member, of.id, second)
    dns.set(name, [value])
    await world.clock.advance('65 minutes')
    const limited = { role: 'member', withheld: 'admin' }
    expect(await firstSignIn(of, first)).toEqual({ ...limited, domain_id: verified.id })
    expect(await firstSignIn(of, second)).toEqual({ ...limited, domain_id: id })
  })

  it('give it where an owner has added the domain and the member verifies it', async () => {
    const of = await company()
    const domain = fresh()
    const { path, name, value } = await add(of.owner, of.id, domain)
    dns.set(name, [value])
    expect((await of.member.client.post(`${path}/verify`)).data.status).toBe('verified')
    expect(await firstSignIn(of, domain)).toEqual(GIVEN)
  })

  it('give it once an owner adds the domain too, and not for the member who does so again', async () => {
    const of = await company()
    const domain = fresh()
    const { id, path } = await prove(dns, of.member, of.id, domain)
    const again = await of.owner.client.post(pathOf(of.id), { domain })
    expect([again.status, again.data.id, again.data.added_by]).toEqual([200, id, of.owner.id])
    expect(await firstSignIn(of, domain)).toEqual(GIVEN)
    expect((await of.member.client.post(pathOf(of.id), { domain })).data.added_by).toBe(of.owner.id)
    expect((await of.owner.client.get(path)).data.status).toBe('verified')
    expect(await firstSignIn(of, domain)).toEqual(GIVEN)
  })
})

describe('by a domain whose adder', () => {
  it('has lost the role, or left, give the least one until another member adds it', async () => {
    const of = await company()
    const domain = fresh()
    const { id } = await prove(dns, of.owner, of.id, domain)
    const [second] = (await world.people([{}])) as [Person]
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    const members = `${API}/${of.id}/members`
    expect((await root.client.post(members, { user_id: second.id, role: 'owner' })).status).toBe(201)
    // the maker of the connection is another one than who added the domain
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ made_by: second.id }).where('id', '=', of.slug).execute(),
    )
    const limited = { role: 'member', withheld: 'admin', domain_id: id }
    const setBySecond = (role: string) => setRole({ id: of.id, owner: second }, of.owner, role)
    await setBySecond('member')
    expect(await firstSignIn(of, domain)).toEqual(limited)
    await setBySecond('admin')
    expect(await firstSignIn(of, domain)).toEqual(GIVEN)
    expect((await second.client.delete(`${members}/${of.owner.id}`)).status).toBe(200)
    expect(await firstSignIn(of, domain)).toEqual(limited)
    const again = await second.client.post(pathOf(of.id), { domain })
    expect(again.data.added_by).toBe(second.id)
    expect(await firstSignIn(of, domain)).toEqual(GIVEN)
  })

  it('is the same as before, for the owner of a neighbour who adds it there', async () => {
    const [of, neighbour] = [await company(), await company()]
    const domain = fresh()
    const { path } = await prove(dns, of.member, of.id, domain)
    await add(neighbour.owner, neighbour.id, domain)
    expect((await neighbour.owner.client.post(pathOf(of.id), { domain })).status).toBe(404)
    expect((await of.owner.client.get(path)).data.added_by).toBe(of.member.id)
    expect(await firstSignIn(of, domain)).toMatchObject({ role: 'member', withheld: 'admin' })
  })
})
