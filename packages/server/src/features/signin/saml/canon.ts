/**
 * The canon of SAML messages: what is refused before any library parses a message. Pure functions on its text. A document has
 * one Response with one assertion, signatures only where SAML has them, of one form, with algorithms of a list. What is
 * signed is therefore what is read: signature wrapping needs a second assertion, a second signature or a second reference.
 */

import {
  attributeOf,
  childrenOf,
  decodeXml,
  elementsOf,
  readXml,
  type XmlElement,
  XmlFault,
  type XmlLimits,
  xmlText,
} from '../../../base/xml/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { SAML } from '../../../core/saml/names.ts'

export const MAX_MESSAGE_BYTES = 262_144
/** Characters of a message in base64, line breaks included. */
export const MAX_ENCODED_LENGTH = MAX_MESSAGE_BYTES * 1.5

const LIMITS: XmlLimits = {
  length: MAX_MESSAGE_BYTES,
  depth: 64,
  // an assertion with some hundred groups has fewer; what the library does with each costs CPU
  elements: 1_500,
  attributes: 10_000,
  attributesOfElement: 64,
  comments: false,
}

const C14N = [
  'http://www.w3.org/2001/10/xml-exc-c14n#',
  'http://www.w3.org/2001/10/xml-exc-c14n#WithComments',
]
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'
/** SHA-1, HMAC and everything else are refused: RFC 9231 §2.3, XML Signature 1.1 §6.1. */
export const SIGNATURE_ALGORITHMS: Readonly<Record<string, { hash: string; isPss: boolean }>> = {
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256': { hash: 'sha256', isPss: false },
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512': { hash: 'sha512', isPss: false },
  'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1': { hash: 'sha256', isPss: true },
}
export const DIGEST_ALGORITHMS: Readonly<Record<string, string>> = {
  'http://www.w3.org/2001/04/xmlenc#sha256': 'sha256',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'sha512',
}
/** Of KeyInfo, which is not signed and of which nothing is used: a chain of certificates, and names of keys. */
const KEY_INFO = ['X509Data', 'KeyName', 'KeyValue']
const MAX_KEY_INFO = 40
const MAX_PREFIXES = 30

const unsafe = (detail: string): FederationFault => new FederationFault('unsafe_document', detail)
const bad = (detail: string): FederationFault => new FederationFault('bad_answer', detail)

/** The fault of what a reader of XML throws; other errors as they are. */
export function asFault(error: unknown): unknown {
  if (!(error instanceof XmlFault)) return error
  const detail = `${error.message[0]?.toUpperCase()}${error.message.slice(1)}.`
  return error.kind === 'unsafe' ? unsafe(detail) : bad(detail)
}

/** The bytes of a parameter of the POST or Redirect binding. Line breaks are allowed, as RFC 2045 writes base64. */
export function decodeBase64(encoded: string): Buffer {
  if (encoded.length > MAX_ENCODED_LENGTH) throw unsafe('The message is larger than 256 kB.')
  const text = encoded.replace(/[\r\n]/g, '')
  const bytes = Buffer.from(text, 'base64')
  // canonical, so that one message has one spelling
  if (text === '' || bytes.toString('base64') !== text) throw bad('The message is not valid base64.')
  return bytes
}

/** A message of SAML, read strictly. @throws FederationFault */
export function readMessage(bytes: Uint8Array): { xml: string; root: XmlElement } {
  try {
    const xml = decodeXml(bytes, MAX_MESSAGE_BYTES)
    return { xml, root: readStrictly(xml) }
  } catch (error) {
    throw asFault(error)
  }
}

/** Parses within the limits, and requires that an ID names one element. @throws XmlFault, FederationFault */
function readStrictly(xml: string): XmlElement {
  const root = readXml(xml, LIMITS)
  const ids = new Set<string>()
  for (const element of elementsOf(root))
    for (const { name, value } of element.attributes) {
      if (name.toLowerCase() !== 'id') continue
      if (!/^[A-Za-z_][\w.-]{0,255}$/.test(value)) throw bad(`${element.name} has an ID that is not allowed.`)
      if (ids.has(value)) throw unsafe('Several elements have the same ID.')
      ids.add(value)
    }
  return root
}

export interface FoundAssertion {
  element: XmlElement
  isEncrypted: boolean
}

const isAssertion = ({ name }: XmlElement): boolean => name === 'Assertion' || name === 'EncryptedAssertion'

/** The tree of an assertion as it was signed. @throws FederationFault, XmlFault */
export function readSignedAssertion(text: string): XmlElement {
  const root = readStrictly(text)
  if (root.name !== 'Assertion' || root.namespace !== SAML.assertion)
    throw unsafe('What was signed is not the assertion.')
  if ([...elementsOf(root)].filter(isAssertion).length > 1)
    throw unsafe('The assertion contains another one.')
  return root
}

/** The only assertion of a response, which must be its child; null where the response has none. */
export function findAssertion(response: XmlElement): FoundAssertion | null {
  if (response.name !== 'Response' || response.namespace !== SAML.protocol)
    throw bad(`The message is a ${response.name.slice(0, 60)}, not a Response.`)
  const named = [...elementsOf(response)].filter(isAssertion)
  const responses = [...elementsOf(response)].filter(({ name }) => name === 'Response')
  if (named.length > 1) throw unsafe('The response contains several assertions.')
  if (responses.length > 1) throw unsafe('The response contains another response.')
  const [element] = named
  if (!element) return null
  if (element.namespace !== SAML.assertion || !response.children.includes(element))
    throw unsafe('The assertion is not directly in the response.')
  return { element, isEncrypted: element.name === 'EncryptedAssertion' }
}

/** Refuses signatures anywhere but directly in one of these elements, and more than one in each. */
export function assertSignaturePlaces(root: XmlElement, places: readonly XmlElement[]): void {
  const allowed = places.flatMap((place) => childrenOf(place, SAML.signature, 'Signature'))
  const found = [...elementsOf(root)].filter(({ name }) => name === 'Signature')
  if (found.some((signature) => !allowed.includes(signature)))
    throw unsafe('A signature is where SAML has none.')
  for (const place of places)
    if (childrenOf(place, SAML.signature, 'Signature').length > 1)
      throw unsafe(`${place.name} has several signatures.`)
}

/** Whether an element has a signature, whose form must be that of SAML core §5.4. @throws FederationFault, XmlFault */
export function hasSignature(element: XmlElement): boolean {
  const [signature] = childrenOf(element, SAML.signature, 'Signature')
  if (!signature) return false
  const [info, value] = exactly(signature, ['SignedInfo', 'SignatureValue'], 'KeyInfo')
  const [, , keyInfo] = signature.children
  if (keyInfo) assertKeyInfo(keyInfo)
  const [canonicalization, method, reference] = exactly(info, [
    'CanonicalizationMethod',
    'SignatureMethod',
    'Reference',
  ])
  const [transforms, digestMethod, digest] = exactly(reference, ['Transforms', 'DigestMethod', 'DigestValue'])
  for (const text of [value, digest]) assertBase64(text)
  if (method.children.length > 0 || digestMethod.children.length > 0)
    throw unsafe('The algorithm of the signature has parameters.')
  assertAlgorithm(canonicalization, C14N)
  assertAlgorithm(method, Object.keys(SIGNATURE_ALGORITHMS))
  assertAlgorithm(digestMethod, Object.keys(DIGEST_ALGORITHMS))
  assertTransforms(transforms)
  for (const one of [canonicalization, ...transforms.children]) assertPrefixes(one)
  const id = attributeOf(element, 'ID')
  if (id === null || attributeOf(reference, 'URI') !== `#${id}`)
    throw unsafe(`The signature in ${element.name} refers to another element.`)
  return true
}

function assertTransforms(transforms: XmlElement): void {
  const found = childrenOf(transforms, SAML.signature, 'Transform')
  const names = found.map((one) => attributeOf(one, 'Algorithm') ?? '')
  const isKnown =
    found.length === transforms.children.length &&
    found.length === 2 &&
    names[0] === ENVELOPED &&
    C14N.includes(names[1] ?? '')
  if (!isKnown) throw unsafe('The signature has other transforms than SAML allows.')
}

function assertKeyInfo(info: XmlElement): void {
  const isKnown = info.children.every(
    ({ name, namespace }) => namespace === SAML.signature && KEY_INFO.includes(name),
  )
  if (!isKnown || [...elementsOf(info)].length > MAX_KEY_INFO)
    throw unsafe('KeyInfo of a signature contains other things than a few certificates and keys.')
}

/** Exclusive XML Canonicalization §3: nothing but a list of prefixes, which may be missing. */
function assertPrefixes(element: XmlElement): void {
  const isKnown = element.children.every(
    ({ name, children }) => name === 'InclusiveNamespaces' && children.length === 0,
  )
  if (!isKnown || element.children.length > 1 || inclusivePrefixes(element).length > MAX_PREFIXES)
    throw unsafe(`${element.name} of a signature has parameters that are not allowed.`)
}

/** The PrefixList of a canonicalization or a transform; empty where there is none. */
export const inclusivePrefixes = ({ children: [list] }: XmlElement): string[] =>
  (list && attributeOf(list, 'PrefixList'))?.split(/[ \t\n]+/).filter(Boolean) ?? []

/** The children of an element of XML Signature, which must be these, and at the end one that may be missing. */
function exactly<const Names extends readonly string[]>(
  element: XmlElement,
  names: Names,
  optional?: string,
): { -readonly [Index in keyof Names]: XmlElement } {
  const { children } = element
  const allowed = optional === undefined ? names : [...names, optional]
  const isWhole = children.length >= names.length && children.length <= allowed.length
  const isOfForm = children.every(
    (child, at) => child.name === allowed[at] && child.namespace === SAML.signature,
  )
  if (!isWhole || !isOfForm)
    throw unsafe(`${element.name} of a signature does not have the form that SAML requires.`)
  return children.slice(0, names.length) as { -readonly [Index in keyof Names]: XmlElement }
}

function assertAlgorithm(element: XmlElement, allowed: readonly string[]): void {
  const algorithm = attributeOf(element, 'Algorithm') ?? ''
  if (!allowed.includes(algorithm))
    throw new FederationFault(
      'wrong_signature',
      `The algorithm ${algorithm.slice(0, 100)} of a signature is not accepted.`,
    )
}

function assertBase64(element: XmlElement): void {
  const text = xmlText(element).replace(/\s+/g, '')
  if (text === '' || Buffer.from(text, 'base64').toString('base64') !== text)
    throw bad(`${element.name} of a signature is not valid base64.`)
}
