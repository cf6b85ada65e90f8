/** The APIs that tokens are for: fields, what none may be called, changes, events, rights, limits. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { eventsAbout, RESOURCES } from '../clients/testing.ts'

let world: World
let root: Person
let user: Person
beforeAll(async () => {
  world = await startWorld({ tokenAudience: 'https://audience.example.com' })
  ;[root, user] = (await world.people([{ roles: ['super_admin'] }, {}])) as [Person, Person]
})
afterAll(() => world.stop())

const API = { identifier: 'https://api.example.com/v1', name: 'Invoices' }
const SCOPE = { name: 'invoices:read', description: 'Read your invoices' }
let made = 0
const create = (fields: object = {}) =>
  root.client.post(RESOURCES, { ...API, identifier: `https://api${++made}.example.com`, ...fields })

describe('an API', () => {
  it('is added with its scopes, and found by its identifier', async () => {
    const { status, data } = await root.client.post(RESOURCES, {
      ...API,
      scopes: [SCOPE],
      token_lifetime: 600,
    })
    expect(status).toBe(201)
    expect(data).toEqual({
      id: expect.stringMatching(/^res_[0-9a-f]{32}$/),
      ...API,
      scopes: [SCOPE],
      claims: 'minimal',
      token_lifetime: 600,
      created_at: expect.stringMatching(/^2030-06-01T12:/),
      updated_at: data.created_at,
    })
    expect((await root.client.get(`${RESOURCES}/${data.id}`)).data).toEqual(data)
    expect((await root.client.get(RESOURCES)).data).toContainEqual(data)
    expect(await world.app.tools.clients.findResource(API.identifier)).toMatchObject({
      id: data.id,
      scopes: [SCOPE],
    })
    const again = await root.client.post(RESOURCES, API)
    expect([again.status, again.body.error.details]).toEqual([409, { field: 'identifier' }])
  })

  it('is not called what is no absolute URI without a fragment, or is this server', async () => {
    const { publicUrl } = world.config
    for (const identifier of [
      'api.example.com',
      'https://api.example.com/#v1',
      'https://a@api.example.com/',
      'http://api.example.com/',
      'javascript:alert(1)',
      `https://api.example.com/${'a'.repeat(2000)}`,
      publicUrl,
      `${publicUrl}/oidc/userinfo`,
      'https://audience.example.com',
    ]) {
      const reply = await create({ identifier })
      expect([identifier, reply.status, reply.body.error.details[0].field]).toEqual([
        identifier,
        400,
        'identifier',
      ])
    }
  })

  it('has no scope of the server, none twice, and no text that cannot be shown', async () => {
    for (const [scopes, field] of [
      [[{ ...SCOPE, name: 'openid' }], 'scopes.0.name'],
      [[SCOPE, SCOPE], 'scopes.1.name'],
      [[{ ...SCOPE, name: 'a b' }], 'scopes.0.name'],
      [[{ ...SCOPE, description: '' }], 'scopes.0.description'],
      [[{ ...SCOPE, description: 'a'.repeat(201) }], 'scopes.0.description'],
      [Array.from({ length: 101 }, (_, n) => ({ ...SCOPE, name: `s${n}` })), 'scopes'],
    ] as const) {
      const reply = await create({ scopes })
      expect([reply.status, reply.body.error.details[0].field]).toEqual([400, field])
    }
  })

  it('is changed and deleted, with values before and after in the log', async () => {
    const { data } = await create({ scopes: [SCOPE], token_lifetime: 60 })
    const one = `${RESOURCES}/${data.id}`
    await world.app.tools.clients.findResource(data.identifier)
    const changed = await root.client.patch(one, { claims: 'full', token_lifetime: null, scopes: [] })
    expect(changed.data).toMatchObject({ name: 'Invoices', claims: 'full', token_lifetime: null, scopes: [] })
    expect(await world.app.tools.clients.findResource(data.identifier)).toMatchObject({ claims: 'full', scopes: [] })
    expect((await root.client.patch(one, { claims: 'full' })).status).toBe(200)
    expect((await root.client.patch(one, { identifier: 'https://b.example.com' })).status).toBe(400)
    expect((await root.client.delete(one)).status).toBe(200)
    for (const reply of [await root.client.delete(one), await root.client.get(one), await root.client.patch(one, { name: 'x' })])
      expect([reply.status, reply.body.error.details]).toEqual([404, { resource: 'resource' }])
    expect(await world.app.tools.clients.findResource(data.identifier)).toBeNull()
    const events = await eventsAbout(world, data.id)
    expect(events.map(({ type }) => type)).toEqual(['resource.created', 'resource.updated', 'resource.deleted'])
    expect(events[1]?.details).toMatchObject({
      identifier: data.identifier,
      from: { scopes: ['invoices:read'], claims: 'minimal', token_lifetime: 60 },
      to: { scopes: [], claims: 'full', token_lifetime: null },
    })
  }) // biome-ignore format: requests on one line

  it('is for those with the permissions, in a recent session', async () => {
    const { data } = await create()
    const one = `${RESOURCES}/${data.id}`
    const statuses = async (client: Person['client']) =>
      (
        await Promise.all([client.get(RESOURCES), client.post(RESOURCES, API), client.get(one), client.patch(one, {}), client.delete(one)])
      ).map(({ status }) => status)
    expect(await statuses(user.client)).toEqual(Array(5).fill(403))
    expect(await statuses(world.client())).toEqual(Array(5).fill(401))
    await root.client.post('/api/v1/roles', { name: 'api_reader', permissions: ['oauth_clients:read'], inherits: [], grants: [] })
    const [reader] = (await world.people([{ roles: ['api_reader'] }])) as [Person]
    expect(await statuses(reader.client)).toEqual([200, 403, 200, 403, 403])
    await world.clock.advance('11 minutes')
    const late = await root.client.delete(one)
    expect([late.status, late.body.error.code]).toEqual([401, 'STEP_UP_REQUIRED'])
    await root.client.signIn(root.email, root.password)
  }) // biome-ignore format: requests on one line

  it('is one of at most 200', async () => {
    await world.db.tx('system', (tx) =>
      sql`insert into resources (id, identifier, name, claims, created_at, updated_at)
        select 'res_' || n, 'https://many' || n || '.example.com', 'x', 'minimal', now(), now()
        from generate_series(1, 199 - (select count(*) from resources)) n`.execute(tx),
    )
    const all = await Promise.all(Array.from({ length: 5 }, () => create()))
    expect(all.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409])
  })
})
