/** The canon of hostile messages, through readSamlResponse. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProviderFault } from '../../../core/providers/index.ts'
import { base64, responseReader, type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import { providerKey, type SignOptions, signatureOf, signElement } from '../../../testing/saml-provider.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
let peer: SamlPeer
beforeAll(async () => {
  world = await startWorld()
  peer = await samlPeer(world)
  peer.at = world.clock.now()
})
afterAll(() => world.stop())

const read = (response: string, connection = peer.connection) =>
  responseReader(world, peer).read(response, connection)
const faultOf = (response: string, connection = peer.connection) =>
  responseReader(world, peer).faultOf(response, connection)

/** A signed response as text. */
const valid = (signing: Partial<SignOptions> = {}): string =>
  Buffer.from(peer.signed({}, signing), 'base64').toString()

/** The parts of a signed response. */
function parts() {
  const { xml, id } = peer.assertion()
  const signature = signatureOf(xml, id, { key: peer.key })
  const at = xml.indexOf('</saml:Issuer>') + '</saml:Issuer>'.length
  const signed = xml.slice(0, at) + signature + xml.slice(at)
  const evil = peer.assertion({ nameId: 'eve' }).xml
  const into = (assertion: string, content: string) => {
    const place = assertion.indexOf('</saml:Issuer>') + '</saml:Issuer>'.length
    return assertion.slice(0, place) + content + assertion.slice(place)
  }
  return { id, xml, signature, signed, evil, into, wrap: (content: string) => peer.response(content).xml }
}

describe('refused before a library parses it', () => {
  const before: Readonly<Record<string, [(xml: string) => string | Buffer, ProviderFault]>> = {
    'a document type': [(xml) => `<!DOCTYPE x>${xml}`, 'unsafe_document'],
    'a document type after white space': [(xml) => ` \n\t<!DOCTYPE x>${xml}`, 'unsafe_document'],
    'a document type after a byte order mark': [(xml) => `\ufeff<!DOCTYPE x>${xml}`, 'unsafe_document'],
    'an entity': [
      (xml) => `<!DOCTYPE x [<!ENTITY e "eve">]>${xml.replace('>ada<', '>&e;<')}`,
      'unsafe_document',
    ],
    'an external entity': [
      (xml) => `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${xml}`,
      'unsafe_document',
    ],
    'a billion laughs': [
      (xml) =>
        `<!DOCTYPE x [<!ENTITY a "${'ha'.repeat(50)}"><!ENTITY b "${'&a;'.repeat(50)}">]>${xml.replace('>ada<', '>&b;<')}`,
      'unsafe_document',
    ],
    'an entity without a declaration': [(xml) => xml.replace('>ada<', '>&e;<'), 'bad_answer'],
    'UTF-16': [(xml) => Buffer.from(`\ufeff${xml}`, 'utf16le'), 'unsafe_document'],
    'UTF-16 without a mark': [(xml) => Buffer.from(`<!DOCTYPE x>${xml}`, 'utf16le'), 'unsafe_document'],
    'UTF-7': [
      (xml) => `<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x+AD4-${xml}`,
      'unsafe_document',
    ],
    'UTF-7 without a declaration': [(xml) => `+ADwAIQ-DOCTYPE x+AD4-${xml}`, 'bad_answer'],
    'Latin-1': [(xml) => Buffer.from(xml.replace('>ada<', '>\u00e4da<'), 'latin1'), 'unsafe_document'],
    'a comment in the NameID': [
      (xml) => xml.replace('>ada<', '>ada@example.com<!-- -->.evil.example<'),
      'unsafe_document',
    ],
    'a processing instruction in the NameID': [
      (xml) => xml.replace('>ada<', '>ada<?x?>@evil.example<'),
      'unsafe_document',
    ],
    'CDATA in the NameID': [(xml) => xml.replace('>ada<', '><![CDATA[ada]]><'), 'unsafe_document'],
    'a comment in the audience': [
      (xml) => xml.replace('</saml:Audience>', '<!-- --></saml:Audience>'),
      'unsafe_document',
    ],
    'a comment in the digest': [
      (xml) => xml.replace('<ds:DigestValue>', '<ds:DigestValue><!-- x -->'),
      'unsafe_document',
    ],
    'a comment before the response': [(xml) => `<!-- -->${xml}`, 'unsafe_document'],
    'more than 256 kB': [(xml) => xml.replace('>ada<', `>${'a'.repeat(263_000)}<`), 'unsafe_document'],
    'more than 64 levels': [
      (xml) => xml.replace(/<\/samlp:Response>$/, `${'<x>'.repeat(70)}${'</x>'.repeat(70)}</samlp:Response>`),
      'unsafe_document',
    ],
    'thousands of elements': [
      (xml) => xml.replace(/<\/samlp:Response>$/, `${'<x/>'.repeat(6000)}</samlp:Response>`),
      'unsafe_document',
    ],
    'hundreds of attributes': [
      (xml) =>
        xml.replace(
          /<\/samlp:Response>$/,
          `<x ${Array.from({ length: 300 }, (_, n) => `a${n}=""`).join(' ')}/></samlp:Response>`,
        ),
      'unsafe_document',
    ],
    'hundreds of namespaces': [
      (xml) =>
        xml.replace(
          /<\/samlp:Response>$/,
          `<x ${Array.from({ length: 300 }, (_, n) => `xmlns:a${n}="u"`).join(' ')}/></samlp:Response>`,
        ),
      'unsafe_document',
    ],
    'the same ID twice': [
      (xml) =>
        xml.replace(/<\/samlp:Response>$/, `<x Id="${/ID="(_\w+)"/.exec(xml)?.[1]}"/></samlp:Response>`),
      'unsafe_document',
    ],
    'an ID with a quote': [(xml) => xml.replace(/ID="_/, 'ID="\'_'), 'bad_answer'],
    'text after the response': [(xml) => `${xml}x`, 'bad_answer'],
    'half a response': [(xml) => xml.slice(0, xml.length / 2), 'bad_answer'],
    'no XML': [() => '{"SAMLResponse":""}', 'bad_answer'],
    nothing: [() => '', 'bad_answer'],
    'another message': [(xml) => xml.replaceAll('samlp:Response', 'samlp:AuthnRequest'), 'bad_answer'],
    'a response of another namespace': [
      (xml) => xml.replace('SAML:2.0:protocol', 'SAML:1.1:protocol'),
      'bad_answer',
    ],
  }
  for (const [name, [change, fault]] of Object.entries(before))
    it(name, async () => {
      const changed = change(valid())
      const bytes = typeof changed === 'string' ? Buffer.from(changed) : changed
      expect(await faultOf(bytes.toString('base64'))).toBe(fault)
    })

  it.each([
    ['characters outside of the alphabet', 'bad_answer', (text: string) => `${text}!`],
    ['base64url', 'bad_answer', (text: string) => `${text.slice(0, -8)}-_-_`],
    ['bits after the end', 'bad_answer', (text: string) => `${text.replace(/=*$/, '')}B==`],
    [
      'no padding',
      'bad_answer',
      (text: string) =>
        base64(`${Buffer.from(text, 'base64').toString()} `.padEnd(4000))
          .replace(/=*$/, '')
          .slice(0, -1),
    ],
    ['spaces', 'bad_answer', (text: string) => text.replace(/.{10}/, '$& ')],
    ['ten megabytes', 'unsafe_document', () => 'A'.repeat(10_000_000)],
  ])('base64 with %s', async (_, fault, change) => {
    expect(await faultOf(change(peer.signed()))).toBe(fault)
  })
})

describe('signatures', () => {
  it('refuses an assertion that was changed, or is not signed', async () => {
    const { xml } = parts()
    expect(await faultOf(base64(valid().replace('>ada<', '>eve<')))).toBe('wrong_signature')
    expect(await faultOf(base64(peer.response(xml).xml))).toBe('wrong_signature')
  })

  it('refuses a response that alone is signed, and says what to do', async () => {
    const response = peer.response(peer.assertion().xml)
    const signed = signElement(response.xml, response.id, { key: peer.key })
    await expect(read(base64(signed))).rejects.toThrow(
      'Only the response is signed. Let the provider sign the assertion',
    )
  })

  it('refuses a signed response whose signature does not fit, although that of the assertion does', async () => {
    const { xml, id } = peer.assertion()
    const response = peer.response(signElement(xml, id, { key: peer.key }))
    const signed = signElement(response.xml, response.id, { key: providerKey(world.clock.now()) })
    expect(await faultOf(base64(signed))).toBe('wrong_signature')
  })

  const SHA1 = { algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', hash: 'sha1' }
  const forms: Readonly<Record<string, [() => Partial<SignOptions>, ProviderFault]>> = {
    'RSA-SHA1': [() => SHA1, 'wrong_signature'],
    'a digest of SHA-1': [
      () => ({ digestAlgorithm: 'http://www.w3.org/2000/09/xmldsig#sha1', digestHash: 'sha1' }),
      'wrong_signature',
    ],
    'an algorithm that is not known': [() => ({ algorithm: 'urn:none' }), 'wrong_signature'],
    DSA: [() => ({ algorithm: 'http://www.w3.org/2009/xmldsig11#dsa-sha256' }), 'wrong_signature'],
    'a reference to the whole document': [() => ({ uri: '' }), 'unsafe_document'],
    'a reference to another element': [() => ({ uri: '#_other' }), 'unsafe_document'],
    'an XPointer': [() => ({ uri: "#xpointer(id('x'))" }), 'unsafe_document'],
    'a reference to a file': [() => ({ uri: 'file:///etc/passwd' }), 'unsafe_document'],
    'two references': [
      () => ({
        info: (info) =>
          info + info.slice(info.indexOf('<ds:Reference'), info.indexOf('</ds:Reference>') + 15),
      }),
      'unsafe_document',
    ],
    'no reference': [
      () => ({ info: (info) => info.replace(/<ds:Reference.*<\/ds:Reference>/, '') }),
      'unsafe_document',
    ],
    'two SignedInfo': [
      () => ({ finish: (xml) => xml.replace(/(<ds:SignedInfo>.*<\/ds:SignedInfo>)/, '$1$1') }),
      'unsafe_document',
    ],
    'a second SignedInfo that is wrapped': [
      () => ({
        finish: (xml) => xml.replace(/(<ds:SignedInfo>.*<\/ds:SignedInfo>)/, '$1<ds:Object>$1</ds:Object>'),
      }),
      'unsafe_document',
    ],
    'an Object': [
      () => ({ finish: (xml) => xml.replace('</ds:Signature>', '<ds:Object></ds:Object></ds:Signature>') }),
      'unsafe_document',
    ],
    'two values of the digest': [
      () => ({
        info: (info) =>
          info.replace('</ds:Reference>', '<ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>'),
      }),
      'unsafe_document',
    ],
    'an element in the digest': [
      () => ({ info: (info) => info.replace('<ds:DigestValue>', '<ds:DigestValue><x></x>') }),
      'bad_answer',
    ],
    'an XSLT transform': [
      () => ({
        info: (info) =>
          info.replace(
            'http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>',
            'http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>',
          ),
      }),
      'unsafe_document',
    ],
    'an XPath transform': [
      () => ({
        info: (info) =>
          info.replace(
            'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
            'http://www.w3.org/TR/1999/REC-xpath-19991116',
          ),
      }),
      'unsafe_document',
    ],
    'three transforms': [
      () => ({
        info: (info) =>
          info.replace(
            '</ds:Transforms>',
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>',
          ),
      }),
      'unsafe_document',
    ],
    'inclusive canonicalization': [
      () => ({
        info: (info) =>
          info.replace(
            'http://www.w3.org/2001/10/xml-exc-c14n#',
            'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
          ),
      }),
      'wrong_signature',
    ],
    'a value that is not base64': [
      () => ({ finish: (xml) => xml.replace(/<ds:SignatureValue>.{4}/, '<ds:SignatureValue>!!!!') }),
      'bad_answer',
    ],
    'another value': [
      () => ({ finish: (xml) => xml.replace(/<ds:SignatureValue>.{4}/, '<ds:SignatureValue>AAAA') }),
      'wrong_signature',
    ],
    'the key of the message': [() => ({ key: providerKey(world.clock.now()) }), 'wrong_signature'],
  }
  for (const [name, [signing, fault]] of Object.entries(forms))
    it(`refuses ${name}`, async () => expect(await faultOf(base64(valid(signing())))).toBe(fault))

  it('refuses HMAC with the certificate as the key', async () => {
    const hmac = 'http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'
    const value = createHmac('sha256', peer.key.certificate).update('x').digest('base64')
    const finish = (xml: string) => xml.replace(/<ds:SignatureValue>[^<]*/, `<ds:SignatureValue>${value}`)
    expect(await faultOf(base64(valid({ algorithm: hmac, finish })))).toBe('wrong_signature')
  })

  it('does not use a key of another kind than the certificate', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = { privateKey, certificate: peer.key.certificate }
    expect(await faultOf(base64(valid({ key })))).toBe('wrong_signature')
  })
})

/** The eight forms of XML signature wrapping (Somorovsky et al. 2012), and what has been found since. */
describe('signature wrapping', () => {
  const forms: Readonly<Record<string, () => string>> = {
    '1: the signed response inside of another one': () => {
      const { xml, id, evil, wrap } = parts()
      const inner = peer.response(signElement(xml, id, { key: peer.key }))
      const signed = signElement(inner.xml, inner.id, { key: peer.key })
      return wrap(evil + signed)
    },
    '2: the signed response before the signature': () => {
      const { xml, id, evil, wrap } = parts()
      const inner = peer.response(signElement(xml, id, { key: peer.key }))
      return wrap(signElement(inner.xml, inner.id, { key: peer.key }) + evil)
    },
    '3: the evil assertion before the signed one': () => {
      const { signed, evil, wrap } = parts()
      return wrap(evil + signed)
    },
    '4: the signed assertion inside of the evil one': () => {
      const { signed, evil, wrap, into } = parts()
      return wrap(into(evil, signed))
    },
    '5: the signature in the evil assertion, the original after it': () => {
      const { signature, xml, evil, wrap, into } = parts()
      return wrap(into(evil, signature) + xml)
    },
    '6: the original in the signature of the evil assertion': () => {
      const { signature, xml, evil, wrap, into } = parts()
      return wrap(into(evil, signature.replace('</ds:KeyInfo>', `</ds:KeyInfo>${xml}`)))
    },
    '7: the original in Extensions': () => {
      const { signed, evil, wrap } = parts()
      return wrap(`<samlp:Extensions>${signed}</samlp:Extensions>${evil}`)
    },
    '8: the original in an Object of the signature': () => {
      const { signature, xml, evil, wrap, into } = parts()
      return wrap(
        into(evil, signature.replace('</ds:Signature>', `<ds:Object>${xml}</ds:Object></ds:Signature>`)),
      )
    },
    'the original in the status': () => {
      const { signed, evil, wrap } = parts()
      return wrap(evil).replace(
        '</samlp:Status>',
        `<samlp:StatusDetail>${signed}</samlp:StatusDetail></samlp:Status>`,
      )
    },
    'an assertion of another namespace': () => {
      const { signed, evil, wrap } = parts()
      return wrap(signed + evil.replace('SAML:2.0:assertion', 'SAML:1.0:assertion'))
    },
    'an assertion with another prefix': () => {
      const { signed, evil, wrap } = parts()
      return wrap(signed + evil.replaceAll('saml:', 'x:').replace('xmlns:saml', 'xmlns:x'))
    },
    'an encrypted assertion beside the signed one': () => {
      const { signed, wrap } = parts()
      return wrap(`${signed}<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>`)
    },
    'a signature beside the assertion': () => {
      const { signature, xml, wrap } = parts()
      return wrap(signature + xml)
    },
    'a signature deeper in the assertion': () => {
      const { signature, xml, wrap } = parts()
      return wrap(xml.replace('</saml:Subject>', `${signature}</saml:Subject>`))
    },
    'two signatures of the assertion': () => {
      const { signed, signature, into, wrap } = parts()
      return wrap(into(signed, signature))
    },
    'the signed ID in another spelling': () => {
      const { signature, evil, id, wrap, into } = parts()
      return wrap(into(evil.replace(/ ID="\w+"/, ` Id="${id}"`), signature))
    },
    'a digest in the DigestValue of another element (CVE-2024-45409)': () => {
      const { signature, evil, id, wrap, into } = parts()
      const changed = evil.replace(/ ID="\w+"/, ` ID="${id}"`)
      const digest = /<ds:DigestValue>[^<]*<\/ds:DigestValue>/.exec(signature)?.[0] ?? ''
      return wrap(into(changed, signature)).replace(
        '<samlp:Status>',
        `<samlp:Extensions xmlns:ds="http://www.w3.org/2000/09/xmldsig#">${digest}</samlp:Extensions><samlp:Status>`,
      )
    },
  }
  for (const [name, form] of Object.entries(forms))
    it(`refuses ${name}`, async () => {
      // of the last one every part is where it must be: only its digest is another
      const fault = name.endsWith('(CVE-2024-45409)') ? 'wrong_signature' : 'unsafe_document'
      expect(await faultOf(base64(form()))).toBe(fault)
    })
})
