/** Connections whose stored settings cannot be read: they are not used, and what is about others works. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownDomain } from '../../testing/connection-rows.ts'
import { samlPeer } from '../../testing/saml-connection.ts'
import { providerKey } from '../../testing/saml-provider.ts'
import { type Person, startWorld, type World } from '../../testing/world.ts'
import { findConnection, listActiveConnections } from './index.ts'

let world: World
let owner: Person
let organizationId: string
beforeAll(async () => {
  world = await startWorld()
  owner = await world.person()
  organizationId = await world.organization({ members: [[owner, 'owner']] })
})
afterAll(() => world.stop())

/** A domain of the organization that leads to the connection, which is offered then. */
async function lead(organization: string, connection: string): Promise<void> {
  const domain = `leads-to-${connection.slice(-8)}.example`
  await ownDomain(world, organization, domain)
  await world.db.hot
    .updateTable('organization_domains')
    .set({ connection_id: connection })
    .where('domain', '=', domain)
    .execute()
}

const slugOf = async (id: string): Promise<string> =>
  (
    await world.db.hot
      .selectFrom('organizations')
      .select('slug')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  ).slug

const JSON_ANSWER = { headers: { accept: 'application/json' } }
const HTML = { headers: { accept: 'text/html' } }

describe('a connection whose stored settings cannot be read', () => {
  it.each([
    ['a certificate', { saml: { certificates: ['AAAA'] } }, ['settings.saml.certificates']],
    ['a setting of a newer version', { requires: 'something' }, ['settings.requires']],
    ['settings that are none', 'text', ['settings']],
  ])('because of %s is not used, and not offered', async (_, stored, unreadable) => {
    for (const organization of [null, organizationId]) {
      const { connection } = await samlPeer(
        world,
        organization === null ? {} : { organizationId: organization },
      )
      const good = await samlPeer(world, organization === null ? {} : { organizationId: organization })
      // a domain leads to each: it is what cannot be read that keeps one from being offered
      if (organization !== null)
        for (const one of [connection, good.connection]) await lead(organization, one.id)
      const settings = typeof stored === 'string' ? stored : { ...connection.settings, ...stored }
      await world.db.hot
        .updateTable('connections')
        .set({ settings: JSON.stringify(settings) })
        .where('id', '=', connection.id)
        .execute()
      expect(await findConnection(world.db.hot, connection.id)).toMatchObject({
        status: 'disabled',
        unreadable,
      })
      const offered = (await listActiveConnections(world.db.hot, organization)).map(({ id }) => id)
      expect(offered).toContain(good.connection.id)
      expect(offered).not.toContain(connection.id)
      const query = organization === null ? '' : `?organization=${organization}`
      const providers = await world.client().get(`/api/v1/auth/external/providers${query}`)
      expect([
        providers.status,
        providers.data.map(({ provider }: { provider: string }) => provider),
      ]).toEqual([200, offered])
      const page = await world
        .client()
        .get(organization === null ? '/sign-in' : `/sign-in/o/${await slugOf(organization)}`, HTML)
      expect([page.status, page.text.includes(`/external/${connection.slug}/`)]).toEqual([200, false])
      expect(page.text).toContain(`/external/${good.connection.slug}/`)
      const begun = await world
        .client()
        .get(`/api/v1/auth/external/${connection.slug}/authorize`, JSON_ANSWER)
      expect(begun.status).toBe(404)
    }
  })

  it('is listed, read, changed and deleted by its administrators', async () => {
    const path = `/api/v1/organizations/${organizationId}/connections`
    const key = providerKey(world.clock.now())
    const { connection } = await samlPeer(world, { organizationId })
    const settings = {
      default_role: 'admin',
      requires: 1,
      saml: { ...connection.settings.saml, certificates: ['AAAA'] },
    }
    await world.db.hot
      .updateTable('connections')
      .set({ settings: JSON.stringify(settings) })
      .where('id', '=', connection.id)
      .execute()
    expect((await owner.client.get(path)).status).toBe(200)
    const read = await owner.client.get(`${path}/${connection.id}`)
    expect(read.data).toMatchObject({
      status: 'disabled',
      state: 'disabled',
      missing: ['settings.saml.certificates', 'settings.requires'],
      settings: { default_role: 'admin', saml: { entity_id: connection.settings.saml?.entity_id } },
    })
    const repaired = await owner.client.patch(`${path}/${connection.id}`, {
      status: 'active',
      settings: { saml: { certificates: [key.certificate] } },
    })
    expect(repaired.data).toMatchObject({ status: 'active', missing: [] })
    await world.db.hot
      .updateTable('connections')
      .set({ settings: JSON.stringify(settings) })
      .where('id', '=', connection.id)
      .execute()
    expect((await owner.client.delete(`${path}/${connection.id}`)).status).toBe(200)
  })

  it('does not keep the owners of others from being warned of certificates that expire', async () => {
    const [odd, soon] = [await samlPeer(world), providerKey(world.clock.now(), { days: 20 })]
    await world.db.hot
      .updateTable('connections')
      .set({ settings: '{"saml":{"certificates":["AAAA"]}}' })
      .where('id', '=', odd.connection.id)
      .execute()
    await samlPeer(world, { organizationId, saml: { certificates: [soon.certificate] } })
    await world.clock.advance('25 hours')
    expect((await world.mailbox.emailsTo(owner.email)).map(({ subject }) => subject)).toContain(
      'A certificate of “Analytical Engines” expires within 30 days',
    )
  })
})
