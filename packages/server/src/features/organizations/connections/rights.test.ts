/** Who may do what with connections: from below, from a neighbour, by roles that they give, in races, up to the limits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../policy/testing.ts'
import { eventsAbout, OIDC, ofOrganization, SERVER } from './testing.ts'

let world: World
let root: Person
let user: Person
let company: Company
let neighbour: Company
beforeAll(async () => {
  world = await startWorld()
  const people = await world.people([{ roles: ['super_admin'] }, {}])
  ;[root, user] = people as [Person, Person]
  company = await startCompany(world)
  neighbour = await startCompany(world)
})
afterAll(() => world.stop())

/** The statuses of every operation on one connection. */
async function statuses(client: Client, path: string, id: string): Promise<number[]> {
  const replies = [
    await client.get(path),
    await client.post(path, { ...OIDC, ...(path === SERVER && { slug: `s${id.slice(-20)}` }) }),
    await client.get(`${path}/${id}`),
    await client.get(`${path}/${id}/events`),
    await client.patch(`${path}/${id}`, { name: 'Theirs' }),
    await client.delete(`${path}/${id}`),
  ]
  return replies.map(({ status }) => status)
}

describe('connections of an organization', () => {
  it('are changed by owners and read by admins, and by no one below', async () => {
    const path = ofOrganization(company.id)
    const { owner, admin, member, guest } = company
    const { data } = await owner.client.post(path, OIDC)
    expect(await statuses(admin.client, path, data.id)).toEqual([200, 403, 200, 200, 403, 403])
    for (const { client } of [member, guest])
      expect(await statuses(client, path, data.id)).toEqual([403, 403, 403, 403, 403, 403])
    expect(await statuses(user.client, path, data.id)).toEqual([404, 404, 404, 404, 404, 404])
    expect(await statuses(world.client(), path, data.id)).toEqual([401, 401, 401, 401, 401, 401])
    expect(await statuses(owner.client, path, data.id)).toEqual([200, 201, 200, 200, 200, 200])
  })

  it('do not exist for a neighbour, nor for the server’s side, nor the server’s for them', async () => {
    const { owner } = neighbour
    const { data } = await company.owner.client.post(ofOrganization(company.id), OIDC)
    const own = ofOrganization(neighbour.id)
    expect(await statuses(owner.client, ofOrganization(company.id), data.id)).toEqual(Array(6).fill(404))
    expect(await statuses(owner.client, own, data.id)).toEqual([200, 201, 404, 404, 404, 404])
    expect(await statuses(root.client, SERVER, data.id)).toEqual([200, 201, 404, 404, 404, 404])
    const server = (await root.client.post(SERVER, { provider: 'google' })).data
    expect(await statuses(owner.client, own, server.id)).toEqual([200, 201, 404, 404, 404, 404])
    expect((await owner.client.get(own)).data.map((one: { id: string }) => one.id)).not.toContain(data.id)
    expect((await company.owner.client.get(ofOrganization(company.id, `/${data.id}`))).data).toEqual(data)
  })

  it('are no longer changed by an owner who has lost the role, nor by a session that is not recent', async () => {
    const { id, owner, admin } = await startCompany(world)
    const path = ofOrganization(id)
    const { data } = await owner.client.post(path, OIDC)
    await owner.client.patch(`/api/v1/organizations/${id}/members/${admin.id}/role`, { role: 'owner' })
    expect((await admin.client.patch(`${path}/${data.id}`, { name: 'B' })).status).toBe(200)
    await owner.client.patch(`/api/v1/organizations/${id}/members/${admin.id}/role`, { role: 'admin' })
    expect((await admin.client.patch(`${path}/${data.id}`, { name: 'C' })).status).toBe(403)
    await world.clock.advance('11 minutes')
    for (const client of [owner.client])
      for (const reply of [
        await client.post(path, OIDC),
        await client.patch(`${path}/${data.id}`, { name: 'C' }),
        await client.delete(`${path}/${data.id}`),
      ])
        expect([reply.status, reply.body.error.code]).toEqual([401, 'STEP_UP_REQUIRED'])
    expect((await owner.client.get(path)).status).toBe(200)
    await Promise.all(
      [root, user, ...Object.values(company), ...Object.values(neighbour)].map(async (one) => {
        if (typeof one !== 'string') await one.client.signIn(one.email, one.password)
      }),
    )
  })
})

describe('server-wide connections', () => {
  it('require the permissions of the server, and a session to be changed', async () => {
    const { data } = await root.client.post(SERVER, { ...OIDC, slug: 'rights' })
    expect(await statuses(user.client, SERVER, data.id)).toEqual(Array(6).fill(403))
    expect(await statuses(company.owner.client, SERVER, data.id)).toEqual(Array(6).fill(403))
    expect(await statuses(world.client(), SERVER, data.id)).toEqual(Array(6).fill(401))
    await root.client.post('/api/v1/roles', { name: 'connector', permissions: ['connections:read'], inherits: [], grants: [] })
    const [reader] = (await world.people([{ roles: ['connector'] }])) as [Person]
    expect(await statuses(reader.client, SERVER, data.id)).toEqual([200, 403, 200, 200, 403, 403])
    const key = await root.client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['connections:*'] })
    const machine = world.client({ headers: { 'x-api-key': key.data.api_key } })
    expect(await statuses(machine, SERVER, data.id)).toEqual([200, 401, 200, 200, 401, 401])
  }) // biome-ignore format: a role on one line

  it('have a name in paths that is unique, well-formed, and theirs alone', async () => {
    const make = (slug: string) => root.client.post(SERVER, { ...OIDC, slug })
    expect((await make('unique')).status).toBe(201)
    const taken = await make('unique')
    expect([taken.status, taken.body.error.details]).toEqual([409, { field: 'slug' }])
    for (const slug of ['a', 'A-b', 'a_b', 'con_1', 'a'.repeat(41), 'a/b', 'ä-b'])
      expect((await make(slug)).status).toBe(400)
    const refused = await company.owner.client.post(ofOrganization(company.id), { ...OIDC, slug: 'acme' })
    expect(refused.body.error.details).toMatchObject([{ field: 'slug', code: 'unknown' }])
  })
})

describe('the roles that a connection gives', () => {
  it('are within what its maker may grant, at each change', async () => {
    const { id, owner, member } = await startCompany(world)
    const path = ofOrganization(id)
    const role = { permissions: ['connections:write', 'members:read'], inherits: null, description: null }
    await owner.client.post(`/api/v1/organizations/${id}/roles`, { name: 'it', ...role })
    await owner.client.post(`/api/v1/organizations/${id}/roles`, { name: 'auditor', ...role, permissions: ['audit:read'] })
    await owner.client.patch(`/api/v1/organizations/${id}/members/${member.id}/role`, { role: 'it' })
    const give = (by: Person, settings: object) =>
      by.client.post(path, { ...OIDC, settings: { ...OIDC.settings, ...settings } })
    for (const settings of [{ default_role: 'owner' }, { group_roles: [{ group: 'g', role: 'admin' }] }, { default_role: 'auditor' }]) {
      const refused = await give(member, settings)
      expect([refused.status, refused.body.error.details.reason]).toEqual([403, 'beyond_own'])
    }
    const own = await give(member, { default_role: 'it', group_roles: [{ group: 'g', role: 'guest' }] })
    expect(own.status).toBe(201)
    const unknown = await give(owner, { default_role: 'nothing' })
    expect([unknown.status, unknown.body.error.details[0].code]).toEqual([400, 'unknown_role'])
    // who changes its settings answers for all roles, also for those that another has set
    const { data } = await give(owner, { default_role: 'admin' })
    expect((await member.client.patch(`${path}/${data.id}`, { settings: { registers: false } })).status).toBe(403)
    expect((await member.client.patch(`${path}/${data.id}`, { settings: { default_role: null } })).status).toBe(200)
    const maker = () =>
      world.db.tx('system', (tx) =>
        tx.selectFrom('connections').select('made_by').where('id', '=', data.id).executeTakeFirst(),
      )
    expect(await maker()).toEqual({ made_by: member.id })
  }) // biome-ignore format: requests on one line
})

describe('of changes at once', () => {
  it('exactly one that names a version is made', async () => {
    for (const [path, person] of [[SERVER, root], [ofOrganization(company.id), company.owner]] as const) {
      const { data } = await person.client.post(path, path === SERVER ? { ...OIDC, slug: 'versions' } : OIDC)
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          person.client.patch(`${path}/${data.id}`, { name: `N ${n}`, version: 1 }),
        ),
      )
      expect(all.filter(({ status }) => status === 200)).toHaveLength(1)
      for (const { status, body } of all)
        if (status !== 200) expect([status, body.error.details]).toEqual([409, { reason: 'stale', version: 2 }])
      expect((await eventsAbout(world, data.id)).filter(({ type }) => type === 'connection.updated')).toHaveLength(1)
    }
  }) // biome-ignore format: a table

  it('exactly one creates a slug', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, () => root.client.post(SERVER, { ...OIDC, slug: 'raced' })),
    )
    expect(all.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
  })

  it('a deletion ends all: what is changed afterwards does not exist', async () => {
    const path = ofOrganization(company.id)
    for (let round = 0; round < 5; round++) {
      const { data } = await company.owner.client.post(path, OIDC)
      const one = `${path}/${data.id}`
      const [deleted, ...changed] = await Promise.all([
        company.owner.client.delete(one),
        ...Array.from({ length: 6 }, (_, n) => company.owner.client.patch(one, { name: `N ${n}` })),
      ])
      expect(deleted?.status).toBe(200)
      for (const { status } of changed) expect([200, 404]).toContain(status)
      expect((await company.owner.client.get(one)).status).toBe(404)
      const events = await eventsAbout(world, data.id)
      expect(events.at(-1)?.type).toBe('connection.deleted')
    }
  })

  it('no more than 50 are created in an organization, and 100 on the server', async () => {
    const { id, owner } = await startCompany(world)
    for (const [path, person, most] of [[ofOrganization(id), owner, 50], [SERVER, root, 100]] as const) {
      const { length } = (await person.client.get(path)).data
      const all = await Promise.all(
        Array.from({ length: most - length + 10 }, (_, n) =>
          person.client.post(path, path === SERVER ? { ...OIDC, slug: `limit-${n}` } : OIDC),
        ),
      )
      const refused = all.filter(({ status }) => status !== 201)
      expect(refused).toHaveLength(10)
      for (const { status, body } of refused) expect([status, body.error.details]).toEqual([409, { reason: 'too_many' }])
      expect((await person.client.get(path)).data).toHaveLength(most)
    }
  }) // biome-ignore format: a table
})
