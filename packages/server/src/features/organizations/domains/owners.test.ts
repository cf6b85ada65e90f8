/** Who owns a domain: one organization at a time, however many prove it at once, and what other modules read of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DnsServer } from '../../../testing/dns-server.ts'
import type { Person, World } from '../../../testing/world.ts'
import { findDomainOwner, findSpokenDomain, listSpokenDomains } from './index.ts'
import { add, connect, type DomainWorld, pathOf, prove, startDomainWorld } from './testing.ts'

let started: DomainWorld
let world: World
let dns: DnsServer
let count = 0
const fresh = (): string => `o${++count}.example.com`

beforeAll(async () => {
  started = await startDomainWorld()
  ;({ world, dns } = started)
})
afterAll(() => started.stop())

const found = async (): Promise<{ owner: Person; id: string }> => {
  const [owner] = (await world.people(1)) as [Person]
  return { owner, id: await world.organization({ members: [[owner, 'owner']] }) }
}
const ownerOf = (domain: string) => world.db.tx('system', (tx) => findDomainOwner(tx, domain))
const verify = async ({ client }: Person, path: string) => {
  const { data } = await client.post(`${path}/verify`)
  return [data.status, data.check.outcome]
}
const deletes = async ({ owner, id }: { owner: Person; id: string }) =>
  expect((await owner.client.delete(`/api/v1/organizations/${id}`)).status).toBe(200)
const restores = async ({ owner, id }: { owner: Person; id: string }) =>
  expect((await owner.client.post(`/api/v1/organizations/${id}/restore`)).status).toBe(200)

describe('of two organizations that prove a domain', () => {
  it('the first one owns it, and the second one reads why it does not', async () => {
    const domain = fresh()
    const [a, b] = [await found(), await found()]
    const [first, second] = [await add(a.owner, a.id, domain), await add(b.owner, b.id, domain)]
    expect(first.value).not.toBe(second.value)
    dns.set(first.name, [first.value, second.value])
    expect(await verify(b.owner, second.path)).toEqual(['verified', 'verified'])
    expect(await verify(a.owner, first.path)).toEqual(['pending', 'taken'])
    expect(await verify(b.owner, second.path)).toEqual(['verified', 'verified'])
    expect(await ownerOf(domain)).toEqual({ organizationId: b.id, connectionId: null })
    // without the proof, nothing is said about another organization
    dns.set(first.name, [second.value])
    expect(await verify(a.owner, first.path)).toEqual(['pending', 'other_values'])
    dns.set(first.name, [first.value, second.value])
    await b.owner.client.delete(second.path)
    expect(await ownerOf(domain)).toBeNull()
    expect(await verify(a.owner, first.path)).toEqual(['verified', 'verified'])
  })

  it('exactly one owns it, where twenty verify it at once', async () => {
    const domain = fresh()
    const all = await Promise.all(Array.from({ length: 20 }, found))
    const added = await Promise.all(all.map(({ owner, id }) => add(owner, id, domain)))
    dns.set(
      `_latchkey-challenge.${domain}`,
      added.map(({ value }) => value),
    )
    const outcomes = await Promise.all(all.map(({ owner }, n) => verify(owner, added[n]?.path ?? '')))
    expect(outcomes.filter(([status]) => status === 'verified')).toHaveLength(1)
    expect(outcomes.filter(([, outcome]) => outcome === 'taken')).toHaveLength(19)
    const winner = all[outcomes.findIndex(([status]) => status === 'verified')]
    expect(await ownerOf(domain)).toEqual({ organizationId: winner?.id, connectionId: null })
    const events = await world.events(winner?.owner.id)
    expect(events.filter((type) => type === 'organization.domain.verified')).toHaveLength(1)
  })

  it('one can be verified by many requests and removed at once: it ends verified or gone', async () => {
    const domain = fresh()
    const { owner, id } = await found()
    const { path, name, value } = await add(owner, id, domain)
    dns.set(name, [value])
    const replies = await Promise.all([
      ...Array.from({ length: 10 }, () => owner.client.post(`${path}/verify`)),
      owner.client.delete(path),
      ...Array.from({ length: 10 }, () => owner.client.post(`${path}/verify`)),
    ])
    expect(replies.every(({ status }) => status === 200 || status === 404)).toBe(true)
    expect((await owner.client.get(path)).status).toBe(404)
    expect(await ownerOf(domain)).toBeNull()
  })
})

describe('a deleted organization', () => {
  it('has its domains again when it is restored', async () => {
    const domain = fresh()
    const one = await found()
    await prove(dns, one.owner, one.id, domain)
    await deletes(one)
    expect(await ownerOf(domain)).toBeNull()
    await restores(one)
    expect(await ownerOf(domain)).toMatchObject({ organizationId: one.id })
  })

  it('loses a domain to the organization that proves it meanwhile, and reads so', async () => {
    const domain = fresh()
    const [a, b] = [await found(), await found()]
    const first = await prove(dns, a.owner, a.id, domain)
    const second = await add(b.owner, b.id, domain)
    dns.set(first.name, [first.value, second.value])
    expect(await verify(b.owner, second.path)).toEqual(['pending', 'taken'])
    await deletes(a)
    expect(await verify(b.owner, second.path)).toEqual(['verified', 'verified'])
    await restores(a)
    expect(await ownerOf(domain)).toMatchObject({ organizationId: b.id })
    const { data } = await a.owner.client.get(first.path)
    expect(data).toMatchObject({ status: 'pending', verified_at: null, check: { outcome: 'taken' } })
    expect(await verify(a.owner, first.path)).toEqual(['pending', 'taken'])
    const { data: log } = await a.owner.client.get(
      `/api/v1/organizations/${a.id}/audit-logs?event_type=organization.domain.check_failed`,
    )
    expect(log).toMatchObject([{ user_id: null, details: { domain, outcome: 'taken' } }])
    expect(JSON.stringify(log)).not.toContain(b.id)
  })

  it('is restored while another one proves its domain: one of the two owns it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const domain = fresh()
      const [a, b] = [await found(), await found()]
      const first = await prove(dns, a.owner, a.id, domain)
      const second = await add(b.owner, b.id, domain)
      dns.set(first.name, [first.value, second.value])
      await deletes(a)
      const [[, outcome]] = await Promise.all([verify(b.owner, second.path), restores(a)])
      const owner = outcome === 'verified' ? b.id : a.id
      expect(await ownerOf(domain)).toMatchObject({ organizationId: owner })
    }
  })

  it('takes its domains with it when it is purged', async () => {
    const domain = fresh()
    const one = await found()
    await prove(dns, one.owner, one.id, domain)
    await deletes(one)
    await world.db.tx('system', (tx) => tx.deleteFrom('organizations').where('id', '=', one.id).execute())
    const rows = await world.db.tx('system', (tx) =>
      tx.selectFrom('organization_domains').select('id').where('domain', '=', domain).execute(),
    )
    expect(rows).toEqual([])
  })
})

describe('the owner of a domain', () => {
  it('is found in every spelling, for the domain itself and not for those below or above', async () => {
    const { owner, id } = await found()
    const domain = `m\u00fcnchen${++count}.de`
    const { name } = await prove(dns, owner, id, domain)
    expect(name).toMatch(/^_latchkey-challenge\.xn--mnchen\w+-\w+\.de$/)
    const expected = { organizationId: id, connectionId: null }
    for (const spelling of [domain, domain.toUpperCase(), `${domain}.`, name.replace(/^[^.]+\./, '')])
      expect(await ownerOf(spelling)).toEqual(expected)
    for (const other of [`mail.${domain}`, 'de', '', 'not a domain', `x${domain}`, domain.replace('ü', 'u')])
      expect(await ownerOf(other)).toBeNull()
  })

  it('has the connection that is chosen, if it is active, or else the first active one', async () => {
    const { owner, id } = await found()
    const domain = fresh()
    const { path } = await prove(dns, owner, id, domain)
    const connection = async () => (await ownerOf(domain))?.connectionId
    const suffix = `${id.slice(-28)}`
    await connect(world, id, `con_000${suffix}0`, 'draft')
    expect(await connection()).toBeNull()
    const first = await connect(world, id, `con_000${suffix}1`)
    const second = await connect(world, id, `con_000${suffix}2`)
    expect(await connection()).toBe(first)
    await owner.client.patch(path, { connection_id: second })
    expect(await connection()).toBe(second)
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', second).execute(),
    )
    // not another one: the owner has chosen
    expect(await connection()).toBeNull()
    await world.db.tx('system', (tx) => tx.deleteFrom('connections').where('id', '=', second).execute())
    expect(await connection()).toBe(first)
  })

  it('owns addresses of its verified domains alone', async () => {
    const { owner, id } = await found()
    const [proven, added] = [fresh(), fresh()]
    await prove(dns, owner, id, proven)
    await add(owner, id, added)
    const neighbour = await found()
    const connections = new Map([
      [id, await connect(world, id, `con_of_${id}`)],
      [neighbour.id, await connect(world, neighbour.id, `con_of_${neighbour.id}`)],
    ])
    const of = (organizationId: string) => ({ id: connections.get(organizationId) ?? '' })
    const owns = (organizationId: string, address: string) =>
      world.db.tx('system', async (tx) => (await findSpokenDomain(tx, of(organizationId), address)) !== null)
    expect(await owns(id, `ada@${proven.toUpperCase()}`)).toBe(true)
    for (const address of [`ada@${added}`, `ada@mail.${proven}`, proven, `@${proven}`, `${proven}@other.example`, ''])
      expect(await owns(id, address)).toBe(false) // biome-ignore format: a list
    expect(await owns(neighbour.id, `ada@${proven}`)).toBe(false)
    const listed = (organizationId: string) =>
      world.db.tx('system', (tx) => listSpokenDomains(tx, of(organizationId)))
    expect(await listed(id)).toEqual([proven])
    expect(await listed(neighbour.id)).toEqual([])
    await deletes({ owner, id })
    expect([await owns(id, `ada@${proven}`), await listed(id)]).toEqual([false, []])
  })
})

describe('a caller', () => {
  it('that is no member reads nothing of an organization’s domains', async () => {
    const one = await found()
    const added = await add(one.owner, one.id, fresh())
    const key = await one.owner.client.apiKey()
    // a key is no session
    expect((await key.client.get(added.path)).status).toBe(401)
    expect((await world.client().get(added.path)).status).toBe(401)
    expect((await world.client().post(pathOf(one.id), { domain: fresh() })).status).toBe(401)
  })
})
