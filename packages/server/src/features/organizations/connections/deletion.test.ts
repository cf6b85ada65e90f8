/** Connections that are enabled, disabled or deleted: the domains that lead elsewhere then, which is shown and recorded. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { HTML } from '../../../testing/federation.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { startCompany } from '../policy/testing.ts'
import { connectionActionsByOperator } from './operator.ts'
import { OIDC, ofOrganization } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0

/** A company with two active connections, a domain that leads to the second, one that leads to none in particular. */
async function company() {
  const of = await startCompany(world)
  const { id, owner } = of
  const connect = async (name: string): Promise<string> =>
    (await owner.client.post(ofOrganization(id), { ...OIDC, name, status: 'active' })).data.id
  const [staff, contractors] = [await connect('Staff'), await connect('Contractors')]
  const [chosen, first] = [`chosen${++count}.example`, `first${count}.example`]
  await ownDomain(world, id, chosen)
  await ownDomain(world, id, first)
  const domains: { id: string; domain: string }[] = (
    await owner.client.get(`/api/v1/organizations/${id}/domains`)
  ).data
  const idOf = (domain: string) => domains.find((one) => one.domain === domain)?.id ?? ''
  const path = `/api/v1/organizations/${id}/domains/${idOf(chosen)}`
  expect((await owner.client.patch(path, { connection_id: contractors })).status).toBe(200)
  return { ...of, staff, contractors, chosen, first, idOf }
}

type Company = Awaited<ReturnType<typeof company>>

/** The text of a page of the organization, which is shown. */
async function pageOf(
  { id, owner }: Pick<Company, 'id' | 'owner'>,
  path: string,
  language = 'en',
): Promise<string> {
  const headers = { ...HTML.headers, 'accept-language': language }
  const { status, text } = await owner.client.get(`/account/organizations/${id}${path}`, { headers })
  expect([path, status]).toEqual([path, 200])
  return text
}

async function questionOf(of: Company, connection: string): Promise<string> {
  const text = await pageOf(of, `/connections/${connection}/delete`)
  expect(text).toContain('signs out everyone who has signed in by it alone, which may include you')
  return text
}

const recorded = (id: string, connection: string | null) =>
  world.db.tx('system', async (tx) => {
    const rows = await tx
      .selectFrom('audit_events')
      .select('details')
      .where('organization_id', '=', id)
      .where('event_type', '=', 'organization.domain.connection_changed')
      .orderBy('id')
      .execute()
    return rows
      .map(({ details }) => details)
      .filter((details) => (details as { from: unknown }).from === connection)
  })

it('the question names the domains that lead to the connection, and where they lead afterwards', async () => {
  const of = await company()
  expect(await questionOf(of, of.contractors)).toContain(
    `These domains lead to it: ${of.chosen}. Afterwards they lead to the first active connection, Staff.`,
  )
  expect(await questionOf(of, of.staff)).toContain(
    `These domains lead to it: ${of.first}. Afterwards they lead to the first active connection, Contractors.`,
  )
  await of.owner.client.patch(ofOrganization(of.id, `/${of.staff}`), { status: 'disabled' })
  expect(await questionOf(of, of.contractors)).toContain(
    `These domains lead to it: ${of.chosen}, ${of.first}. Afterwards they lead to no connection.`,
  )
  expect(await questionOf(of, of.staff)).not.toContain('These domains')
})

it('the deletion records it for each of them, also by the operator', async () => {
  const of = await company()
  const { id, owner, staff, contractors, chosen, first, idOf } = of
  expect((await owner.client.delete(ofOrganization(id, `/${contractors}`))).status).toBe(200)
  const change = { from: contractors, to: null, leads_to: staff }
  expect(await recorded(id, contractors)).toEqual([{ domain_id: idOf(chosen), domain: chosen, ...change }])
  await connectionActionsByOperator.delete(world.app.tools, id, staff)
  const none = { from: staff, to: null, leads_to: null }
  expect(await recorded(id, staff)).toEqual([
    { domain_id: idOf(chosen), domain: chosen, ...none },
    { domain_id: idOf(first), domain: first, ...none },
  ])
})

it('of the last connection of a required sign-in says that the requirement lapses, as does its page', async () => {
  const of = await company()
  const { id, owner, staff, contractors } = of
  const page = async (connection: string) => {
    const text = await pageOf(of, `/connections/${connection}`)
    expect(text).toContain(`${connection}/delete">Delete connection`)
    return text
  }
  const LAPSES = 'this is the last one that is enabled. Without it, the requirement lapses'
  await owner.client.patch(ofOrganization(id, `/${contractors}`), { status: 'disabled' })
  expect(await questionOf(of, staff)).not.toContain(LAPSES)
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ tested_at: world.clock.now() }).where('id', '=', staff).execute(),
  )
  const policy = `/api/v1/organizations/${id}/security-policy`
  expect((await owner.client.patch(policy, { sign_in: 'sso_required' })).status).toBe(200)
  await proveByConnection(world, owner, { connection: staff, organization: id })
  for (const text of [await questionOf(of, staff), await page(staff)]) expect(text).toContain(LAPSES)
  for (const text of [await questionOf(of, contractors), await page(contractors)])
    expect(text).not.toContain(LAPSES)
  await owner.client.patch(ofOrganization(id, `/${contractors}`), { status: 'active' })
  for (const text of [await questionOf(of, staff), await page(staff)]) expect(text).not.toContain(LAPSES)
})

it('of the organization says that those are signed out who have signed in by a connection alone, where one is active', async () => {
  const of = await company()
  expect(await pageOf(of, '/delete')).toContain(
    'signed in by a connection of the organization alone is signed out, which may include you, and stays so if it is restored.',
  )
  expect(await pageOf(of, '/delete', 'de')).toContain(
    'werden abgemeldet, vielleicht auch Sie selbst. Das bleibt so',
  )
  for (const connection of [of.staff, of.contractors])
    await of.owner.client.patch(ofOrganization(of.id, `/${connection}`), { status: 'disabled' })
  const text = await pageOf(of, '/delete')
  expect(text).toContain('All members lose access immediately.')
  expect(text).not.toContain('signed out')
})

it('disabling and enabling record it for each domain that names no connection, once', async () => {
  const of = await company()
  const { id, owner, staff, contractors, first, idOf } = of
  const set = async (connection: string, status: 'active' | 'disabled') =>
    expect((await owner.client.patch(ofOrganization(id, `/${connection}`), { status })).status).toBe(200)
  const implicit = { domain_id: idOf(first), domain: first, to: null }
  await set(staff, 'disabled')
  await set(staff, 'disabled')
  const away = { ...implicit, from: staff, leads_to: contractors }
  expect(await recorded(id, staff)).toEqual([away])
  await set(contractors, 'disabled')
  // the other domain names it still
  const nowhere = { ...implicit, from: contractors, leads_to: null }
  expect(await recorded(id, contractors)).toEqual([nowhere])
  await set(contractors, 'active')
  // after the choice of the other one
  expect((await recorded(id, null)).slice(1)).toEqual([{ ...implicit, from: null, leads_to: contractors }])
  await set(staff, 'active')
  const back = { ...implicit, from: contractors, leads_to: staff }
  expect(await recorded(id, contractors)).toEqual([nowhere, back])
  // an active one that is created after them changes nothing
  const { data } = await owner.client.post(ofOrganization(id), { ...OIDC, name: 'Third', status: 'active' })
  await owner.client.patch(ofOrganization(id, `/${data.id}`), { name: 'Renamed' })
  expect(await recorded(id, null)).toHaveLength(2)
  expect(await recorded(id, staff)).toEqual([away])
})

it('a change that is refused records nothing', async () => {
  const { id, owner, staff } = await company()
  const stale = await owner.client.patch(ofOrganization(id, `/${staff}`), { status: 'disabled', version: 99 })
  expect(stale.status).toBe(409)
  const missing = await owner.client.patch(ofOrganization(id, `/${staff}`), { client_id: null })
  expect(missing.status).toBe(400)
  expect(await recorded(id, staff)).toEqual([])
})

it('the API shows which domains lead to a connection, and of no other organization', async () => {
  const { id, owner, staff, contractors, chosen, first } = await company()
  await company()
  const domainsOf = async (connection: string) =>
    (await owner.client.get(ofOrganization(id, `/${connection}`))).data.domains
  expect([await domainsOf(staff), await domainsOf(contractors)]).toEqual([[first], [chosen]])
  await owner.client.patch(ofOrganization(id, `/${staff}`), { status: 'disabled' })
  expect([await domainsOf(staff), await domainsOf(contractors)]).toEqual([[], [chosen, first]])
  const list = (await owner.client.get(ofOrganization(id))).data as { id: string; domains: string[] }[]
  expect(list.map(({ domains }) => domains)).toEqual([[], [chosen, first]])
})
