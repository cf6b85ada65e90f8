/**
 * A SAML identity provider in a test: writes messages as text that is canonical already (Exclusive XML Canonicalization), and
 * signs and encrypts them with node:crypto alone, so that nothing of the server or of its library is used to judge it.
 */
import {
  constants,
  createCipheriv,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { writeCertificate } from '../base/x509.ts'

const NS = {
  saml: 'urn:oasis:names:tc:SAML:2.0:assertion',
  samlp: 'urn:oasis:names:tc:SAML:2.0:protocol',
  ds: 'http://www.w3.org/2000/09/xmldsig#',
}
const EXC_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'
export const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'

export interface ProviderKey {
  privateKey: KeyObject
  certificate: string
}

export function providerKey(
  now: Date,
  { days = 700, bits = 2048, curve }: { days?: number; bits?: number; curve?: string } = {},
): ProviderKey {
  const { privateKey } = curve
    ? generateKeyPairSync('ec', { namedCurve: curve })
    : generateKeyPairSync('rsa', { modulusLength: bits })
  const notAfter = new Date(now.getTime() + days * 86_400_000)
  const notBefore = new Date(now.getTime() - 1000 * 86_400_000)
  return {
    privateKey,
    certificate: writeCertificate({
      privateKey,
      commonName: 'idp.example',
      use: 'signing',
      notBefore,
      notAfter,
    }),
  }
}

const text = (value: string): string =>
  value.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one] ?? '')
const attribute = (value: string): string => text(value).replaceAll('&gt;', '>').replaceAll('"', '&quot;')

export interface SignOptions {
  key: ProviderKey
  /** Uri of the signature algorithm, and what node:crypto calls its hash. */
  algorithm?: string
  hash?: string
  digestAlgorithm?: string
  digestHash?: string
  /** Replaces the reference. */
  uri?: string
  /** Changes SignedInfo before it is signed. */
  info?: (info: string) => string
  /** Changes the finished signature. */
  finish?: (signature: string) => string
}

/** Signs an element of canonical text, whose ID is `id`; the signature follows the first Issuer. */
export function signElement(xml: string, id: string, options: SignOptions): string {
  const at = xml.indexOf('</saml:Issuer>') + '</saml:Issuer>'.length
  return xml.slice(0, at) + signatureOf(xml, id, options) + xml.slice(at)
}

export function signatureOf(xml: string, id: string, options: SignOptions): string {
  const {
    key,
    algorithm = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    hash = 'sha256',
    digestAlgorithm = 'http://www.w3.org/2001/04/xmlenc#sha256',
    digestHash = 'sha256',
    uri = `#${id}`,
    info = (same) => same,
    finish = (same) => same,
  } = options
  const digest = createHash(digestHash).update(xml).digest('base64')
  const element = (name: string, content: string, attributes = '') =>
    `<ds:${name}${attributes}>${content}</ds:${name}>`
  const by = (uri: string) => ` Algorithm="${uri}"`
  const content = info(
    [
      element('CanonicalizationMethod', '', by(EXC_C14N)),
      element('SignatureMethod', '', by(algorithm)),
      element(
        'Reference',
        [
          element(
            'Transforms',
            element('Transform', '', by(`${NS.ds}enveloped-signature`)) +
              element('Transform', '', by(EXC_C14N)),
          ),
          element('DigestMethod', '', by(digestAlgorithm)),
          element('DigestValue', digest),
        ].join(''),
        ` URI="${uri}"`,
      ),
    ].join(''),
  )
  const signed = `<ds:SignedInfo xmlns:ds="${NS.ds}">${content}</ds:SignedInfo>`
  const value = sign(hash, Buffer.from(signed), key.privateKey).toString('base64')
  const keyInfo = element('KeyInfo', element('X509Data', element('X509Certificate', key.certificate)))
  return finish(
    `<ds:Signature xmlns:ds="${NS.ds}"><ds:SignedInfo>${content}</ds:SignedInfo>${element('SignatureValue', value)}${keyInfo}</ds:Signature>`,
  )
}

export interface AssertionOptions {
  id?: string
  issuer: string
  audience: string | readonly string[] | null
  recipient: string
  inResponseTo: string | null
  now: Date
  /** Seconds from `now`. */
  issued?: number
  notBefore?: number
  notOnOrAfter?: number
  /** Of the confirmation of the subject; default as that of the conditions. */
  confirmedUntil?: number | null
  nameId?: string | null
  nameIdFormat?: string
  nameIdAttributes?: string
  sessionIndex?: string
  context?: string
  attributes?: Readonly<Record<string, string | readonly string[]>>
  /** Further XML at the end of the conditions, and of the assertion. */
  conditions?: string
  more?: string
  method?: string
}

export const instant = (now: Date, seconds: number): string =>
  new Date(now.getTime() + seconds * 1000).toISOString()
export const newId = (): string => `_${randomBytes(16).toString('hex')}`

export function assertionXml(options: AssertionOptions): { xml: string; id: string } {
  const { id = newId(), issuer, audience, recipient, inResponseTo, now } = options
  const { issued = 0, notBefore = -30, notOnOrAfter = 300, confirmedUntil = notOnOrAfter } = options
  const {
    nameId = 'ada',
    nameIdFormat = PERSISTENT,
    nameIdAttributes = '',
    sessionIndex = 'session-1',
  } = options
  const { context = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport', attributes = {} } =
    options
  const audiences = audience === null ? [] : [audience].flat()
  const data = [
    inResponseTo === null ? '' : ` InResponseTo="${attribute(inResponseTo)}"`,
    confirmedUntil === null ? '' : ` NotOnOrAfter="${instant(now, confirmedUntil)}"`,
    ` Recipient="${attribute(recipient)}"`,
  ].join('')
  const statement = Object.entries(attributes).map(
    ([name, values]) =>
      `<saml:Attribute Name="${attribute(name)}">${[values]
        .flat()
        .map((value) => `<saml:AttributeValue>${text(value)}</saml:AttributeValue>`)
        .join('')}</saml:Attribute>`,
  )
  const xml = [
    `<saml:Assertion xmlns:saml="${NS.saml}" ID="${id}" IssueInstant="${instant(now, issued)}" Version="2.0">`,
    `<saml:Issuer>${text(issuer)}</saml:Issuer>`,
    '<saml:Subject>',
    nameId === null ? '' : `<saml:NameID Format="${nameIdFormat}"${nameIdAttributes}>${nameId}</saml:NameID>`,
    `<saml:SubjectConfirmation Method="${options.method ?? 'urn:oasis:names:tc:SAML:2.0:cm:bearer'}">`,
    `<saml:SubjectConfirmationData${data}></saml:SubjectConfirmationData>`,
    '</saml:SubjectConfirmation></saml:Subject>',
    `<saml:Conditions NotBefore="${instant(now, notBefore)}" NotOnOrAfter="${instant(now, notOnOrAfter)}">`,
    audience === null
      ? ''
      : `<saml:AudienceRestriction>${audiences.map((one) => `<saml:Audience>${text(one)}</saml:Audience>`).join('')}</saml:AudienceRestriction>`,
    `${options.conditions ?? ''}</saml:Conditions>`,
    `<saml:AuthnStatement AuthnInstant="${instant(now, issued)}" SessionIndex="${attribute(sessionIndex)}">`,
    `<saml:AuthnContext><saml:AuthnContextClassRef>${text(context)}</saml:AuthnContextClassRef></saml:AuthnContext>`,
    '</saml:AuthnStatement>',
    statement.length === 0 ? '' : `<saml:AttributeStatement>${statement.join('')}</saml:AttributeStatement>`,
    `${options.more ?? ''}</saml:Assertion>`,
  ].join('')
  return { xml, id }
}

export interface ResponseOptions {
  id?: string
  issuer: string
  destination: string | null
  inResponseTo: string | null
  now: Date
  issued?: number
  /** Of the status, the innermost last; default success. */
  status?: readonly string[]
  message?: string
}

export function responseXml(content: string, options: ResponseOptions): { xml: string; id: string } {
  const {
    id = newId(),
    issuer,
    destination,
    inResponseTo,
    now,
    issued = 0,
    status = ['Success'],
    message,
  } = options
  const code = status.reduceRight(
    (inner, name) =>
      `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${name}">${inner}</samlp:StatusCode>`,
    '',
  )
  const xml = [
    `<samlp:Response xmlns:samlp="${NS.samlp}"`,
    destination === null ? '' : ` Destination="${attribute(destination)}"`,
    ` ID="${id}"`,
    inResponseTo === null ? '' : ` InResponseTo="${attribute(inResponseTo)}"`,
    ` IssueInstant="${instant(now, issued)}" Version="2.0">`,
    `<saml:Issuer xmlns:saml="${NS.saml}">${text(issuer)}</saml:Issuer>`,
    `<samlp:Status>${code}${message === undefined ? '' : `<samlp:StatusMessage>${text(message)}</samlp:StatusMessage>`}</samlp:Status>`,
    `${content}</samlp:Response>`,
  ].join('')
  return { xml, id }
}

const CIPHERS = {
  'aes-256-gcm': { uri: 'http://www.w3.org/2009/xmlenc11#aes256-gcm', key: 32, iv: 12 },
  'aes-128-gcm': { uri: 'http://www.w3.org/2009/xmlenc11#aes128-gcm', key: 16, iv: 12 },
  'aes-256-cbc': { uri: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', key: 32, iv: 16 },
  'aes-128-cbc': { uri: 'http://www.w3.org/2001/04/xmlenc#aes128-cbc', key: 16, iv: 16 },
} as const

export interface EncryptOptions {
  cipher?: keyof typeof CIPHERS
  oaepHash?: 'sha1' | 'sha256'
  /** Changes the finished element. */
  finish?: (xml: string) => string
}

/** Encrypts an assertion for a certificate of the server. */
export function encryptedXml(
  assertion: string,
  certificate: string,
  { cipher = 'aes-256-gcm', oaepHash = 'sha1', finish = (same) => same }: EncryptOptions = {},
): string {
  const { uri, key: size, iv: length } = CIPHERS[cipher]
  const [secret, iv] = [randomBytes(size), randomBytes(length)]
  const publicKey = new X509Certificate(Buffer.from(certificate, 'base64')).publicKey
  const wrapped = publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
    secret,
  )
  const oaep =
    oaepHash === 'sha1'
      ? '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/></xenc:EncryptionMethod>'
      : '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/></xenc:EncryptionMethod>'
  return finish(
    [
      `<saml:EncryptedAssertion xmlns:saml="${NS.saml}"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">`,
      `<xenc:EncryptionMethod Algorithm="${uri}"/>`,
      `<ds:KeyInfo xmlns:ds="${NS.ds}"><xenc:EncryptedKey>${oaep}<xenc:CipherData><xenc:CipherValue>${wrapped.toString('base64')}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>`,
      `<xenc:CipherData><xenc:CipherValue>${encrypted(cipher, secret, iv, Buffer.from(assertion)).toString('base64')}</xenc:CipherValue></xenc:CipherData>`,
      '</xenc:EncryptedData></saml:EncryptedAssertion>',
    ]
      .join('')
      // canonical text has end tags
      .replace(/<([\w:]+)([^<>]*)\/>/g, '<$1$2></$1>'),
  )
}

function encrypted(cipher: keyof typeof CIPHERS, key: Buffer, iv: Buffer, plain: Buffer): Buffer {
  if (cipher === 'aes-256-gcm' || cipher === 'aes-128-gcm') {
    const gcm = createCipheriv(cipher, key, iv)
    return Buffer.concat([iv, gcm.update(plain), gcm.final(), gcm.getAuthTag()])
  }
  const padding = 16 - (plain.length % 16)
  const padded = Buffer.concat([plain, randomBytes(padding - 1), Buffer.from([padding])])
  const cbc = createCipheriv(cipher, key, iv).setAutoPadding(false)
  return Buffer.concat([iv, cbc.update(padded), cbc.final()])
}

export interface LogoutOptions {
  id?: string
  issuer: string
  destination: string | null
  now: Date
  issued?: number
  notOnOrAfter?: number | null
  nameId: string
  /** Default: the format is persistent. */
  nameIdAttributes?: string
  sessionIndexes?: readonly string[]
}

export function logoutRequestXml(options: LogoutOptions): { xml: string; id: string } {
  const {
    id = newId(),
    issuer,
    destination,
    now,
    issued = 0,
    notOnOrAfter = 300,
    nameId,
    sessionIndexes = [],
    nameIdAttributes = ` Format="${PERSISTENT}"`,
  } = options
  const xml = [
    `<samlp:LogoutRequest xmlns:samlp="${NS.samlp}"`,
    destination === null ? '' : ` Destination="${attribute(destination)}"`,
    ` ID="${id}" IssueInstant="${instant(now, issued)}"`,
    notOnOrAfter === null ? '' : ` NotOnOrAfter="${instant(now, notOnOrAfter)}"`,
    ' Version="2.0">',
    `<saml:Issuer xmlns:saml="${NS.saml}">${text(issuer)}</saml:Issuer>`,
    `<saml:NameID xmlns:saml="${NS.saml}"${nameIdAttributes}>${text(nameId)}</saml:NameID>`,
    ...sessionIndexes.map((index) => `<samlp:SessionIndex>${text(index)}</samlp:SessionIndex>`),
    '</samlp:LogoutRequest>',
  ].join('')
  return { xml, id }
}

/** The answer to a logout request of the server. */
export function logoutResponseXml(options: ResponseOptions): { xml: string; id: string } {
  const { xml, id } = responseXml('', options)
  return { xml: xml.replaceAll('samlp:Response', 'samlp:LogoutResponse'), id }
}

/** The query of the Redirect binding, signed where a key is given. */
export function redirectQuery(
  xml: string,
  {
    key,
    relayState,
    as = 'SAMLRequest',
    encode = encodeURIComponent,
  }: {
    key: ProviderKey | null
    relayState?: string
    as?: 'SAMLRequest' | 'SAMLResponse'
    encode?: (value: string) => string
  },
): string {
  const parameters = [[as, deflateRawSync(xml).toString('base64')]]
  if (relayState !== undefined) parameters.push(['RelayState', relayState])
  if (key) parameters.push(['SigAlg', 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'])
  const query = parameters.map(([name, value]) => `${name}=${encode(value ?? '')}`).join('&')
  if (!key) return query
  return `${query}&Signature=${encode(sign('sha256', Buffer.from(query), key.privateKey).toString('base64'))}`
}

export interface MetadataOptions {
  entityId: string
  certificates: readonly string[]
  sso?: Readonly<Partial<Record<'HTTP-Redirect' | 'HTTP-POST' | 'SOAP', string>>>
  slo?: Readonly<Partial<Record<'HTTP-Redirect' | 'HTTP-POST', string>>>
  /** Further attributes of the EntityDescriptor and of the IDPSSODescriptor. */
  attributes?: string
  descriptorAttributes?: string
}

/** The metadata of an identity provider. */
export function metadataXml(options: MetadataOptions): string {
  const { entityId, certificates, sso = { 'HTTP-Redirect': 'https://idp.example/sso' }, slo = {} } = options
  const endpoints = (name: string, of: Readonly<Record<string, string | undefined>>) =>
    Object.entries(of).map(
      ([binding, location]) =>
        `<md:${name} Binding="urn:oasis:names:tc:SAML:2.0:bindings:${binding}" Location="${attribute(location ?? '')}"/>`,
    )
  return [
    `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="${NS.ds}" entityID="${attribute(entityId)}"${options.attributes ?? ''}>`,
    `<md:IDPSSODescriptor protocolSupportEnumeration="${NS.samlp}"${options.descriptorAttributes ?? ''}>`,
    ...certificates.map(
      (certificate) =>
        `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n${certificate}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
    ),
    ...endpoints('SingleLogoutService', slo),
    ...endpoints('SingleSignOnService', sso),
    '</md:IDPSSODescriptor></md:EntityDescriptor>',
  ].join('\n')
}
