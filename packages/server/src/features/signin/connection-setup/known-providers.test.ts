/**
 * A set-up link connects no provider that the organization knows: under the name of another one, with keys that its reader has
 * entered, it would sign in as any user of that one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { goal } from '../../../testing/federation.ts'
import { answerSaml, beginSaml, samlRequestIn } from '../../../testing/saml-browser.ts'
import { IDP, samlPeer } from '../../../testing/saml-connection.ts'
import { type ProviderKey, providerKey } from '../../../testing/saml-provider.ts'
import { type SetupWorld, startSetupWorld, testByLink } from './testing.ts'

let all: SetupWorld
let key: ProviderKey
beforeAll(async () => {
  all = await startSetupWorld()
  key = providerKey(all.world.clock.now())
})
afterAll(() => all?.stop())

type Owner = Awaited<ReturnType<SetupWorld['owner']>>

const KNOWN = 'The organization knows this provider already. Only its owners can connect it again'
const oidc = () => {
  const { clientId, secret, settings } = all.federated.fakes.provider('oidc')
  return { issuer: settings.issuer ?? '', client_id: clientId, client_secret: secret }
}
const settingsOf = async ({ organization }: Owner, id?: string) => {
  const rows = await all.world.db.tx('system', (tx) =>
    tx
      .selectFrom('connections')
      .selectAll()
      .where('organization_id', '=', organization)
      .orderBy('id')
      .execute(),
  )
  return rows.filter((row) => row.origin === 'setup_link' && (id === undefined || row.id === id))
}

/** A reader of a new link who has chosen SAML. */
async function reader(owner: Owner): Promise<{ at: string; client: Client }> {
  const { at } = await all.link(owner, { intent: 'connection' })
  const client = all.world.client()
  await all.send(client, at, '/provider', { choice: 'saml' })
  return { at, client }
}

const enter = ({ at, client }: { at: string; client: Client }, entity_id: string) =>
  all.send(client, at, '/settings', {
    entity_id,
    sso_url: 'https://it.example/sso',
    certificate: key.certificate,
  })

/** Tests the draft at the reader's own provider. */
async function tested({ at, client }: { at: string; client: Client }, issuer: string): Promise<void> {
  await answerSaml(all.world, client, await beginSaml(client, `${at}/test/begin`), { key, issuer })
}

describe('what a set-up link connects', () => {
  it('is not the entity id of another connection, by SAML or as the issuer of OpenID Connect', async () => {
    const owner = await all.owner()
    await samlPeer(all.world, { organizationId: owner.organization })
    await all.federated.connect('oidc', { organizationId: owner.organization })
    const it_ = await reader(owner)
    for (const entityId of [IDP, oidc().issuer, `${oidc().issuer}/`]) {
      const reply = await enter(it_, entityId)
      expect([entityId, reply.status]).toEqual([entityId, 409])
      expect(reply.text).toContain(KNOWN)
      // what was typed is kept
      expect(reply.text).toContain('https://it.example/sso')
    }
    expect((await settingsOf(owner))[0]?.settings).toEqual({})
    expect(goal(await enter(it_, 'https://it.example/metadata'))).toBe(`${it_.at}/test`)
  })

  it('is not the issuer of another connection', async () => {
    const owner = await all.owner()
    await all.federated.connect('oidc', { organizationId: owner.organization, status: 'disabled' })
    const { at } = await all.link(owner, { intent: 'connection' })
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'keycloak-oidc' })
    const reply = await all.send(client, at, '/settings', oidc())
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining(KNOWN)])
    expect((await settingsOf(owner))[0]).toMatchObject({ client_id: null, client_secret: null })
  })

  it('is not the entity id that is the issuer of a SAML connection, by OpenID Connect', async () => {
    const owner = await all.owner()
    await samlPeer(all.world, { organizationId: owner.organization, saml: { entity_id: oidc().issuer } })
    const { at } = await all.link(owner, { intent: 'connection' })
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'oidc' })
    expect((await all.send(client, at, '/settings', oidc())).status).toBe(409)
  })

  it('is not a provider that needs no issuer, where the organization has it: the draft before stays', async () => {
    const owner = await all.owner()
    await all.federated.connect('google', { organizationId: owner.organization })
    const { at, client } = await reader(owner)
    const reply = await all.send(client, at, '/provider', { choice: 'google-oidc' })
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining(KNOWN)])
    expect(await settingsOf(owner)).toMatchObject([{ provider: 'saml' }])
  })

  it('is no issuer of identities whose connection was deleted', async () => {
    const owner = await all.owner()
    const peer = await samlPeer(all.world, { organizationId: owner.organization })
    const path = `/api/v1/auth/external/${peer.connection.slug}`
    const begun = (await owner.client.post(`${path}/link`, {})).data.authorization_url
    await answerSaml(all.world, owner.client, samlRequestIn(begun), { key: peer.key, nameId: 'boss' })
    expect(await all.federated.identitiesOf(owner.id)).toHaveLength(1)
    const base = `/api/v1/organizations/${owner.organization}/connections`
    expect((await owner.client.delete(`${base}/${peer.connection.id}`)).status).toBe(200)
    expect((await enter(await reader(owner), IDP)).status).toBe(409)
  })

  it('may be what another organization has', async () => {
    await samlPeer(all.world, { organizationId: (await all.owner()).organization })
    const it_ = await reader(await all.owner())
    expect(goal(await enter(it_, IDP))).toBe(`${it_.at}/test`)
  })

  it('is judged again at the activation', async () => {
    const owner = await all.owner()
    const issuer = 'https://later.example/metadata'
    const it_ = await reader(owner)
    await enter(it_, issuer)
    await tested(it_, issuer)
    const made = await owner.client.post(`/api/v1/organizations/${owner.organization}/connections`, {
      provider: 'saml',
      settings: { saml: { entity_id: issuer } },
    })
    expect(made.status).toBe(201)
    const reply = await all.send(it_.client, it_.at, '/complete', {}, '/provider')
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining(KNOWN)])
    expect(await settingsOf(owner)).toMatchObject([{ status: 'draft' }])
  })

  it('is connected by one of several links at once', async () => {
    const owner = await all.owner()
    const issuer = 'https://raced.example/metadata'
    const readers = await Promise.all(Array.from({ length: 5 }, () => reader(owner)))
    for (const it_ of readers) {
      expect(goal(await enter(it_, issuer))).toBe(`${it_.at}/test`)
      await tested(it_, issuer)
    }
    const replies = await Promise.all(
      readers.map(({ at, client }) => all.send(client, at, '/complete', {}, '')),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([303, 409, 409, 409, 409])
    const states = (await settingsOf(owner)).map(({ status }) => status)
    expect(states.filter((status) => status === 'active')).toHaveLength(1)
  })
})

describe('a connection that a set-up link has made', () => {
  it('is the caller’s, once they say which provider it is, and no longer that of the link', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner, { intent: 'connection' })
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'oidc' })
    await all.send(client, at, '/settings', oidc())
    await testByLink(all, client, at)
    const [made] = await settingsOf(owner)
    const path = `/api/v1/organizations/${owner.organization}/connections/${made?.id}`
    expect((await owner.client.patch(path, { name: 'Renamed', settings: { registers: false } })).status).toBe(
      200,
    )
    expect((await settingsOf(owner)).map(({ id }) => id)).toEqual([made?.id])
    const other = { settings: { issuer: 'https://other.example' } }
    expect((await owner.client.patch(path, other)).data).toMatchObject({ origin: 'api' })
    expect((await all.send(client, at, '/settings', oidc())).status).toBe(409)
  })
})
