/**
 * Messages to the identity provider by the Redirect and the POST binding (SAML bindings §3.4, §3.5), and the request that
 * begins a sign-in (SAML core §3.4.1).
 */
import { type KeyObject, randomBytes, sign, verify as verifySignature } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { readCertificate } from '../../../base/x509.ts'
import { escapeXml } from '../../../base/xml/index.ts'
import { samlAddressesOf, type UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { ensureConnectionKeys, privateKeyOf, signingKeyOf } from '../../../core/saml/keys.ts'
import { BINDING_URIS, NAME_ID_FORMATS, SAML } from '../../../core/saml/names.ts'
import { decodeBase64, MAX_MESSAGE_BYTES } from './canon.ts'
import type { SamlTools } from './response.ts'
import { signMessage } from './saml.ts'

/** How the browser brings a message to the provider: to a URL, or by a form that is posted to it. */
export type SentMessage = { url: string } | { post: { action: string; fields: Record<string, string> } }

/** 160 random bits; an ID must not begin with a digit. */
export const newMessageId = (): string => `_${randomBytes(20).toString('hex')}`

const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'

/** RFC 9231 §2.3: what signs a query. */
const QUERY_ALGORITHMS: Readonly<Record<string, { hash: string; type: 'rsa' | 'ec' }>> = {
  [RSA_SHA256]: { hash: 'sha256', type: 'rsa' },
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha384': { hash: 'sha384', type: 'rsa' },
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512': { hash: 'sha512', type: 'rsa' },
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256': { hash: 'sha256', type: 'ec' },
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384': { hash: 'sha384', type: 'ec' },
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512': { hash: 'sha512', type: 'ec' },
}

interface SigningKey {
  privateKey: KeyObject
  certificate: string
}

export async function findSigningKey(
  tools: SamlTools,
  connection: UsableConnection,
  now: Date,
): Promise<SigningKey> {
  const key = signingKeyOf(await ensureConnectionKeys(tools, connection, now))
  if (!key) throw new FederationFault('bad_settings', 'The connection has no key for signatures.')
  return { privateKey: privateKeyOf(tools.keyring, key), certificate: key.certificate }
}

export interface OutgoingMessage {
  xml: string
  as: 'SAMLRequest' | 'SAMLResponse'
  to: string
  binding: 'redirect' | 'post'
  relayState: string | null
  /** Null: the message is not signed. */
  key: SigningKey | null
}

export async function sendMessage(message: OutgoingMessage): Promise<SentMessage> {
  const { xml, as, to, binding, relayState, key } = message
  if (binding === 'redirect') return { url: redirectUrl(message) }
  const signed = key === null ? xml : await signMessage(xml, key.privateKey, key.certificate)
  const fields = {
    [as]: Buffer.from(signed).toString('base64'),
    ...(relayState !== null && { RelayState: relayState }),
  }
  return { post: { action: to, fields } }
}

/** SAML bindings §3.4.4.1: what is signed is the query itself, as it is sent. */
function redirectUrl({ xml, as, to, relayState, key }: OutgoingMessage): string {
  const parameters: [string, string][] = [[as, deflateRawSync(xml).toString('base64')]]
  if (relayState !== null) parameters.push(['RelayState', relayState])
  if (key !== null) parameters.push(['SigAlg', RSA_SHA256])
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  const signature =
    key === null
      ? ''
      : `&Signature=${encodeURIComponent(sign('sha256', Buffer.from(query), key.privateKey).toString('base64'))}`
  return `${to}${to.includes('?') ? '&' : '?'}${query}${signature}`
}

/** The bytes of a message that came by the Redirect binding. @throws FederationFault */
export function inflateMessage(encoded: string): Buffer {
  const bytes = decodeBase64(encoded)
  try {
    return inflateRawSync(bytes, { maxOutputLength: MAX_MESSAGE_BYTES })
  } catch {
    throw new FederationFault('bad_answer', 'The message cannot be inflated, or is larger than 256 kB.')
  }
}

/**
 * The message of a query that one of the certificates has signed. It is read from what was signed, in which each parameter
 * occurs once, not from the decoded query: a name may be spelled in several ways there.
 * @param query as it was received. @throws FederationFault
 */
export function readSignedQuery(
  query: string,
  as: OutgoingMessage['as'],
  certificates: readonly string[],
  now: Date,
): { message: string; relayState: string | null } {
  const raw = new Map<string, string>()
  for (const part of query.split('&')) {
    const [name = '', ...value] = part.split('=')
    if (raw.has(name))
      throw new FederationFault('unsafe_document', `The parameter ${name.slice(0, 40)} is repeated.`)
    raw.set(name, value.join('='))
  }
  const decoded = (name: string): string | null => {
    const value = raw.get(name)
    return value === undefined ? null : decodeParameter(value)
  }
  const [signature, message] = [decoded('Signature'), decoded(as)]
  if (signature === null) throw new FederationFault('wrong_signature', 'The message is not signed.')
  if (message === null || raw.has(as === 'SAMLRequest' ? 'SAMLResponse' : 'SAMLRequest'))
    throw new FederationFault('bad_answer', `The query has no ${as}, or more than that.`)
  const names = [as, 'RelayState', 'SigAlg'].filter((name) => raw.has(name))
  const signed = Buffer.from(names.map((name) => `${name}=${raw.get(name)}`).join('&'))
  const algorithm = decoded('SigAlg') ?? ''
  const by = Object.hasOwn(QUERY_ALGORITHMS, algorithm) ? QUERY_ALGORITHMS[algorithm] : undefined
  if (by === undefined)
    throw new FederationFault(
      'wrong_signature',
      `The algorithm ${algorithm.slice(0, 100)} of a signature is not accepted.`,
    )
  const bytes = decodeBase64(signature)
  const isSigned = certificates.some((certificate) => {
    const facts = readCertificate(certificate)
    if (!facts || facts.weakness !== null || facts.notAfter <= now) return false
    if (facts.publicKey.asymmetricKeyType !== by.type) return false
    return verifySignature(by.hash, signed, { key: facts.publicKey, dsaEncoding: 'ieee-p1363' }, bytes)
  })
  if (!isSigned)
    throw new FederationFault(
      'wrong_signature',
      'The signature fits none of the certificates of the connection.',
    )
  return { message, relayState: decoded('RelayState') }
}

function decodeParameter(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    throw new FederationFault('bad_answer', 'A parameter of the query is not encoded as URLs require.')
  }
}

export interface SamlRequestOptions {
  /** Names the round trip; the provider returns it, at most 80 bytes (SAML bindings §3.4.3). */
  relayState: string
  /** Whether the provider must authenticate the user again. */
  fresh?: boolean
  now: Date
}

/**
 * The request that begins a sign-in, and what its answer must name.
 * @throws FederationFault bad_settings
 */
export async function samlRequest(
  tools: SamlTools,
  connection: UsableConnection,
  { relayState, fresh = false, now }: SamlRequestOptions,
): Promise<SentMessage & { expected: { request_id: string } }> {
  const saml = connection.settings.saml ?? {}
  const { sso_url: to, sso_binding: binding = 'redirect', name_id: format } = saml
  if (to === undefined) throw new FederationFault('bad_settings', 'The connection has no single sign-on URL.')
  const { entityId, acs } = samlAddressesOf(tools.config, connection)
  const id = newMessageId()
  const xml = [
    `<samlp:AuthnRequest xmlns:samlp="${SAML.protocol}" xmlns:saml="${SAML.assertion}" ID="${id}" Version="2.0" IssueInstant="${now.toISOString()}" Destination="${escapeXml(to)}" AssertionConsumerServiceURL="${escapeXml(acs)}" ProtocolBinding="${BINDING_URIS.post}"${fresh ? ' ForceAuthn="true"' : ''}>`,
    `<saml:Issuer>${escapeXml(entityId)}</saml:Issuer>`,
    `<samlp:NameIDPolicy${format ? ` Format="${NAME_ID_FORMATS[format]}"` : ''} AllowCreate="true"/>`,
    '</samlp:AuthnRequest>',
  ].join('')
  const key = saml.signs_requests ? await findSigningKey(tools, connection, now) : null
  const sent = await sendMessage({ xml, as: 'SAMLRequest', to, binding, relayState, key })
  return { ...sent, expected: { request_id: id } }
}
