/** Our metadata, judged by the schema of SAML and by pysaml2. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { childrenOf, readXml } from '../../../base/xml/index.ts'
import { activateConnectionKeys, prepareConnectionKeys } from '../../../core/saml/index.ts'
import { SAML } from '../../../core/saml/names.ts'
import { askPysaml2, hasPysaml2 } from '../../../testing/pysaml2.ts'
import { samlPeer } from '../../../testing/saml-connection.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const LIMITS = {
  length: 100_000,
  depth: 10,
  elements: 200,
  attributes: 300,
  attributesOfElement: 20,
  comments: false,
}

async function fetchMetadata(path: string): Promise<{ xml: string; type: string | null }> {
  const response = await fetch(`${world.url}${path}`)
  expect(response.status).toBe(200)
  return { xml: await response.text(), type: response.headers.get('content-type') }
}

const keysIn = (xml: string): string[] => {
  const [descriptor] = childrenOf(readXml(xml, LIMITS), SAML.metadata, 'SPSSODescriptor')
  return descriptor
    ? childrenOf(descriptor, SAML.metadata, 'KeyDescriptor').map(
        ({ attributes }) => attributes.find(({ name }) => name === 'use')?.value ?? '',
      )
    : []
}

describe('GET /saml/:connection/metadata', () => {
  it('names the entity, its endpoints, formats and certificates', async () => {
    const { connection } = await samlPeer(world)
    const { xml, type } = await fetchMetadata(`/saml/${connection.slug}/metadata`)
    const base = `${world.config.publicUrl}/saml/${connection.slug}`
    expect(type).toBe('application/samlmetadata+xml; charset=utf-8')
    expect(xml).toContain(`entityID="${base}/metadata"`)
    expect(xml).toContain('AuthnRequestsSigned="false" WantAssertionsSigned="true"')
    expect(xml).toContain(
      `<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="${base}/acs" index="0" isDefault="true"/>`,
    )
    for (const binding of ['Redirect', 'POST'])
      expect(xml).toContain(
        `<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-${binding}" Location="${base}/logout"/>`,
      )
    expect(xml).toMatch(
      /<md:NameIDFormat>\S+:persistent<\/md:NameIDFormat>\n<md:NameIDFormat>\S+:emailAddress</,
    )
    expect(keysIn(xml)).toEqual(['signing', 'encryption'])
    expect((await fetchMetadata(`/saml/${connection.slug}/metadata`)).xml).toBe(xml)
  })

  it('has two certificates for signatures while they are rolled', async () => {
    const { connection } = await samlPeer(world)
    const call = systemCall(world.clock.now())
    const before = await fetchMetadata(`/saml/${connection.slug}/metadata`)
    await prepareConnectionKeys(world.app.tools, call, connection)
    const rolling = await fetchMetadata(`/saml/${connection.slug}/metadata`)
    expect(keysIn(rolling.xml)).toEqual(['signing', 'signing', 'encryption'])
    await activateConnectionKeys(world.app.tools, call, connection)
    const after = await fetchMetadata(`/saml/${connection.slug}/metadata`)
    expect(keysIn(after.xml)).toEqual(['signing', 'encryption'])
    expect(after.xml).not.toBe(before.xml)
  })

  it('names the requested format first, and that requests are signed', async () => {
    const { connection } = await samlPeer(world, { saml: { name_id: 'emailAddress', signs_requests: true } })
    const { xml } = await fetchMetadata(`/saml/${connection.slug}/metadata`)
    expect(xml).toMatch(
      /<md:NameIDFormat>\S+:emailAddress<\/md:NameIDFormat>\n<md:NameIDFormat>\S+:persistent</,
    )
    expect(xml).toContain('AuthnRequestsSigned="true"')
  })

  it('of the default connection is at /saml/metadata, with the addresses of the first document', async () => {
    expect((await fetch(`${world.url}/saml/metadata`)).status).toBe(404)
    await samlPeer(world, { slug: 'saml' })
    const { xml } = await fetchMetadata('/saml/metadata')
    expect(xml).toContain(`entityID="${world.config.publicUrl}/saml/metadata"`)
    expect(xml).toContain(`Location="${world.config.publicUrl}/saml/acs"`)
    expect((await fetchMetadata('/saml/saml/metadata')).xml).toBe(xml)
  })

  it('is not there for other connections', async () => {
    const { connection } = await samlPeer(world)
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ provider: 'oidc' }).where('id', '=', connection.id).execute(),
    )
    for (const path of [connection.slug, 'unknown', '..%2fmetadata', 'x'.repeat(100)])
      expect((await fetch(`${world.url}/saml/${path}/metadata`)).status, path).toBeGreaterThanOrEqual(400)
  })

  it.skipIf(!hasPysaml2)('is valid by the schema of SAML, and accepted by pysaml2', async () => {
    const { connection } = await samlPeer(world)
    await prepareConnectionKeys(world.app.tools, systemCall(world.clock.now()), connection)
    const { xml } = await fetchMetadata(`/saml/${connection.slug}/metadata`)
    const base = `${world.config.publicUrl}/saml/${connection.slug}`
    expect(await askPysaml2(READ_METADATA, xml)).toEqual({
      entity: `${base}/metadata`,
      acs: [`${base}/acs`],
      slo: [`${base}/logout`, `${base}/logout`],
      signing: 2,
      encryption: 1,
    })
  })
})

const READ_METADATA = `
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.attribute_converter import ac_factory
from saml2.config import Config
from saml2.mdstore import MetadataStore
from saml2.xml.schema import schema_saml_metadata

schema_saml_metadata.validate(document)
store = MetadataStore(ac_factory(), Config())
store.load("inline", document)
entity = list(store.keys())[0]
places = lambda services: [service["location"] for service in services]
answer({
    "entity": entity,
    "acs": places(store.assertion_consumer_service(entity, BINDING_HTTP_POST)),
    "slo": [
        place
        for binding in (BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)
        for place in places(store.single_logout_service(entity, binding, "spsso"))
    ],
    "signing": len(store.certs(entity, "spsso", "signing")),
    "encryption": len(store.certs(entity, "spsso", "encryption")),
})
`
