/** Encrypted assertions, through readSamlResponse. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FederationFault } from '../../../core/providers/index.ts'
import { ensureConnectionKeys } from '../../../core/saml/index.ts'
import { decryptionKeysOf } from '../../../core/saml/keys.ts'
import { base64, responseReader, type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import {
  type EncryptOptions,
  encryptedXml,
  providerKey,
  signElement,
} from '../../../testing/saml-provider.ts'
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

describe('encrypted assertions', () => {
  const certificate = async () => {
    const [key] = decryptionKeysOf(
      await ensureConnectionKeys(world.app.tools, peer.connection, world.clock.now()),
    )
    return key?.certificate ?? ''
  }
  const encrypted = async (assertion: string, options?: EncryptOptions) =>
    base64(peer.response(encryptedXml(assertion, await certificate(), options)).xml)
  const signed = () => {
    const { xml, id } = peer.assertion()
    return signElement(xml, id, { key: peer.key })
  }

  it('are read in each algorithm that our metadata names', async () => {
    for (const cipher of ['aes-256-gcm', 'aes-128-gcm', 'aes-256-cbc', 'aes-128-cbc'] as const)
      for (const oaepHash of ['sha1', 'sha256'] as const)
        expect(await read(await encrypted(signed(), { cipher, oaepHash })), cipher).toMatchObject({
          subject: 'ada',
        })
  })

  it('are accepted alone where the connection requires it', async () => {
    const connection = {
      ...peer.connection,
      settings: { saml: { ...peer.connection.settings.saml, wants_encrypted: true } },
    }
    expect(await faultOf(peer.signed(), connection)).toBe('encryption')
    expect(await read(await encrypted(signed()), connection)).toBeTruthy()
  })

  it('must be signed inside: the signature of the response does not count', async () => {
    expect(await faultOf(await encrypted(peer.assertion().xml))).toBe('encryption')
    const response = peer.response(encryptedXml(peer.assertion().xml, await certificate()))
    expect(await faultOf(base64(signElement(response.xml, response.id, { key: peer.key })))).toBe(
      'encryption',
    )
    const { xml, id } = peer.assertion()
    const stranger = providerKey(world.clock.now())
    expect(await faultOf(await encrypted(signElement(xml, id, { key: stranger })))).toBe('wrong_signature')
  })

  it('are refused for one reason where CBC was used, so that no answer discloses what is inside', async () => {
    const { xml, id } = peer.assertion()
    const changed = (at: number) => (document: string) =>
      document.replace(
        /(<xenc:CipherValue>)([^<]*)(<\/xenc:CipherValue><\/xenc:CipherData><\/xenc:EncryptedData>)/,
        (_, open, value, close) => {
          const bytes = Buffer.from(value, 'base64')
          bytes[(bytes.length + at) % bytes.length] = (bytes.at(at) ?? 0) ^ 1
          return `${open}${bytes.toString('base64')}${close}`
        },
      )
    const answers = await Promise.all(
      [
        encrypted('not XML', { cipher: 'aes-128-cbc' }),
        encrypted(xml, { cipher: 'aes-128-cbc' }),
        encrypted(signElement(xml, id, { key: providerKey(world.clock.now()) }), { cipher: 'aes-128-cbc' }),
        encrypted(signed(), { cipher: 'aes-128-cbc', finish: changed(-17) }),
        encrypted(signed(), { cipher: 'aes-128-cbc', finish: changed(40) }),
        encrypted(signed(), { cipher: 'aes-128-cbc', finish: changed(-1) }),
      ].map(async (response) => read(await response).catch((error: FederationFault) => error.message)),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('encryption: The assertion was not encrypted for a key of this connection')
  })

  it.each([
    ['RSA 1.5', (xml: string) => xml.replace('xmlenc#rsa-oaep-mgf1p', 'xmlenc#rsa-1_5')],
    [
      'triple DES',
      (xml: string) =>
        xml.replace(
          'http://www.w3.org/2009/xmlenc11#aes256-gcm',
          'http://www.w3.org/2001/04/xmlenc#tripledes-cbc',
        ),
    ],
    ['two keys', (xml: string) => xml.replace(/(<xenc:EncryptedKey>.*<\/xenc:EncryptedKey>)/, '$1$1')],
    ['no key', (xml: string) => xml.replace(/<xenc:EncryptedKey>.*<\/xenc:EncryptedKey>/, '')],
    ['an unknown digest', (xml: string) => xml.replace('xmldsig#sha1', 'xmldsig#md5')],
    [
      'different hashes of OAEP',
      (xml: string) =>
        xml.replace('http://www.w3.org/2000/09/xmldsig#sha1', 'http://www.w3.org/2001/04/xmlenc#sha256'),
    ],
  ])('are refused with %s', async (_, finish) => {
    expect(await faultOf(await encrypted(signed(), { finish }))).toBe('encryption')
  })

  it('with two assertions inside, or a response, are refused', async () => {
    expect(await faultOf(await encrypted(signed() + signed()))).toBe('bad_answer')
    const wrapped = peer.response(signed()).xml
    expect(await faultOf(await encrypted(wrapped))).toBe('unsafe_document')
    const nested = signed().replace(
      '</saml:Assertion>',
      `<saml:Advice>${signed()}</saml:Advice></saml:Assertion>`,
    )
    expect(await faultOf(await encrypted(nested))).toBe('unsafe_document')
  })
})
