/** Connections whose stored settings this version cannot read: the row says so, and what is stored is not lost by another change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'
import { requireSso } from '../../signin/routing/testing.ts'
import { readAllSettings } from './jobs.ts'

const API = '/api/v1'
let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let count = 0
async function company(settings = {}) {
  const [owner, member] = (await world.people(2)) as [Person, Person]
  const organization = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'member'],
    ],
  })
  const domain = `unreadable-${++count}.example`
  await federated.prove(organization, domain)
  const { id } = await federated.connect('google', {
    organizationId: organization,
    madeBy: owner.id,
    settings,
  })
  const row = () =>
    world.db.hot
      .selectFrom('connections')
      .select(['status', 'settings', 'version'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  const store = async (stored: unknown) => {
    const settings = JSON.stringify(stored)
    await world.db.hot.updateTable('connections').set({ settings }).where('id', '=', id).execute()
  }
  const events = async () =>
    (
      await world.db.tx('system', (tx) =>
        tx
          .selectFrom('audit_events')
          .select(['event_type', 'details'])
          .where('organization_id', '=', organization)
          .where('event_type', 'like', 'connection.%')
          .orderBy('id')
          .execute(),
      )
    ).map(({ event_type, details }) => [event_type, (details as { reason?: string }).reason])
  const at = `${API}/organizations/${organization}/connections/${id}`
  return { owner, member, organization, domain, id, row, store, events, at }
}

const NEWER = { requires: 'something', scopes: ['groups'] }

describe('a connection of which a newer version has written the settings', () => {
  it('is disabled with an event within a minute, leads no domain, requires no sign-in, and is active once they can be read', async () => {
    const of = await company()
    await requireSso(world, of.organization)
    const routed = async () =>
      (await world.client().get(`/sign-in/organization?email=a%40${of.domain}`, HTML)).text.includes(of.id)
    const enters = async () =>
      (await of.member.client.post(`${API}/auth/organization`, { organization_id: of.organization })).status
    expect([await routed(), await enters()]).toEqual([true, 401])
    await of.store(NEWER)
    await world.clock.advance('1 minute')
    expect(await of.row()).toMatchObject({ status: 'disabled', settings: NEWER })
    expect([await routed(), await enters()]).toEqual([false, 200])
    expect(await of.events()).toEqual([['connection.disabled', 'unreadable_settings']])
    await of.store({ scopes: ['groups'] })
    await world.clock.advance('1 minute')
    expect(await of.row()).toMatchObject({ status: 'active' })
    expect(await routed()).toBe(true)
    expect((await of.events()).at(-1)).toEqual(['connection.activated', 'readable_settings'])
  })

  it('is judged at a start, also where another version has read it', async () => {
    const of = await company()
    await of.store(NEWER)
    await world.db.hot
      .updateTable('connections')
      .set({ settings_read: true })
      .where('id', '=', of.id)
      .execute()
    await world.clock.advance('2 minutes')
    expect((await of.row()).status).toBe('active')
    await readAllSettings(world.app.tools, world.clock.now(), { all: true })
    expect((await of.row()).status).toBe('disabled')
  })

  it('keeps what is stored when it is renamed, and is disabled with an event', async () => {
    const of = await company()
    await of.store(NEWER)
    const reply = await of.owner.client.patch(of.at, { name: 'Other' })
    expect(reply.data).toMatchObject({ name: 'Other', status: 'disabled', missing: ['settings.requires'] })
    expect(await of.row()).toMatchObject({ status: 'disabled', settings: NEWER })
    expect(await of.events()).toEqual([
      ['connection.disabled', 'unreadable_settings'],
      ['connection.updated', undefined],
    ])
  })

  it('keeps it when other settings are changed; enabling it requires those that are known, and removes the others', async () => {
    const of = await company()
    await of.store({ ...NEWER, scopes: 'groups' })
    const { client } = of.owner
    expect((await client.patch(of.at, { settings: { trusts_mfa: true } })).status).toBe(200)
    const kept = { ...NEWER, scopes: 'groups', trusts_mfa: true }
    expect((await of.row()).settings).toEqual(kept)
    for (const change of [{ status: 'active' }, { status: 'active', settings: { trusts_mfa: true } }]) {
      const refused = await client.patch(of.at, change)
      expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('unreadable_settings')])
      expect((await of.row()).settings).toEqual(kept)
    }
    const enabled = await client.patch(of.at, { status: 'active', settings: { scopes: null } })
    expect(enabled.data).toMatchObject({ status: 'active', missing: [] })
    expect(await of.row()).toMatchObject({ status: 'active', settings: { trusts_mfa: true } })
  })

  it('that an owner disables is not enabled once they can be read', async () => {
    const of = await company()
    await of.store(NEWER)
    await world.clock.advance('1 minute')
    expect((await of.owner.client.patch(of.at, { status: 'disabled' })).status).toBe(200)
    await of.store({})
    await world.clock.advance('2 minutes')
    expect((await of.row()).status).toBe('disabled')
  })

  it('loses it by its form, which says so', async () => {
    const of = await company()
    await of.store(NEWER)
    const page = `/account/organizations/${of.organization}/connections/${of.id}`
    const shown = await of.owner.client.get(page, HTML)
    expect(shown.text).toContain('cannot read some settings: settings.requires. Saving removes them.')
    const saved = await federated.submit(of.owner.client, page, {
      version: '1',
      name: 'Google',
      client_id: 'client',
    })
    expect(goal(saved)).toContain(page)
    expect((await of.row()).settings).not.toHaveProperty('requires')
    expect((await of.owner.client.get(page, HTML)).text).not.toContain('cannot read some settings')
  })
})
