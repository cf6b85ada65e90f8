/**
 * Reading a SAML response: the canon, the signature of the provider, the assertion, and its single use. The assertion itself
 * must be signed, as our metadata requires (WantAssertionsSigned): the signature of the response alone is refused, because
 * an assertion is read from the bytes that its signature covers. That of the response is verified where there is one.
 */
import { type CertificateFacts, readCertificate } from '../../../base/x509.ts'
import { attributeOf, onlyChild, type XmlElement, xmlText } from '../../../base/xml/index.ts'
import { samlAddressesOf, type UsableConnection } from '../../../core/connections/index.ts'
import { readableClaims } from '../../../core/providers/diagnostics.ts'
import { type ExternalIdentity, FederationFault } from '../../../core/providers/index.ts'
import { addressOf } from '../../../core/providers/profile.ts'
import type { Claims } from '../../../core/providers/provider.ts'
import { EMAIL_ATTRIBUTES, mapAttributes } from '../../../core/saml/attributes.ts'
import { decryptionKeysOf, listConnectionKeys, privateKeyOf } from '../../../core/saml/keys.ts'
import { NAME_ID_FORMATS, SAML } from '../../../core/saml/names.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type AssertionFacts,
  assertAnswers,
  assertIssued,
  assertIssuer,
  type NameId,
  readAssertion,
} from './assertion.ts'
import {
  asFault,
  assertSignaturePlaces,
  decodeBase64,
  type FoundAssertion,
  findAssertion,
  hasSignature,
  readMessage,
  readSignedAssertion,
} from './canon.ts'
import { decryptAssertion, undecryptable } from './decryption.ts'
import { findSignedXml, findSigner, type SignedMessage } from './saml.ts'
import { takeMessage } from './sql.ts'

export type SamlTools = Pick<Tools, 'config' | 'db' | 'keyring'>

export interface ReceivedResponse {
  /** The parameter `SAMLResponse` of the POST binding. */
  response: string
  /** The id of the request that it must answer: one that the provider began itself is not read (federation/consumer-pages.ts). */
  expected: { request_id: string }
  now: Date
  /** Whether the organization of the connection has proven the domain of the address. Default: no address is. */
  isOwnDomain?: (email: string) => boolean
}

const MAX_RESPONSE_AGE = 15 * 60_000

/** The user whom a response names; the assertion is used up. @throws FederationFault */
export async function readSamlResponse(
  tools: SamlTools,
  connection: UsableConnection,
  received: ReceivedResponse,
): Promise<ExternalIdentity> {
  const { now, isOwnDomain = () => false } = received
  const saml = connection.settings.saml ?? {}
  if (!saml.entity_id || !saml.certificates?.length)
    throw new FederationFault(
      'bad_settings',
      'The connection has no entity id or no certificate of the provider.',
    )
  const issuer = saml.entity_id
  try {
    const facts = await readVerified(tools, connection, received, issuer)
    const identity = identityOf(facts, connection, {
      issuer,
      isOwnDomain,
      audience: audienceOf(tools, connection),
    })
    const isFirst = await takeMessage(tools.db.hot, {
      connectionId: connection.id,
      kind: 'assertion',
      id: facts.id,
      until: new Date(Math.max(facts.until.getTime(), now.getTime() + MAX_RESPONSE_AGE * 2)),
    })
    if (!isFirst) throw new FederationFault('replayed', 'The assertion was used before.')
    return identity
  } catch (error) {
    throw asFault(error)
  }
}

const audienceOf = ({ config }: SamlTools, connection: UsableConnection): string =>
  samlAddressesOf(config, connection).entityId

async function readVerified(
  tools: SamlTools,
  connection: UsableConnection,
  { response, expected, now }: ReceivedResponse,
  issuer: string,
): Promise<AssertionFacts> {
  const addresses = samlAddressesOf(tools.config, connection)
  const { xml, root } = readMessage(decodeBase64(response))
  const found = findAssertion(root)
  const requestId = expected.request_id
  assertSignaturePlaces(root, found === null || found.isEncrypted ? [root] : [root, found.element])
  assertEnvelope(root, { issuer, requestId, now, destination: addresses.acs })
  if (found === null) throw new FederationFault('bad_answer', 'The response has no assertion.')
  if (hasSignature(root)) await verify({ xml, path: [root] }, connection, now)
  const text = found.isEncrypted
    ? await verifiedInside(tools, connection, found, now)
    : await verifiedPlain(connection, found, { xml, root }, now)
  return readAssertion(readSignedAssertion(text), {
    issuer,
    audience: addresses.entityId,
    recipient: addresses.acs,
    requestId,
    now,
  })
}

interface Envelope {
  issuer: string
  requestId: string
  destination: string
  now: Date
}

/** The response around the assertion, which may be unsigned: whether it is for us, answers our request, and is a success. */
function assertEnvelope(response: XmlElement, { issuer, requestId, destination, now }: Envelope): void {
  if (attributeOf(response, 'Version') !== '2.0')
    throw new FederationFault('bad_answer', 'The response is not of SAML 2.0.')
  const to = attributeOf(response, 'Destination')
  if (to !== null && to !== destination)
    throw new FederationFault(
      'wrong_recipient',
      `The destination is ${to.slice(0, 200)}, expected ${destination}.`,
    )
  assertAnswers(response, requestId)
  const named = onlyChild(response, SAML.protocol, 'Status')
  assertSuccess(named)
  const from = onlyChild(response, SAML.assertion, 'Issuer')
  if (from) assertIssuer(from, issuer, 'response')
  assertIssued(response, now, MAX_RESPONSE_AGE)
}

const REFUSALS = ['AuthnFailed', 'RequestDenied', 'UnknownPrincipal', 'NoAuthnContext']

/** The status of a response is a success (SAML core §3.2.2.2). @throws FederationFault denied, provider_error, bad_answer */
export function assertSuccess(status: XmlElement | null): void {
  const code = status && onlyChild(status, SAML.protocol, 'StatusCode')
  if (!status || !code) throw new FederationFault('bad_answer', 'The response has no status.')
  const nested = onlyChild(code, SAML.protocol, 'StatusCode')
  const [first, second] = [code, nested].map(
    (one) => one && (attributeOf(one, 'Value') ?? '').replace(/^.*:/, ''),
  )
  if (first === 'Success') return
  const message = onlyChild(status, SAML.protocol, 'StatusMessage')
  const said = message ? `: ${xmlText(message).slice(0, 200)}` : ''
  throw new FederationFault(
    second && REFUSALS.includes(second) ? 'denied' : 'provider_error',
    `The provider answered ${[first, second].filter(Boolean).join(', ').slice(0, 100)}${said}.`,
  )
}

async function verifiedPlain(
  connection: UsableConnection,
  { element }: FoundAssertion,
  { xml, root }: { xml: string; root: XmlElement },
  now: Date,
): Promise<string> {
  if (connection.settings.saml?.wants_encrypted)
    throw new FederationFault(
      'encryption',
      'The connection requires encrypted assertions, and this one is not encrypted.',
    )
  if (!hasSignature(element))
    throw new FederationFault(
      'wrong_signature',
      hasSignature(root)
        ? 'Only the response is signed. Let the provider sign the assertion as well.'
        : 'The assertion is not signed.',
    )
  return verify({ xml, path: [root, element] }, connection, now)
}

async function verifiedInside(
  { db, keyring }: SamlTools,
  connection: UsableConnection,
  { element }: FoundAssertion,
  now: Date,
): Promise<string> {
  const keys = decryptionKeysOf(await listConnectionKeys(db.hot, connection.id))
  const { xml, isAuthenticated } = decryptAssertion(
    element,
    keys.map((key) => privateKeyOf(keyring, key)),
  )
  try {
    const root = readSignedAssertion(xml)
    assertSignaturePlaces(root, [root])
    if (!hasSignature(root))
      throw new FederationFault(
        'encryption',
        'The encrypted assertion is not signed: sign it before it is encrypted.',
      )
    return await verify({ xml, path: [root] }, connection, now)
  } catch (error) {
    throw isAuthenticated ? error : undecryptable()
  }
}

/** The bytes that a certificate of the connection has signed. @throws FederationFault wrong_signature, certificate_expired */
export async function verify(
  message: SignedMessage,
  { settings }: Pick<UsableConnection, 'settings'>,
  now: Date,
): Promise<string> {
  const known = (settings.saml?.certificates ?? []).flatMap((certificate) => {
    const facts = readCertificate(certificate)
    return facts ? [{ certificate, ...facts, weakness: facts.weakness ?? unfitness(facts) }] : []
  })
  const strong = known.filter(({ weakness }) => weakness === null)
  const valid = strong.filter((one) => one.notAfter > now)
  const signer = findSigner(message, [...valid, ...strong.filter((one) => one.notAfter <= now)])
  const signed = signer && (await findSignedXml(message, signer.certificate))
  if (signer && signed !== null) {
    if (valid.includes(signer)) return signed
    throw new FederationFault(
      'certificate_expired',
      `The certificate expired on ${signer.notAfter.toISOString().slice(0, 10)}.`,
    )
  }
  const weak = known.flatMap(({ weakness }) =>
    weakness === null ? [] : [`one is not used because ${weakness}`],
  )
  throw new FederationFault(
    'wrong_signature',
    `The signature fits none of the ${known.length} certificates of the connection${weak.length > 0 ? ` (${weak.join('; ')})` : ''}.`,
  )
}

/**
 * The library verifies what is named as a signature of RSA with any key, of ECDSA too, in another encoding than XML Signature 1.1
 * §6.4.3 has. @returns why a key verifies no XML signature
 */
const unfitness = ({ publicKey: { asymmetricKeyType: type } }: CertificateFacts): string | null =>
  type === 'rsa' || type === 'rsa-pss' ? null : 'its key is not of RSA'

/** Characters of an authentication context or method. */
const MAX_CONTEXT = 500
const METHODS_CLAIM = 'http://schemas.microsoft.com/claims/authnmethodsreferences'

function identityOf(
  facts: AssertionFacts,
  { settings }: UsableConnection,
  {
    issuer,
    audience,
    isOwnDomain,
  }: { issuer: string; audience: string; isOwnDomain: (email: string) => boolean },
): ExternalIdentity {
  const { attributes, nameId, context } = facts
  const map = settings.attributes ?? {}
  const mapped = mapAttributes(attributes, map)
  const email = mapped.email ?? addressOf(nameId?.value)
  const isShort = (text: string): boolean => text.length <= MAX_CONTEXT
  return {
    issuer,
    subject:
      map.subject === undefined
        ? subjectOf(nameId, issuer, audience)
        : mappedSubject(mapped.subject, map.subject),
    email,
    emailVerified: email !== null && (settings.trusts_email === true || isOwnDomain(email)),
    username: mapped.username,
    fullName: mapped.fullName,
    ...(mapped.stated && { stated: mapped.stated }),
    groups: mapped.groups,
    // which of them are two factors is decided for all protocols at once (core/connections/mfa.ts)
    amr: (attributes.get(METHODS_CLAIM) ?? []).filter(isShort).slice(0, 20),
    acr: context !== null && isShort(context) ? context : null,
    authenticatedAt: facts.authenticatedAt,
    claims: claimsOf(facts, [...Object.values(map).flatMap((name) => name ?? []), ...EMAIL_ATTRIBUTES]),
    ...(nameId && {
      session: {
        name_id: nameId.value,
        name_id_format: nameId.format,
        name_qualifier: nameId.nameQualifier,
        sp_name_qualifier: nameId.spNameQualifier,
        session_index: facts.sessionIndex,
      },
    }),
  }
}

function mappedSubject(subject: string | null, name: string): string {
  if (subject === null || subject.length > 500 || /\p{Cc}/u.test(subject))
    throw new FederationFault(
      'no_subject',
      `The attribute ${name}, which names the user, is missing or has several values.`,
    )
  return subject
}

const STABLE_FORMATS: readonly string[] = [
  NAME_ID_FORMATS.persistent,
  NAME_ID_FORMATS.emailAddress,
  NAME_ID_FORMATS.unspecified,
]

/** The NameID as the subject: what qualifies it belongs to it, where it is not what both sides know (SAML core §8.3.7). */
function subjectOf(nameId: NameId | null, issuer: string, audience: string): string {
  if (nameId === null) throw new FederationFault('no_subject', 'The assertion has no NameID.')
  const { value, format, nameQualifier, spNameQualifier } = nameId
  if (!STABLE_FORMATS.includes(format))
    throw new FederationFault(
      'no_subject',
      format === NAME_ID_FORMATS.transient
        ? 'The NameID is transient: it changes with each sign-in. Send a persistent one, or name an attribute as the subject.'
        : `The format ${format.slice(0, 100)} of the NameID is not accepted.`,
    )
  if (spNameQualifier !== null && spNameQualifier !== audience)
    throw new FederationFault(
      'no_subject',
      `The NameID is for ${spNameQualifier.slice(0, 200)}, expected ${audience}.`,
    )
  // no name is the text of another one with a qualifier
  if (nameQualifier === null || nameQualifier === issuer) return value.replace(/^!/, '!!')
  return `!${nameQualifier.replaceAll('!', '%21')}!${value}`
}

/** The raw attributes, for the diagnostics and the mapping. */
function claimsOf(
  { attributes, nameId, context, sessionIndex }: AssertionFacts,
  used: readonly string[],
): Claims {
  const own = {
    NameID: nameId?.value ?? null,
    'NameID Format': nameId?.format ?? null,
    AuthnContextClassRef: context,
    SessionIndex: sessionIndex,
  }
  const raw = [...attributes].map(([name, values]) => [name, values.length === 1 ? values[0] : values])
  // first, so that they are shown, and last, so that no attribute is shown as one of them
  return readableClaims({ ...own, ...Object.fromEntries(raw), ...own }, used)
}
