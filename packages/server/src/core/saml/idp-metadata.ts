/**
 * Reading the metadata of a SAML identity provider (SAML metadata §2.4): its entity id, certificates and endpoints. A pure
 * function. Signatures of metadata are not verified: it is trusted because it was fetched over https, or because an
 * administrator pasted it or approved its certificates.
 */
import { readCertificate } from '../../base/x509.ts'
import {
  attributeOf,
  childrenOf,
  decodeXml,
  readXml,
  type XmlElement,
  XmlFault,
  type XmlLimits,
  xmlText,
} from '../../base/xml/index.ts'
import { FederationFault } from '../providers/index.ts'
import { ProviderUrl, SAML_BINDINGS, SamlSettings } from '../providers/settings.ts'
import { BINDING_URIS, SAML } from './names.ts'

export const MAX_METADATA_BYTES = 1_048_576

const LIMITS: XmlLimits = {
  length: MAX_METADATA_BYTES,
  depth: 64,
  elements: 20_000,
  attributes: 60_000,
  attributesOfElement: 64,
  comments: true,
}

const bad = (detail: string): FederationFault => new FederationFault('bad_settings', detail)

/**
 * What a document says about an identity provider.
 * @param document text, or bytes as they were received
 * @param entityId which of several is meant; null where the document must describe a single one
 * @throws FederationFault bad_settings, unsafe_document, wrong_time
 */
export function readIdpMetadata(
  document: string | Uint8Array,
  { entityId, now }: { entityId: string | null; now: Date },
): SamlSettings {
  try {
    const text =
      typeof document === 'string' ? document.replace(/^\ufeff/, '') : decodeXml(document, MAX_METADATA_BYTES)
    const root = readXml(text.trim(), LIMITS)
    return settingsOf(findProvider(root, entityId, now), now)
  } catch (error) {
    if (!(error instanceof XmlFault)) throw error
    throw new FederationFault(
      error.kind === 'unsafe' ? 'unsafe_document' : 'bad_settings',
      `The metadata cannot be read: ${error.message}.`,
    )
  }
}

/** The descriptors of SAML 2.0 identity providers in an entity. */
const providersOf = (entity: XmlElement): XmlElement[] =>
  childrenOf(entity, SAML.metadata, 'IDPSSODescriptor').filter((descriptor) =>
    (attributeOf(descriptor, 'protocolSupportEnumeration') ?? '').split(/\s+/).includes(SAML.protocol),
  )

interface FoundProvider {
  entityId: string
  descriptor: XmlElement
}

/** The entities of a document and of the groups in it (SAML metadata §2.3.1), with all around them that may have expired. */
function* entitiesOf(root: XmlElement, around: readonly XmlElement[] = []): Generator<readonly XmlElement[]> {
  if (root.namespace !== SAML.metadata) return
  const path = [...around, root]
  if (root.name === 'EntityDescriptor') yield path
  if (root.name === 'EntitiesDescriptor') for (const child of root.children) yield* entitiesOf(child, path)
}

function findProvider(root: XmlElement, wanted: string | null, now: Date): FoundProvider {
  assertCurrent(root, now)
  const found: FoundProvider[] = []
  for (const path of entitiesOf(root)) {
    const entity = path.at(-1) ?? root
    const [descriptor] = providersOf(entity)
    const entityId = attributeOf(entity, 'entityID')
    if (descriptor === undefined || !entityId) continue
    if (wanted !== null && entityId !== wanted) continue
    found.push({ entityId, descriptor })
    for (const one of [...path, descriptor]) assertCurrent(one, now)
  }
  const [first, second] = found
  if (!first)
    throw bad(
      wanted === null
        ? 'The metadata describes no SAML 2.0 identity provider.'
        : `The metadata does not describe the identity provider ${wanted}.`,
    )
  if (second)
    throw bad(
      `The metadata describes several identity providers; name the entity id of one: ${found
        .slice(0, 5)
        .map((one) => one.entityId)
        .join(', ')}.`,
    )
  return first
}

function assertCurrent(element: XmlElement, now: Date): void {
  const until = attributeOf(element, 'validUntil')
  if (until === null) return
  const at = new Date(until)
  if (Number.isNaN(at.getTime()))
    throw bad(`The metadata has a validUntil that is no time: ${until.slice(0, 40)}.`)
  if (at <= now) throw new FederationFault('wrong_time', `The metadata was valid until ${at.toISOString()}.`)
}

function settingsOf({ entityId, descriptor }: FoundProvider, now: Date): SamlSettings {
  if (entityId.length > 1024) throw bad('The entity id is longer than 1,024 characters.')
  const certificates = certificatesOf(descriptor)
  const signOn = endpointOf(descriptor, 'SingleSignOnService')
  if (signOn === null)
    throw bad('The metadata has no single sign-on service with the Redirect or the POST binding.')
  const logout = endpointOf(descriptor, 'SingleLogoutService')
  assertUsable(certificates, now)
  const wantsSigned = /^(?:true|1)$/.test(attributeOf(descriptor, 'WantAuthnRequestsSigned') ?? '')
  return usableSettings({
    entity_id: entityId,
    sso_url: signOn.url,
    sso_binding: signOn.binding,
    ...(logout && { slo_url: logout.url, slo_binding: logout.binding }),
    ...(logout?.responseUrl && { slo_response_url: logout.responseUrl }),
    certificates,
    ...(wantsSigned && { signs_requests: true }),
  })
}

/** What a connection can store. @throws FederationFault bad_settings for what could not be read again */
export function usableSettings(settings: SamlSettings): SamlSettings {
  const { data, error } = SamlSettings.safeParse(settings)
  if (data) return data
  const [issue] = error.issues
  throw bad(`The metadata has a value that cannot be used: ${issue?.path.join('.')}: ${issue?.message}`)
}

interface Endpoint {
  url: string
  binding: (typeof SAML_BINDINGS)[number]
  responseUrl: string | null
}

/** The first endpoint with the Redirect binding, else with POST; null where there is neither. */
function endpointOf(descriptor: XmlElement, name: string): Endpoint | null {
  const services = childrenOf(descriptor, SAML.metadata, name)
  for (const binding of SAML_BINDINGS) {
    const service = services.find((one) => attributeOf(one, 'Binding') === BINDING_URIS[binding])
    const location = service && attributeOf(service, 'Location')
    if (!service || !location) continue
    const response = attributeOf(service, 'ResponseLocation')
    return { url: urlOf(location, name), binding, responseUrl: response && urlOf(response, name) }
  }
  return null
}

function urlOf(text: string, name: string): string {
  const { success } = ProviderUrl.safeParse(text)
  if (!success) throw bad(`The location of ${name} is no URL that can be used: ${text.slice(0, 200)}.`)
  return text
}

/** The certificates for signatures, each once, in the order of the document. */
function certificatesOf(descriptor: XmlElement): string[] {
  const found = new Set<string>()
  for (const key of childrenOf(descriptor, SAML.metadata, 'KeyDescriptor')) {
    if ((attributeOf(key, 'use') ?? 'signing') !== 'signing') continue
    for (const info of childrenOf(key, SAML.signature, 'KeyInfo'))
      for (const data of childrenOf(info, SAML.signature, 'X509Data'))
        for (const one of childrenOf(data, SAML.signature, 'X509Certificate'))
          found.add(xmlText(one).replace(/\s+/g, ''))
  }
  if (found.size === 0) throw bad('The metadata has no certificate for signatures.')
  if (found.size > 10) throw bad('The metadata has more than 10 certificates for signatures.')
  return [...found]
}

/** Every certificate must be readable, and at least one verify signatures now; the others may be of the past or too weak. */
function assertUsable(certificates: readonly string[], now: Date): void {
  const faults = certificates.map((certificate) => {
    const facts = readCertificate(certificate)
    if (certificate.length > 10_000 || facts === null)
      throw bad('A certificate of the metadata cannot be read.')
    if (facts.weakness !== null) return facts.weakness
    return facts.notAfter > now ? null : `it expired on ${facts.notAfter.toISOString().slice(0, 10)}`
  })
  if (!faults.includes(null)) throw bad(`No certificate of the metadata can be used: ${faults.join('; ')}.`)
}
