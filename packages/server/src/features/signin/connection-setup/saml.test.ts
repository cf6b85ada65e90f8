/** SAML through a set-up link, by HTTP: the metadata is fetched when it is saved, the sign-in is tested, and members sign in. */
import { inflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { goal, HTML } from '../../../testing/federation.ts'
import { type MetadataServer, startMetadataServer } from '../../../testing/metadata-server.ts'
import { base64 } from '../../../testing/saml-connection.ts'
import {
  assertionXml,
  metadataXml,
  type ProviderKey,
  providerKey,
  responseXml,
  signElement,
} from '../../../testing/saml-provider.ts'
import { type SetupWorld, startSetupWorld } from './testing.ts'

let all: SetupWorld
let server: MetadataServer
let key: ProviderKey
beforeAll(async () => {
  server = await startMetadataServer()
  all = await startSetupWorld({ connectionHosts: [server.host] })
  key = providerKey(all.world.clock.now())
  server.publish(key.certificate)
})
afterAll(async () => {
  await all?.stop()
  await server?.stop()
})

const connectionOf = async (organization: string) => {
  const { settings, ...row } = await all.world.db.tx('system', (tx) =>
    tx
      .selectFrom('connections')
      .select(['id', 'status', 'settings', 'tested_at'])
      .where('organization_id', '=', organization)
      .executeTakeFirstOrThrow(),
  )
  return { ...row, settings: settings as { saml?: Record<string, unknown> } }
}

/** A new link, whose reader has chosen SAML. */
async function chosen() {
  const owner = await all.owner()
  const { at } = await all.link(owner)
  const client = all.world.client()
  expect(goal(await all.send(client, at, '/provider', { choice: 'saml' }))).toBe(`${at}/settings`)
  return { owner, at, client }
}

/** The identity provider signs the person of a request in, and posts its answer. @returns where the browser goes afterwards */
async function answered(client: Client, begun: string | null, email: string): Promise<string> {
  const { searchParams } = new URL(begun ?? '')
  const request = inflateRawSync(Buffer.from(searchParams.get('SAMLRequest') ?? '', 'base64')).toString()
  const [, inResponseTo = null] = / ID="([^"]+)"/.exec(request) ?? []
  const [, acs = ''] = /AssertionConsumerServiceURL="([^"]+)"/.exec(request) ?? []
  const [, audience = ''] = /<saml:Issuer[^>]*>([^<]+)</.exec(request) ?? []
  const common = { issuer: server.entityId, inResponseTo, now: all.world.clock.now() }
  const attributes = { mail: email, givenName: 'Ada', sn: 'Lovelace', groups: ['math'] }
  const { xml, id } = assertionXml({ ...common, audience, recipient: acs, nameId: email, attributes })
  const response = responseXml(signElement(xml, id, { key }), { ...common, destination: acs })
  const posted = await all.world.client().post(
    new URL(acs).pathname,
    { SAMLResponse: base64(response.xml), RelayState: searchParams.get('RelayState') },
    {
      form: true,
      headers: { ...HTML.headers, origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    },
  )
  expect(posted.status).toBe(303)
  return goal(await client.get(goal(posted) ?? '', HTML)) ?? ''
}

describe('a set-up by SAML', () => {
  it.each(['metadata_url', 'metadata_xml', 'certificate'])(
    'by %s ends with a connection by which members sign in',
    async (by) => {
      const { owner, at, client } = await chosen()
      const settings = await client.get(`${at}/settings`, HTML)
      const { id } = await connectionOf(owner.organization)
      for (const part of ['metadata', 'acs']) expect(settings.text).toContain(`/saml/${id}/${part}`)
      // the identity provider reads our metadata before the connection is active
      expect((await client.get(`/saml/${id}/metadata`)).text).toContain(`/saml/${id}/acs`)
      const fields: Record<string, Record<string, string>> = {
        metadata_url: { metadata_url: server.url },
        metadata_xml: {
          metadata_xml: metadataXml({ entityId: server.entityId, certificates: [key.certificate] }),
        },
        certificate: {
          entity_id: server.entityId,
          sso_url: 'https://idp.example/sso',
          certificate: `-----BEGIN CERTIFICATE-----\n${key.certificate}\n-----END CERTIFICATE-----`,
        },
      }
      expect(goal(await all.send(client, at, '/settings', fields[by]))).toBe(`${at}/test`)
      const saved = await connectionOf(owner.organization)
      expect(saved.settings.saml).toMatchObject({
        entity_id: server.entityId,
        sso_url: 'https://idp.example/sso',
        certificates: [key.certificate],
        ...(by === 'metadata_url' && { metadata_url: server.url }),
      })
      expect((await all.send(client, at, '/complete', {}, '/provider')).status).toBe(409)
      const begun = goal(await client.get(`${at}/test/begin`, HTML))
      expect(begun).toMatch(/^https:\/\/idp\.example\/sso\?/)
      const domain = `${by.replace('_', '-')}.example.com`
      const shown = await answered(client, begun, `it@${domain}`)
      expect(shown.startsWith(`${at}/test?trip=`)).toBe(true)
      const outcome = (await client.get(shown, HTML)).text
      for (const part of [`it@${domain}`, 'Ada Lovelace', 'math']) expect(outcome).toContain(part)
      await all.federated.prove(owner.organization, domain)
      expect(goal(await all.send(client, at, '/complete', {}, ''))).toBe(at)
      expect(await connectionOf(owner.organization)).toMatchObject({
        status: 'active',
        tested_at: expect.any(Date),
      })
      // the test has signed no one in; a member is signed in
      expect((await client.get('/api/v1/auth/me')).status).toBe(401)
      const member = all.world.client()
      const asked = await member.get(
        `/api/v1/auth/external/${id}/authorize?return_to=%2Faccount%2Fsessions`,
        HTML,
      )
      expect(await answered(member, goal(asked), `ada@${domain}`)).toBe('/account/sessions')
      expect(await all.federated.me(member)).toMatchObject({
        email: `ada@${domain}`,
        full_name: 'Ada Lovelace',
      })
      const { data } = await member.get('/api/v1/users/me/organizations')
      expect(data).toMatchObject([{ id: owner.organization, role: 'member' }])
    },
  )

  it('says at its field why metadata cannot be fetched, and keeps what was stored', async () => {
    const { owner, at, client } = await chosen()
    await all.send(client, at, '/settings', { metadata_url: server.url })
    const before = await connectionOf(owner.organization)
    const wrong: [string, { status: number; body: string }, RegExp][] = [
      [server.url, { status: 404, body: 'not here' }, /status 404/],
      [server.url, { status: 200, body: '<html><p>Please sign in' }, /metadata cannot be read/],
      [server.url, { status: 200, body: '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>' }, /In detail/],
      [server.url, { status: 200, body: 'x'.repeat(2_000_000) }, /In detail/],
      [server.url, { status: 200, body: metadataXml({ entityId: 'x', certificates: [] }) }, /In detail/],
      ['http://169.254.169.254/latest', server.answer, /in a private network/],
      ['http://idp.example/metadata', server.answer, /is not https/],
      ['https://127.0.0.1/metadata', server.answer, /in a private network/],
      ['https://nowhere.invalid/metadata', server.answer, /In detail/],
    ]
    const good = server.answer
    for (const [metadata_url, answer, words] of wrong) {
      server.answer = answer
      const { status, text } = await all.send(client, at, '/settings', { metadata_url })
      expect([metadata_url, status]).toEqual([metadata_url, 400])
      const [, error = ''] = /id="field-metadata_url-error">([^<]+)</.exec(text) ?? []
      expect(error).toMatch(words)
      expect(text).toContain(`value="${metadata_url}"`)
    }
    server.answer = good
    expect(await connectionOf(owner.organization)).toEqual(before)
    const pasted = await all.send(client, at, '/settings', { metadata_xml: '<a/>' })
    expect(pasted.text).toContain('id="field-metadata_xml-error"')
  })

  it('tested before its certificates changed is tested again', async () => {
    const { owner, at, client } = await chosen()
    await all.send(client, at, '/settings', { metadata_url: server.url })
    await answered(client, goal(await client.get(`${at}/test/begin`, HTML)), 'it@again.example.com')
    const other = providerKey(all.world.clock.now())
    const metadata_xml = metadataXml({ entityId: server.entityId, certificates: [other.certificate] })
    await all.send(client, at, '/settings', { metadata_xml })
    expect((await all.send(client, at, '/complete', {}, '/provider')).status).toBe(409)
    // and the test says what is wrong with a certificate of another
    const shown = await answered(
      client,
      goal(await client.get(`${at}/test/begin`, HTML)),
      'it@again.example.com',
    )
    expect((await client.get(shown, HTML)).text).toContain('signature')
    expect((await connectionOf(owner.organization)).tested_at).toBeNull()
  })
})
