/**
 * What a message costs before it is refused, and what real ones need. The library that verifies signatures searches the whole
 * document for each of several things, so it reads none that the provider has not signed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  base64,
  REQUEST_ID,
  responseReader,
  type SamlPeer,
  samlPeer,
} from '../../../testing/saml-connection.ts'
import { newId, providerKey, signatureOf, signElement } from '../../../testing/saml-provider.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
let peer: SamlPeer
let read: ReturnType<typeof responseReader>['read']
let faultOf: ReturnType<typeof responseReader>['faultOf']
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  peer = await samlPeer(world, { slug: 'saml', settings: { attributes: { groups: 'groups' } } })
  ;({ read, faultOf } = responseReader(world, peer))
})
afterAll(() => world.stop())

const groups = (count: number): string[] => Array.from({ length: count }, (_, n) => `group & ${n}`)

/** A response with one signed assertion, changed afterwards. */
function changed(change: (xml: string) => string, key = peer.key): string {
  const { xml, id } = peer.assertion()
  return base64(change(peer.response(signElement(xml, id, { key })).xml))
}
const inKeyInfo = (more: string) => (xml: string) => xml.replace('</ds:KeyInfo>', `${more}</ds:KeyInfo>`)

describe('a real assertion', () => {
  it('has 500 groups', async () => {
    const { groups: found } = await read(peer.signed({ attributes: { groups: groups(500) } }))
    expect(found?.slice(0, 2)).toEqual(['group & 0', 'group & 1'])
  })

  it('is signed with what exclusive canonicalization has to write in particular', async () => {
    const forms: readonly ((xml: string, id: string) => string)[] = [
      // in the default namespace, as Microsoft Entra writes it
      (xml, id) => {
        const plain = xml.replace(/(<\/?)saml:/g, '$1').replace('xmlns:saml=', 'xmlns=')
        const at = plain.indexOf('</Issuer>') + '</Issuer>'.length
        return plain.slice(0, at) + signatureOf(plain, id, { key: peer.key }) + plain.slice(at)
      },
      // the chain of a certificate authority, the name and the value of the key, as Keycloak writes them
      (xml, id) =>
        inKeyInfo(
          `<ds:KeyName>k</ds:KeyName><ds:X509Data><ds:X509Certificate>MIIB</ds:X509Certificate><ds:X509SubjectName>CN=a</ds:X509SubjectName></ds:X509Data><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>`,
        )(signElement(xml, id, { key: peer.key })),
      // prefixes that only values use, as Shibboleth lists them
      (xml, id) =>
        signElement(xml, id, {
          key: peer.key,
          info: (info) =>
            info.replace(
              /(<ds:Transform Algorithm="http:\/\/www\.w3\.org\/2001\/10\/xml-exc-c14n#">)/,
              '$1<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="xs #default"></ec:InclusiveNamespaces>',
            ),
        }),
    ]
    for (const form of forms) {
      const { xml, id } = peer.assertion({ attributes: { cn: 'Grüße "a" > b\n& c' } })
      expect(await read(base64(peer.response(form(xml, id)).xml))).toMatchObject({ subject: 'ada' })
    }
  })

  it('has line breaks and spaces that are no part of the signature’s form', async () => {
    const { xml, id } = peer.assertion()
    const spaced = signElement(xml, id, {
      key: peer.key,
      info: (info) => info.replaceAll('><', '>\n  <'),
      finish: (signature) => signature.replaceAll('</ds:SignatureValue>', '\n</ds:SignatureValue>\n'),
    })
    expect(await read(base64(peer.response(spaced).xml.replaceAll('\n', '\r\n')))).toMatchObject({
      subject: 'ada',
    })
  })
})

describe('a message is refused', () => {
  const refused: Readonly<Record<string, () => string>> = {
    'with more than 1,500 elements': () =>
      changed((xml) => xml.replace('</saml:Assertion>', `${'<saml:x/>'.repeat(1500)}</saml:Assertion>`)),
    'with more than 1,500 elements outside of what is signed': () =>
      changed((xml) =>
        xml.replace(
          '<samlp:Status>',
          `<samlp:Extensions>${'<x/>'.repeat(1500)}</samlp:Extensions><samlp:Status>`,
        ),
      ),
    'with a KeyInfo of 41 elements': () => changed(inKeyInfo('<ds:KeyName/>'.repeat(41))),
    'with a reference in KeyInfo': () => changed(inKeyInfo('<ds:Reference URI="#x"/>')),
    'with elements of another namespace in KeyInfo': () => changed(inKeyInfo('<x xmlns="urn:x"/>')),
    'with a list of 31 prefixes': () =>
      changed((xml) =>
        xml.replace(
          /(<ds:Transform Algorithm="http:\/\/www\.w3\.org\/2001\/10\/xml-exc-c14n#">)/,
          `$1<InclusiveNamespaces xmlns="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="${Array.from({ length: 31 }, (_, n) => `p${n}`).join(' ')}"/>`,
        ),
      ),
    'with another parameter of the canonicalization': () =>
      changed((xml) => xml.replace(/(<ds:CanonicalizationMethod[^>]*>)/, '$1<ds:XPath>//x</ds:XPath>')),
  }
  for (const [name, response] of Object.entries(refused))
    it(name, async () => expect(await faultOf(response())).toBe('unsafe_document'))

  it('where another key, or none of ten, has signed it, or what is signed was changed', async () => {
    const others = Array.from({ length: 9 }, () => providerKey(world.clock.now()))
    const certificates = [...others.map(({ certificate }) => certificate), peer.key.certificate]
    const connection = await peer.change({ certificates })
    const stranger = providerKey(world.clock.now())
    const more = (xml: string) =>
      xml.replace('</saml:Assertion>', `${'<saml:x/>'.repeat(1000)}</saml:Assertion>`)
    for (const response of [
      changed((xml) => xml, stranger),
      changed(more, stranger),
      // SignedInfo is the provider's, its digest is of another assertion
      changed(more),
      changed((xml) => xml.replace(/<ds:DigestValue>[^<]*/, `<ds:DigestValue>${base64(newId())}`)),
      changed((xml) => xml.replace(/<ds:SignatureValue>[^<]*/, `<ds:SignatureValue>${base64('x')}`)),
    ])
      expect(await faultOf(response, connection)).toBe('wrong_signature')
    expect(await read(peer.signed({ inResponseTo: REQUEST_ID }), connection)).toMatchObject({
      subject: 'ada',
    })
    await peer.change({})
  })
})
