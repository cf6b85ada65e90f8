/** Leading a domain to a connection, by choosing it or by disabling another one, requires the permission to give its roles. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, ownDomain } from '../../../testing/connection-rows.ts'
import { HTML } from '../../../testing/federation.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { startCompany } from '../policy/testing.ts'
import { ofOrganization } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0
const ROLES = {
  default_role: 'guest',
  group_roles: [{ group: 'A', role: 'guest' }, { group: 'B', role: 'admin' }],
} // biome-ignore format: a list

/** A company with a verified domain, whose member may change connections and no more. */
async function company() {
  const of = await startCompany(world)
  const { id, owner, member } = of
  const role = { name: 'it', permissions: ['connections:write'] }
  expect((await owner.client.post(`/api/v1/organizations/${id}/roles`, role)).status).toBe(201)
  const path = `/api/v1/organizations/${id}/members/${member.id}/role`
  expect((await owner.client.patch(path, { role: 'it' })).status).toBe(200)
  await ownDomain(world, id, `leads${++count}.example`, { addedBy: owner.id })
  const { data } = await owner.client.get(`/api/v1/organizations/${id}/domains`)
  const domain: string = data[0].id
  const at = `/organizations/${id}/domains/${domain}`
  return { ...of, domain: `/api/v1${at}`, page: `/account${at}` }
}

const given = (of: { id: string; owner: { id: string } }, over: Parameters<typeof connect>[2] = {}) =>
  connect(world, of.id, { made_by: of.owner.id, settings: JSON.stringify(ROLES), ...over })

it('is refused to a member who could not give all of them, by choice, also of the first active one', async () => {
  const of = await company()
  const plain = await connect(world, of.id, { made_by: of.owner.id })
  const giving = await given(of)
  const { client } = of.member
  const refused = await client.patch(of.domain, { connection_id: giving })
  expect([refused.status, refused.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
  const { text } = await client.get(of.page, HTML)
  const [, csrf_token = ''] = /name="csrf_token" value="([^"]+)"/.exec(text) ?? []
  const form = await client.post(of.page, { csrf_token, connection_id: giving }, { form: true, ...HTML })
  expect(form.status).toBe(403)
  expect((await client.get(of.domain)).data.connection_id).toBeNull()
  expect((await client.patch(of.domain, { connection_id: plain })).status).toBe(200)
  expect((await of.owner.client.patch(of.domain, { connection_id: giving })).status).toBe(200)
  // the first active one is judged as the one that it is
  expect((await client.patch(of.domain, { connection_id: null })).status).toBe(200)
  await of.owner.client.patch(of.domain, { connection_id: giving })
  await of.owner.client.patch(ofOrganization(of.id, `/${plain}`), { status: 'disabled' })
  expect((await client.patch(of.domain, { connection_id: plain })).status).toBe(200)
  expect((await client.patch(of.domain, { connection_id: null })).status).toBe(403)
})

it('is refused by disabling or deleting another one, where a set-up link has made it', async () => {
  const of = await company()
  const first = await connect(world, of.id, { made_by: of.owner.id })
  const made = await given(of, { origin: 'setup_link' })
  const path = ofOrganization(of.id, `/${first}`)
  const { client } = of.member
  for (const reply of [await client.patch(path, { status: 'disabled' }), await client.delete(path)])
    expect([reply.status, reply.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
  expect((await of.owner.client.get(path)).data.status).toBe('active')
  // a domain for which it was chosen already is led nowhere else
  await of.owner.client.patch(of.domain, { connection_id: made })
  expect((await client.patch(path, { status: 'disabled' })).status).toBe(200)
  await of.owner.client.patch(path, { status: 'active' })
  await of.owner.client.patch(of.domain, { connection_id: null })
  expect((await of.owner.client.patch(path, { status: 'disabled' })).status).toBe(200)
})

it('is open to each member who may change connections, where the others speak for all domains', async () => {
  const of = await company()
  const first = await connect(world, of.id, { made_by: of.owner.id })
  await given(of)
  const path = ofOrganization(of.id, `/${first}`)
  expect((await of.member.client.patch(path, { status: 'disabled' })).status).toBe(200)
  expect((await of.member.client.delete(path)).status).toBe(200)
})
