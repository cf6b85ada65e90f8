/**
 * Decrypting assertions (XML Encryption 1.1) with node:crypto: RSA-OAEP for the key, AES in GCM or CBC mode for the content.
 * RSA 1.5 and triple DES are refused: whether a padding is right would tell an attacker what an intercepted assertion says.
 *
 * Invariant: what follows from the decrypted text of CBC, which authenticates nothing, is one fault until the signature of
 * the provider was verified.
 */
import { constants, createDecipheriv, type KeyObject, privateDecrypt } from 'node:crypto'
import {
  attributeOf,
  decodeXml,
  elementsOf,
  onlyChild,
  type XmlElement,
  xmlText,
} from '../../../base/xml/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { SAML } from '../../../core/saml/names.ts'
import { CONTENT_ALGORITHMS } from '../../../core/saml/sp-metadata.ts'
import { MAX_MESSAGE_BYTES } from './canon.ts'

const OAEP = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p'
const OAEP_11 = 'http://www.w3.org/2009/xmlenc11#rsa-oaep'
const DIGESTS: Readonly<Record<string, string>> = {
  'http://www.w3.org/2000/09/xmldsig#sha1': 'sha1',
  'http://www.w3.org/2001/04/xmlenc#sha256': 'sha256',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'sha512',
}
const MASKS: Readonly<Record<string, string>> = {
  'http://www.w3.org/2009/xmlenc11#mgf1sha1': 'sha1',
  'http://www.w3.org/2009/xmlenc11#mgf1sha256': 'sha256',
  'http://www.w3.org/2009/xmlenc11#mgf1sha512': 'sha512',
}

const unsupported = (detail: string): FederationFault => new FederationFault('encryption', detail)

/** One sentence for every failure that depends on what was decrypted. */
export const undecryptable = (): FederationFault =>
  unsupported(
    'The assertion was not encrypted for a key of this connection, or what is in it is not signed by the provider.',
  )

/**
 * The text of the assertion in an EncryptedAssertion, and whether its mode of operation authenticates it.
 * @param keys tried in this order. @throws FederationFault encryption
 */
export function decryptAssertion(
  encrypted: XmlElement,
  keys: readonly KeyObject[],
): { xml: string; isAuthenticated: boolean } {
  const data = onlyChild(encrypted, SAML.encryption, 'EncryptedData')
  const wrapped = [...elementsOf(encrypted)].filter(({ name }) => name === 'EncryptedKey')
  const [key] = wrapped
  if (data === null || !key || wrapped.length > 1)
    throw unsupported('The encrypted assertion does not have one encrypted key.')
  const algorithm = algorithmOf(data) as keyof typeof CONTENT_ALGORITHMS
  const cipher = Object.hasOwn(CONTENT_ALGORITHMS, algorithm) ? CONTENT_ALGORITHMS[algorithm] : null
  if (cipher === null)
    throw unsupported(`The encryption algorithm ${algorithm.slice(0, 100)} is not accepted.`)
  const hash = oaepHashOf(key)
  const [keyBytes, content] = [cipherValueOf(key), cipherValueOf(data)]
  for (const privateKey of keys) {
    try {
      const secret = privateDecrypt(
        { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash },
        keyBytes,
      )
      const xml = decodeXml(decipher(cipher, secret, content), MAX_MESSAGE_BYTES)
      return { xml, isAuthenticated: cipher.endsWith('gcm') }
    } catch {
      // encrypted for another key, or changed on the way
    }
  }
  throw undecryptable()
}

function algorithmOf(element: XmlElement): string {
  const method = onlyChild(element, SAML.encryption, 'EncryptionMethod')
  return (method && attributeOf(method, 'Algorithm')) ?? 'that is not named'
}

/** XML Encryption 1.1 §5.5.2. Node uses one hash for the digest and the mask: two different ones are refused. */
function oaepHashOf(key: XmlElement): string {
  const algorithm = algorithmOf(key)
  const method = onlyChild(key, SAML.encryption, 'EncryptionMethod')
  if (method === null || (algorithm !== OAEP && algorithm !== OAEP_11))
    throw unsupported(`The encryption algorithm ${algorithm.slice(0, 100)} of the key is not accepted.`)
  const digest = method.children.find(({ name }) => name === 'DigestMethod')
  const mask = algorithm === OAEP_11 ? method.children.find(({ name }) => name === 'MGF') : undefined
  const hash = digest ? DIGESTS[attributeOf(digest, 'Algorithm') ?? ''] : 'sha1'
  const maskHash = mask ? MASKS[attributeOf(mask, 'Algorithm') ?? ''] : 'sha1'
  if (hash === undefined || maskHash === undefined || hash !== maskHash)
    throw unsupported('RSA-OAEP is used with hashes that are not accepted: use rsa-oaep-mgf1p with SHA-1.')
  if (method.children.some(({ name }) => name === 'OAEPparams'))
    throw unsupported('RSA-OAEP is used with parameters, which are not accepted.')
  return hash
}

function cipherValueOf(element: XmlElement): Buffer {
  const data = onlyChild(element, SAML.encryption, 'CipherData')
  const value = data && onlyChild(data, SAML.encryption, 'CipherValue')
  if (!value) throw unsupported('The encrypted assertion has no cipher value.')
  return Buffer.from(xmlText(value), 'base64')
}

type Cipher = (typeof CONTENT_ALGORITHMS)[keyof typeof CONTENT_ALGORITHMS]

/** XML Encryption 1.1 §5.2: the initialization vector first; with GCM the tag last; with CBC the length of the padding last. */
function decipher(cipher: Cipher, key: Buffer, content: Buffer): Buffer {
  if (cipher === 'aes-128-gcm' || cipher === 'aes-256-gcm') {
    const gcm = createDecipheriv(cipher, key, content.subarray(0, 12), { authTagLength: 16 })
    gcm.setAuthTag(content.subarray(-16))
    return Buffer.concat([gcm.update(content.subarray(12, -16)), gcm.final()])
  }
  const cbc = createDecipheriv(cipher, key, content.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([cbc.update(content.subarray(16)), cbc.final()])
  const padding = padded.at(-1) ?? 0
  if (padding < 1 || padding > 16) throw new Error('the padding is wrong')
  return padded.subarray(0, -padding)
}
