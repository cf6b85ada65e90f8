/** Who may do what with clients: from below, from a neighbour, by roles of other meanings, what an organization may not have, limits. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../../organizations/policy/testing.ts'
import { ofOrganization, PORTAL, RESOURCES, SERVER } from './testing.ts'

let world: World
let root: Person
let user: Person
let company: Company
let neighbour: Company
beforeAll(async () => {
  world = await startWorld()
  ;[root, user] = (await world.people([{ roles: ['super_admin'] }, {}])) as [Person, Person]
  company = await startCompany(world)
  neighbour = await startCompany(world)
})
afterAll(() => world.stop())

/** The statuses of every operation on one client. */
async function statuses(client: Client, path: string, id: string, secret = 'csec_x'): Promise<number[]> {
  const replies = [
    await client.get(path),
    await client.post(path, PORTAL),
    await client.get(`${path}/${id}`),
    await client.patch(`${path}/${id}`, { name: 'Theirs' }),
    await client.post(`${path}/${id}/secrets`),
    await client.delete(`${path}/${id}/secrets/${secret}`),
    await client.delete(`${path}/${id}`),
  ]
  return replies.map(({ status }) => status)
}
const all = (status: number): number[] => Array(7).fill(status)

describe('clients of an organization', () => {
  it('are changed by owners and read by admins, and by no one below', async () => {
    const path = ofOrganization(company.id)
    const { owner, admin, member, guest } = company
    const { data } = await owner.client.post(path, PORTAL)
    const secret = data.secrets[0].id
    expect(await statuses(admin.client, path, data.client_id, secret)).toEqual([200, 403, 200, 403, 403, 403, 403])
    for (const { client } of [member, guest])
      expect(await statuses(client, path, data.client_id, secret)).toEqual(all(403))
    expect(await statuses(user.client, path, data.client_id, secret)).toEqual(all(404))
    expect(await statuses(world.client(), path, data.client_id, secret)).toEqual(all(401))
    expect(await statuses(owner.client, path, data.client_id, secret)).toEqual([200, 201, 200, 200, 201, 200, 200])
  }) // biome-ignore format: a table

  it('do not exist for a neighbour, nor for the server’s side, nor the server’s for them', async () => {
    const { owner } = neighbour
    const { data } = await company.owner.client.post(ofOrganization(company.id), PORTAL)
    const [id, secret] = [data.client_id, data.secrets[0].id]
    const own = ofOrganization(neighbour.id)
    const absent = [200, 201, ...Array(5).fill(404)]
    expect(await statuses(owner.client, ofOrganization(company.id), id, secret)).toEqual(all(404))
    expect(await statuses(owner.client, own, id, secret)).toEqual(absent)
    expect(await statuses(root.client, SERVER, id, secret)).toEqual(absent)
    const { data: server } = await root.client.post(SERVER, PORTAL)
    expect(await statuses(owner.client, own, server.client_id, server.secrets[0].id)).toEqual(absent)
    // the secret of another client, by one that is theirs
    const { data: theirs } = await owner.client.post(own, PORTAL)
    expect((await owner.client.delete(`${own}/${theirs.client_id}/secrets/${secret}`)).status).toBe(404)
    const { client_secret: _, ...shown } = data
    expect((await company.owner.client.get(ofOrganization(company.id, `/${id}`))).data).toEqual(shown)
  })

  it('cannot have what is the operator’s, or of another owner', async () => {
    const { status } = await root.client.post(RESOURCES, {
      identifier: 'https://rights.example.com',
      name: 'Rights',
      scopes: [{ name: 'rights:read', description: 'Read rights' }],
    })
    expect(status).toBe(201)
    const theirs = neighbour.id
    await world.db.tx('system', (tx) =>
      sql`insert into resources (id, identifier, organization_id, name, scopes, claims, created_at, updated_at)
        values ('res_own', 'https://own.example.com', ${company.id}, 'Own', '[{"name": "own:read", "description": "x"}]', 'minimal', now(), now()),
          ('res_other', 'https://other.example.com', ${theirs}, 'Other', '[{"name": "other:read", "description": "x"}]', 'minimal', now(), now())`.execute(tx),
    )
    const path = ofOrganization(company.id)
    const { client } = company.owner
    const { data } = await client.post(path, PORTAL)
    const tables: [Record<string, unknown>, string][] = [
      [{ first_party: true }, 'settings.first_party server_only'],
      [{ scopes: ['rights:read'] }, 'settings.scopes.0 unknown_scope'],
      [{ scopes: ['openid', 'other:read'] }, 'settings.scopes.1 unknown_scope'],
      [{ allowed_organizations: [company.id, theirs] }, 'settings.allowed_organizations.1 other_organization'],
    ]
    for (const [settings, fault] of tables)
      for (const reply of [
        await client.post(path, { ...PORTAL, settings: { ...PORTAL.settings, ...settings } }),
        await client.patch(`${path}/${data.client_id}`, { settings }),
      ]) {
        const [{ field, code }] = reply.body.error.details
        expect([reply.status, `${field} ${code}`]).toEqual([400, fault])
      }
    const own = await client.patch(`${path}/${data.client_id}`, {
      settings: { scopes: ['openid', 'own:read'], allowed_organizations: [company.id] },
    })
    expect(own.status).toBe(200)
    // a scope that it has stays, although the API is gone
    await world.db.tx('system', (tx) => sql`delete from resources where id = 'res_own'`.execute(tx))
    expect((await client.patch(`${path}/${data.client_id}`, { settings: { scopes: ['own:read'] } })).status).toBe(200)
    const ofServer = await root.client.post(SERVER, {
      ...PORTAL,
      settings: { ...PORTAL.settings, first_party: true, scopes: ['openid', 'rights:read'] },
    })
    expect(ofServer.status).toBe(201)
    const foreign = await root.client.post(SERVER, { ...PORTAL, settings: { ...PORTAL.settings, scopes: ['other:read'] } })
    expect(foreign.status).toBe(400)
  }) // biome-ignore format: rows on one line

  it('are not changed after the role was lost, nor by a session that is not recent', async () => {
    const { id, owner, admin } = await startCompany(world)
    const path = ofOrganization(id)
    const { data } = await owner.client.post(path, PORTAL)
    const one = `${path}/${data.client_id}`
    await owner.client.patch(`/api/v1/organizations/${id}/members/${admin.id}/role`, { role: 'owner' })
    expect((await admin.client.patch(one, { name: 'B' })).status).toBe(200)
    await owner.client.patch(`/api/v1/organizations/${id}/members/${admin.id}/role`, { role: 'admin' })
    expect((await admin.client.patch(one, { name: 'C' })).status).toBe(403)
    await world.clock.advance('11 minutes')
    for (const reply of [
      await owner.client.post(path, PORTAL),
      await owner.client.patch(one, { name: 'C' }),
      await owner.client.post(`${one}/secrets`),
      await owner.client.delete(`${one}/secrets/${data.secrets[0].id}`),
      await owner.client.delete(one),
    ])
      expect([reply.status, reply.body.error.code]).toEqual([401, 'STEP_UP_REQUIRED'])
    expect((await owner.client.get(path)).status).toBe(200)
    for (const one of [root, user, ...Object.values(company), ...Object.values(neighbour)])
      if (typeof one !== 'string') await one.client.signIn(one.email, one.password)
  })

  it('end with the organization', async () => {
    const { id, owner } = await startCompany(world)
    const { data } = await owner.client.post(ofOrganization(id), PORTAL)
    expect(await world.app.tools.clients.find(data.client_id)).not.toBeNull()
    await owner.client.delete(`/api/v1/organizations/${id}`)
    expect(await world.app.tools.clients.find(data.client_id)).toBeNull()
  })
})

describe('clients of the server', () => {
  it('require the permissions of the server, and a session to be changed', async () => {
    const { data } = await root.client.post(SERVER, PORTAL)
    const [id, secret] = [data.client_id, data.secrets[0].id]
    expect(await statuses(user.client, SERVER, id, secret)).toEqual(all(403))
    expect(await statuses(company.owner.client, SERVER, id, secret)).toEqual(all(403))
    expect(await statuses(world.client(), SERVER, id, secret)).toEqual(all(401))
    // the customers of a business, in the words of the preset `client-services`
    for (const [name, permissions] of [['app_reader', ['oauth_clients:read']], ['services', ['clients:*', 'insights:*']]] as const)
      await root.client.post('/api/v1/roles', { name, permissions, inherits: [], grants: [] })
    const [reader, services] = (await world.people([{ roles: ['app_reader'] }, { roles: ['services'] }])) as [Person, Person]
    expect(await statuses(reader.client, SERVER, id, secret)).toEqual([200, 403, 200, 403, 403, 403, 403])
    expect(await statuses(services.client, SERVER, id, secret)).toEqual(all(403))
    const key = await root.client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['oauth_clients:*'] })
    const machine = world.client({ headers: { 'x-api-key': key.data.api_key } })
    expect(await statuses(machine, SERVER, id, secret)).toEqual([200, 401, 200, 401, 401, 401, 401])
  }) // biome-ignore format: a table

  it('are no more than an organization and the server may have, also at once', async () => {
    const { id, owner } = await startCompany(world)
    const path = ofOrganization(id)
    const replies = await Promise.all(Array.from({ length: 55 }, () => owner.client.post(path, PORTAL)))
    const refused = replies.filter(({ status }) => status !== 201)
    expect(refused).toHaveLength(5)
    for (const { status, body } of refused)
      expect([status, body.error.details]).toEqual([409, { reason: 'too_many' }])
    await world.db.tx('system', (tx) =>
      sql`insert into clients (id, source, name, status, settings, created_at, updated_at)
        select 'many' || n, 'operator', 'x', 'active', '{}', now(), now()
        from generate_series(1, 1000 - (select count(*) from clients where organization_id is null)) n`.execute(
        tx,
      ),
    )
    expect((await root.client.post(SERVER, PORTAL)).body.error.details).toEqual({ reason: 'too_many' })
  })
})
