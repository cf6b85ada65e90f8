/**
 * The form of a connection in a set-up: what comes back from the provider, as flat texts, and the change that they are. What it
 * says is checked against the provider at once: the discovery document is read, metadata is fetched.
 */
import { z } from 'zod'
import { invalid, Problem, problem } from '../../../base/errors.ts'
import { optional } from '../../../base/fields.ts'
import { readCertificate } from '../../../base/x509.ts'
import {
  ATTRIBUTE_FIELDS,
  attributeFieldOf,
  attributeShape,
  attributesOfForm,
} from '../../../core/connection-attributes.tsx'
import { ClientId, ClientSecret, LONGEST_METADATA } from '../../../core/connections/fields.ts'
import { findConnection } from '../../../core/connections/index.ts'
import { mayBePrivate } from '../../../core/connections/requests.ts'
import { ConnectionSettings, FederationFault, providerOf } from '../../../core/providers/index.ts'
import { fetchIdpMetadata, readIdpMetadata } from '../../../core/saml/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { connectionChanges } from '../../organizations/connections/index.ts'
import type { ConnectionSetup, saveSetup } from '../../organizations/setup-links/index.ts'
import { checkDiscovery } from '../upstream/index.ts'

type SetupChange = Parameters<typeof saveSetup>[2]
type SamlSettings = ReturnType<typeof readIdpMetadata>

const { shape } = ConnectionSettings
const saml = shape.saml.unwrap().shape

export const ConnectionSetupForm = z.object({
  issuer: optional(shape.issuer.unwrap()),
  tenant: optional(shape.tenant.unwrap()),
  allowed: optional(z.string().max(2000)),
  client_id: optional(ClientId),
  client_secret: optional(ClientSecret),
  metadata_url: optional(saml.metadata_url.unwrap()),
  metadata_xml: optional(z.string().max(LONGEST_METADATA)),
  entity_id: optional(saml.entity_id.unwrap()),
  sso_url: optional(saml.sso_url.unwrap()),
  certificate: optional(z.string().max(20_000)),
  ...attributeShape,
})
export type ConnectionSetupForm = z.infer<typeof ConnectionSetupForm>

type Ready = {
  choice: NonNullable<ConnectionSetup['choice']>
  connection: NonNullable<ConnectionSetup['connection']>
}

export const SAML_FIELDS = ['metadata_url', 'metadata_xml', 'entity_id', 'sso_url', 'certificate'] as const
/** Instead of metadata, all of them. */
const BY_HAND = ['entity_id', 'sso_url', 'certificate'] as const

/** The fields of the form of a connection, in their order, with those that are needed. */
export function setupFieldsOf({
  choice,
  connection,
}: Ready): { name: keyof ConnectionSetupForm; isNeeded: boolean }[] {
  const row = providerOf(connection.provider)
  const isSaml = choice.kind === 'saml'
  const attributes = (row.settings as readonly string[]).includes('attributes')
    ? // the subject of OpenID Connect is `sub`
      ATTRIBUTE_FIELDS.filter((name) => isSaml || name !== 'subject_attribute')
    : []
  const optionalFields = (names: readonly (keyof ConnectionSetupForm)[]) =>
    names.map((name) => ({ name, isNeeded: false }))
  if (isSaml) return optionalFields([...SAML_FIELDS, ...attributes])
  const own = (['issuer', 'tenant', 'allowed'] as const).filter((name) =>
    (row.settings as readonly string[]).includes(name),
  )
  return [
    ...own.map((name) => ({ name, isNeeded: name !== 'allowed' })),
    { name: 'client_id', isNeeded: true },
    { name: 'client_secret', isNeeded: row.secret === 'required' },
    ...optionalFields(attributes),
  ]
}

/** What the form shows of the connection besides its attributes: never the secret. */
export function setupValues({
  connection: { clientId, settings },
}: Ready): Partial<Record<keyof ConnectionSetupForm, string>> {
  const { saml: idp = {}, issuer, tenant, allowed } = settings
  const values = {
    issuer,
    tenant,
    allowed: allowed?.join(' '),
    client_id: clientId ?? undefined,
    metadata_url: idp.metadata_url,
    entity_id: idp.entity_id,
    sso_url: idp.sso_url,
    certificate: idp.certificates?.[0],
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

type CheckTools = Pick<Tools, 'config' | 'db' | 'outbound'> & Parameters<typeof checkDiscovery>[0]

/** The change that the form asks for, checked against the provider. @throws Problem VALIDATION_ERROR, FederationFault */
export async function changeOfSetup(
  tools: CheckTools,
  ready: Ready,
  input: ConnectionSetupForm,
  now: Date,
): Promise<SetupChange> {
  const fields = setupFieldsOf(ready)
  const isKept = (name: string) => name === 'client_secret' && ready.connection.hasSecret
  assertFilled(
    fields
      .filter(({ name, isNeeded }) => isNeeded && input[name] === undefined && !isKept(name))
      .map(({ name }) => name),
  )
  const has = new Set(fields.map(({ name }) => name))
  const common = has.has('email_attribute') ? { attributes: attributesOfForm(input) } : {}
  if (ready.choice.kind === 'saml') {
    const idp = await samlIn(tools, ready, input, now)
    return { settings: { ...common, saml: { ...cleared(ready), ...idp } } }
  }
  const allowed = input.allowed?.split(/[\s,]+/).filter(Boolean)
  const own = {
    ...(has.has('issuer') && { issuer: input.issuer }),
    ...(has.has('tenant') && { tenant: input.tenant }),
    ...(has.has('allowed') && { allowed: allowed?.length ? listIn(allowed) : null }),
  }
  assertReachable(tools, ready, own)
  await assertDiscovered(tools, ready, input, own)
  return {
    clientId: input.client_id ?? null,
    ...(input.client_secret !== undefined && { clientSecret: input.client_secret }),
    settings: { ...common, ...own },
  }
}

/** @throws Problem VALIDATION_ERROR that names them all */
function assertFilled(missing: readonly string[]): void {
  if (missing.length === 0) return
  throw problem('VALIDATION_ERROR', {
    details: missing.map((field) => ({ field, code: 'required', message: 'This is needed.' })),
  })
}

/** As owners and the API enter addresses, before any is requested. @throws Problem VALIDATION_ERROR */
function assertReachable(
  tools: CheckTools,
  { connection: { organizationId } }: Ready,
  change: Readonly<Record<string, unknown>>,
): void {
  connectionChanges.entered.assertReachable(tools.config, { organizationId, settings: settingsIn(change) })
}

const settingsIn = (members: Readonly<Record<string, unknown>>): ConnectionSettings =>
  ConnectionSettings.parse(
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined)),
  )

function listIn(texts: string[]): string[] {
  const parsed = shape.allowed.unwrap().safeParse(texts)
  if (!parsed.success) throw invalid('allowed', 'invalid', 'Use domains such as example.com.')
  return parsed.data
}

/** Reads the discovery document and the keys, with the settings that are not stored yet. */
async function assertDiscovered(
  tools: CheckTools,
  { connection }: Ready,
  input: ConnectionSetupForm,
  own: Readonly<Record<string, unknown>>,
): Promise<void> {
  const stored = await findConnection(tools.db.hot, connection.id)
  if (!stored) throw invalid('client_id', 'unknown', 'The connection was deleted.')
  const settings = settingsIn({ ...connection.settings, ...own })
  await checkDiscovery(tools, { ...stored, clientId: input.client_id ?? null, settings })
}

/** What an earlier form has set, and this one does not. */
const cleared = ({ connection }: Ready): Record<string, null> =>
  Object.fromEntries(Object.keys(connection.settings.saml ?? {}).map((name) => [name, null]))

/** The metadata by its address, pasted, or its three parts. The first that is entered counts. */
async function samlIn(
  tools: CheckTools,
  ready: Ready,
  input: ConnectionSetupForm,
  now: Date,
): Promise<SamlSettings> {
  const { metadata_xml: xml, metadata_url: url } = input
  // of no entity in particular: what is stored may be of another
  const reader = { organizationId: ready.connection.organizationId, settings: {} }
  if (xml !== undefined) return readIdpMetadata(xml, { entityId: null, now })
  if (url !== undefined) {
    assertReachable(tools, ready, { saml: { metadata_url: url } })
    // over http anyone on the way could replace the certificates
    mayBePrivate(tools, reader, url)
    return { ...(await fetchIdpMetadata(tools, reader, url, now)), metadata_url: url }
  }
  const missing = BY_HAND.filter((name) => input[name] === undefined)
  if (missing.length === BY_HAND.length)
    throw problem('VALIDATION_ERROR', { details: { reason: 'no_metadata' } })
  assertFilled(missing)
  const { entity_id, sso_url, certificate = '' } = input
  const settings = { entity_id, sso_url, certificates: [derIn(certificate)] }
  assertReachable(tools, ready, { saml: settings })
  return settings
}

/** The base64 of a certificate, which may be between the lines of PEM. @throws Problem VALIDATION_ERROR */
function derIn(certificate: string): string {
  const base64 = certificate.replaceAll(/-----(?:BEGIN|END) [A-Z ]+-----|\s/g, '')
  const isBase64 =
    saml.certificates.unwrap().safeParse([base64]).success && /^[A-Za-z0-9+/]+={0,2}$/.test(base64)
  if (!isBase64 || readCertificate(base64) === null)
    throw invalid('certificate', 'no_certificate', 'It is not an X.509 certificate in PEM or base64.')
  return base64
}

/** What the provider did not answer, or what its document lacks; null for other errors. */
export function faultIn(error: unknown): FederationFault | null {
  if (error instanceof FederationFault) return error
  const { cause } = error instanceof Problem ? error : { cause: null }
  return cause instanceof FederationFault ? cause : null
}

/** The field of the form for a field of the API. */
export function setupFieldOf(field: string): string {
  const [, attribute] = /^settings\.attributes\.(.+)$/.exec(field) ?? []
  if (attribute !== undefined) return attributeFieldOf(attribute) ?? field
  return field.replace(/^settings\.(?:saml\.)?/, '').replace(/^certificates\..*$/, 'certificate')
}

/** The field that names the provider, or its document; null where the form has none, as of Google. */
export const fieldOfFault = (input: ConnectionSetupForm): keyof ConnectionSetupForm | null =>
  (['metadata_xml', 'metadata_url', 'certificate', 'issuer', 'tenant'] as const).find(
    (name) => input[name] !== undefined,
  ) ?? null
