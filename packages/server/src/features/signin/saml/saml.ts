/**
 * XML Signature by @node-saml/node-saml: verifying, with the bytes that were signed as the result, and signing. The only file
 * that imports the library, which is loaded when the first message is verified or signed. Its class SAML is not used: it
 * reads the clock of the machine, and keeps the ids of requests in its own memory.
 *
 * The library searches the whole document several times for each certificate. So it reads a message once, with the certificate
 * that has signed it, and only after node:crypto has verified SignedInfo and the digest: what was not signed costs one pass.
 */
import { constants, createHash, type KeyObject, verify } from 'node:crypto'
import { pemOf } from '../../../base/x509.ts'
import {
  attributeOf,
  canonicalXml,
  childrenOf,
  onlyChild,
  type XmlElement,
  xmlText,
} from '../../../base/xml/index.ts'
import { SAML } from '../../../core/saml/names.ts'
import { DIGEST_ALGORITHMS, inclusivePrefixes, SIGNATURE_ALGORITHMS } from './canon.ts'

/** The part of the library's declarations that is used: they refer to the types of a browser's DOM. */
interface XmlLibrary {
  getVerifiedXml(xml: string, element: unknown, certificates: string[]): string | null
  parseDomFromString(xml: string): Promise<unknown>
  signXml(
    xml: string,
    path: string,
    location: { reference: string; action: 'after' },
    options: {
      privateKey: string
      publicCert: string
      signatureAlgorithm: 'sha256'
      digestAlgorithm: 'sha256'
    },
  ): string
  xpath: { selectElements(node: unknown, path: string): unknown[] }
}

let loaded: Promise<XmlLibrary> | null = null
const library = (): Promise<XmlLibrary> =>
  (loaded ??= import('@node-saml/node-saml/lib/xml.js') as unknown as Promise<XmlLibrary>)

/** A signed message: a document whose form the canon has checked, and the elements from its root to the signed one. */
export interface SignedMessage {
  xml: string
  path: readonly [XmlElement] | readonly [XmlElement, XmlElement]
}

/** Where the library finds the signed element. */
const pathOf = ({ path }: SignedMessage): string =>
  path.length === 1 ? '/*' : "/*/*[local-name(.)='Assertion']"

interface Signature {
  element: XmlElement
  info: XmlElement
  /** The bytes of SignatureValue. */
  value: Buffer
  method: { hash: string; isPss: boolean }
}

function signatureOf({ path }: SignedMessage): Signature | null {
  const signed = path.at(-1)
  const [element] = signed ? childrenOf(signed, SAML.signature, 'Signature') : []
  const [info, value] = element?.children ?? []
  const [, named] = info?.children ?? []
  const method = SIGNATURE_ALGORITHMS[(named && attributeOf(named, 'Algorithm')) ?? '']
  if (!element || !info || !value || !method) return null
  return { element, info, value: Buffer.from(xmlText(value), 'base64'), method }
}

/** The first of several whose key has signed the SignedInfo of a message; null for none. */
export function findSigner<T extends { publicKey: KeyObject }>(
  message: SignedMessage,
  candidates: readonly T[],
): T | null {
  const signature = signatureOf(message)
  if (!signature) return null
  const { element, info, value, method } = signature
  const inclusive = info.children[0] ? inclusivePrefixes(info.children[0]) : []
  const bytes = Buffer.from(canonicalXml(message.xml, [...message.path, element, info], { inclusive }))
  const padding = method.isPss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const isSigner = ({ publicKey: key }: T): boolean =>
    key.asymmetricKeyType === 'rsa' && verify(method.hash, bytes, { key, ...padding }, value)
  return candidates.find(isSigner) ?? null
}

/** Whether the digest in a signature is that of its element. */
function hasDigest(message: SignedMessage): boolean {
  const signature = signatureOf(message)
  const reference = signature && onlyChild(signature.info, SAML.signature, 'Reference')
  const [transforms, method, digest] = reference?.children ?? []
  const hash = DIGEST_ALGORITHMS[(method && attributeOf(method, 'Algorithm')) ?? '']
  const last = transforms?.children.at(-1)
  if (!signature || !last || !digest || hash === undefined) return false
  const options = { inclusive: inclusivePrefixes(last), without: signature.element }
  const found = createHash(hash)
    .update(canonicalXml(message.xml, message.path, options))
    .digest()
  return found.equals(Buffer.from(xmlText(digest), 'base64'))
}

/**
 * The canonical text of an element that the key of a certificate has signed: only this may be read.
 * @param certificate DER in base64: that of the signer
 * @returns null where it has not
 */
export async function findSignedXml(message: SignedMessage, certificate: string): Promise<string | null> {
  if (!hasDigest(message)) return null
  const { getVerifiedXml, parseDomFromString, xpath } = await library()
  const document = await parseDomFromString(message.xml)
  const [element] = xpath.selectElements(document, pathOf(message))
  try {
    return getVerifiedXml(message.xml, element, [pemOf('CERTIFICATE', certificate)])
  } catch {
    return null
  }
}

/** Signs the root of a message with RSA-SHA256; the signature follows its Issuer, SAML core §5.4. */
export async function signMessage(xml: string, key: KeyObject, certificate: string): Promise<string> {
  const { signXml } = await library()
  return signXml(
    xml,
    '/*',
    { reference: "/*/*[local-name(.)='Issuer']", action: 'after' },
    {
      privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      publicCert: pemOf('CERTIFICATE', certificate),
      signatureAlgorithm: 'sha256',
      digestAlgorithm: 'sha256',
    },
  )
}
