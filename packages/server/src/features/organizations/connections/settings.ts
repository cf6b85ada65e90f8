/**
 * The settings of connections as values: which a provider takes, what is missing before a connection can be used, what a
 * change makes of them. Pure. Invariant: settings by which a connection could speak for people outside of its organization,
 * or reach into the server's network, are the operator's: those of organizations do not take them.
 */
import { createPrivateKey } from 'node:crypto'
import { type FieldError, invalid, problem } from '../../../base/errors.ts'
import { readCertificate } from '../../../base/x509.ts'
import type { Config } from '../../../config.ts'
import { type AddressRefusal, type AddressUse, addressRefusal } from '../../../core/connections/requests.ts'
import {
  type ConnectionSetting,
  ConnectionSettings,
  FederationFault,
  type Provider,
  type ProviderId,
  providerOf,
} from '../../../core/providers/index.ts'
import { SamlSettings } from '../../../core/providers/settings.ts'
import type { Fetch } from '../../../core/saml/administration.ts'
import { readIdpMetadata } from '../../../core/saml/index.ts'

/** Only server-wide connections take them. */
const OF_OPERATOR: ReadonlySet<ConnectionSetting> = new Set([
  'allows_private',
  // with these, the owner of one organization could assert the address of any user of the server
  'links_silently',
  'trusts_email',
])
/** Only connections of organizations take them. */
const OF_ORGANIZATION: ReadonlySet<ConnectionSetting> = new Set(['default_role', 'group_roles'])

/** What a connection is made of, besides its name and its status. */
export interface ConnectionParts {
  provider: ProviderId
  organizationId: string | null
  clientId: string | null
  hasSecret: boolean
  settings: ConnectionSettings
}

/** The settings that a connection takes: those of its provider's row that its owner may set. */
export function settingsTaken({
  provider,
  organizationId,
}: Pick<ConnectionParts, 'provider' | 'organizationId'>): readonly ConnectionSetting[] {
  const foreign = organizationId === null ? OF_ORGANIZATION : OF_OPERATOR
  return providerOf(provider).settings.filter((setting) => !foreign.has(setting))
}

export const hasClient = ({ kind }: Pick<Provider, 'kind'>): boolean => kind !== 'saml'

/** The fields that a connection needs before it can be used and does not have, by their names in the API. */
export function missingIn({ provider, clientId, hasSecret, settings }: ConnectionParts): string[] {
  const row = providerOf(provider)
  const isAbsent = (value: unknown) => value === undefined || (Array.isArray(value) && value.length === 0)
  const missing = row.required
    .filter((setting) => setting !== 'saml' && isAbsent(settings[setting]))
    .map((setting) => `settings.${setting}`)
  if (hasClient(row) && clientId === null) missing.unshift('client_id')
  if ((row.secret === 'required' || row.secret === 'key') && !hasSecret) missing.push('client_secret')
  if (row.kind === 'saml') {
    const { saml = {} } = settings
    const needed = ['entity_id', 'sso_url', 'certificates'] as const
    missing.push(...needed.filter((name) => isAbsent(saml[name])).map((name) => `settings.saml.${name}`))
  }
  return missing
}

/** @throws Problem VALIDATION_ERROR that names what is missing */
export function assertComplete(parts: ConnectionParts): void {
  const details = missingIn(parts).map((field) => ({
    field,
    code: 'missing',
    message: 'The connection cannot be active without it.',
  }))
  if (details.length > 0) throw problem('VALIDATION_ERROR', { details })
}

/** Refuses to enable a connection that cannot accept any answer. @throws Problem VALIDATION_ERROR */
export function assertValid({ saml }: ConnectionSettings, now: Date): void {
  const facts = (saml?.certificates ?? []).map(readCertificate)
  if (facts.length === 0 || facts.some((one) => one === null || one.notAfter > now)) return
  throw invalid(
    'settings.saml.certificates',
    'expired',
    'All certificates of the identity provider have expired. Fetch its metadata again, or enter new ones.',
  )
}

/** Members that are null are cleared, members that are absent stay; the same inside of `saml` and `attributes`. */
export function mergedSettings(
  before: ConnectionSettings,
  change: Readonly<Record<string, unknown>>,
): ConnectionSettings {
  const nested = ['saml', 'attributes'] as const
  const merged: Record<string, unknown> = merge(before, change)
  for (const name of nested)
    if (isRecord(change[name])) {
      const inner = merge(before[name] ?? {}, change[name])
      if (Object.keys(inner).length === 0) delete merged[name]
      else merged[name] = inner
    }
  return ConnectionSettings.parse(merged)
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function merge(before: object, change: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged = { ...before, ...change }
  return Object.fromEntries(
    Object.entries(merged).filter(([, value]) => value !== null && value !== undefined),
  )
}

/**
 * The settings that are sent, with those of a document of metadata, which takes precedence.
 * @param metadata the metadata of a SAML identity provider; absent: none. @throws Problem VALIDATION_ERROR
 */
export function sentSettings(
  { settings = {}, metadata }: Pick<SentParts, 'settings' | 'metadata'>,
  now: Date,
): Readonly<Record<string, unknown>> {
  if (metadata === undefined) return settings
  try {
    const read = readIdpMetadata(metadata, { entityId: null, now })
    return { ...settings, saml: { ...(isRecord(settings.saml) ? settings.saml : {}), ...read } }
  } catch (error) {
    if (!(error instanceof FederationFault)) throw error
    throw invalid('metadata', 'invalid', error.detail ?? 'The metadata cannot be read.')
  }
}

/** What is sent of a client and its settings. */
export interface SentParts {
  /** The metadata of a SAML identity provider. */
  metadata?: string | undefined
  clientId?: string | null | undefined
  clientSecret?: string | null | undefined
  settings?: Readonly<Record<string, unknown>> | undefined
}

export interface NewConnection extends SentParts {
  provider: ProviderId
  name?: string | undefined
  slug?: string | undefined
  /** What the metadata URL says, where it was fetched for this. */
  fetched?: Fetch | undefined
  status?: 'draft' | 'active' | undefined
  /** Default: `api`. */
  origin?: 'setup_link'
  /** Of a form that may be sent twice: the newest connection when it was shown. What the same user has made since is returned. */
  after?: string | undefined
}

/** Absent members stay, null clears. */
export interface ConnectionChange extends SentParts {
  name?: string | undefined
  /** What the metadata URL says, where it was fetched for this. */
  fetched?: Fetch | undefined
  status?: 'active' | 'disabled' | undefined
  /** Whether settings that cannot be read and that it does not name are removed. Default: false. */
  replaces?: boolean | undefined
}

/**
 * Refuses what the provider, or a connection of this owner, does not take.
 * @throws Problem VALIDATION_ERROR with all such fields
 */
export function assertTaken(
  of: Pick<ConnectionParts, 'provider' | 'organizationId'>,
  { clientId, clientSecret, settings = {}, metadata }: SentParts,
): void {
  const row = providerOf(of.provider)
  const taken: readonly string[] = settingsTaken(of)
  const unknown = (field: string): FieldError => ({
    field,
    code: 'unknown',
    message: reasonFor(row, of, field.replace('settings.', '')),
  })
  const faults = Object.entries(settings)
    .filter(([name, value]) => value !== undefined && value !== null && !taken.includes(name))
    .map(([name]) => unknown(`settings.${name}`))
  if (row.kind === 'saml') faults.push(...certificateFaults(settings.saml))
  if (metadata && row.kind !== 'saml') faults.push(unknown('metadata'))
  if (clientId && !hasClient(row)) faults.push(unknown('client_id'))
  if (clientSecret && row.secret === 'none') faults.push(unknown('client_secret'))
  else if (clientSecret && row.secret === 'key' && !isSigningKey(clientSecret))
    faults.push({
      field: 'client_secret',
      code: 'invalid',
      message: 'Send the private key as the provider’s file has it: PEM, of the curve P-256.',
    })
  if (faults.length > 0) throw problem('VALIDATION_ERROR', { details: faults })
}

/** Certificates that cannot verify a signature. One that has expired is taken, and shown as that. */
function certificateFaults(saml: unknown): FieldError[] {
  if (!isRecord(saml)) return []
  return (['certificates', 'pending_certificates'] as const).flatMap((name) => {
    const sent: readonly unknown[] = Array.isArray(saml[name]) ? saml[name] : []
    return sent.flatMap((one, index): FieldError[] => {
      const facts = readCertificate(String(one))
      const field = `settings.saml.${name}.${index}`
      if (facts === null)
        return [{ field, code: 'no_certificate', message: 'It is not an X.509 certificate in base64.' }]
      return facts.weakness === null
        ? []
        : [{ field, code: 'weak_certificate', message: `It is too weak: ${facts.weakness}.` }]
    })
  })
}

function reasonFor(
  row: Provider,
  { organizationId }: Pick<ConnectionParts, 'organizationId'>,
  name: string,
): string {
  const isOfRow = (row.settings as readonly string[]).includes(name)
  if (!isOfRow) return `A connection to ${row.name} has no \`${name}\`.`
  return organizationId === null
    ? `Only the connection of an organization has \`${name}\`.`
    : `Only a server-wide connection has \`${name}\`.`
}

/** Whether it signs with ES256, as the secret of Apple's clients does. */
function isSigningKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem)
    return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}

/** The addresses that the server requests, or sends browsers to. */
const ADDRESSES: Readonly<Record<string, AddressUse>> = {
  issuer: {},
  base_url: {},
  'saml.sso_url': { isOfBrowsers: true },
  'saml.slo_url': { isOfBrowsers: true },
  'saml.slo_response_url': { isOfBrowsers: true },
  // what it says over http waits for approval (core/saml)
  'saml.metadata_url': { isPlainTaken: true },
}

const PERMITTED = 'The operator of the server can permit its host in LATCHKEY_CONNECTION_HOSTS.'
const REFUSALS = {
  https: `Use an https address. ${PERMITTED}`,
  private_address: `The address is in a private network, which the server does not reach. ${PERMITTED}`,
} as const satisfies Record<AddressRefusal, string>

/**
 * Refuses an address by plain http, over which a provider could be impersonated, and one in a private network that the server
 * itself would request, unless the operator permits its host. @throws Problem VALIDATION_ERROR with all such fields
 */
export function assertReachable(
  config: Pick<Config, 'connectionHosts'>,
  of: Pick<ConnectionParts, 'organizationId' | 'settings'>,
): void {
  const { settings } = of
  const details = Object.entries(ADDRESSES).flatMap(([field, use]): FieldError[] => {
    const [first, inner] = field.split('.')
    const url = first === 'saml' ? settings.saml?.[inner as 'sso_url'] : settings[first as 'issuer']
    if (url === undefined) return []
    const code = addressRefusal({ config }, of, url, use)
    return code === null ? [] : [{ field: `settings.${field}`, code, message: REFUSALS[code] }]
  })
  if (details.length > 0) throw problem('VALIDATION_ERROR', { details })
}

/** The settings that identify the provider: with others, another party answers. */
const IDENTIFYING: readonly ((settings: ConnectionSettings) => string | undefined)[] = [
  ({ issuer }) => issuer,
  ({ base_url: url }) => url,
  ({ tenant }) => tenant,
  ({ saml }) => saml?.entity_id,
]

/** Whether identities that were linked before may be unknown to the provider of the changed settings. */
export const changesParty = (before: ConnectionSettings, after: ConnectionSettings): boolean =>
  IDENTIFYING.some((read) => read(before) !== read(after))

/** The names of the settings that differ; inside of `saml`, which of them. */
export function differingSettings(before: ConnectionSettings, after: ConnectionSettings): string[] {
  const differ = (one: object, other: object): string[] =>
    [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => {
      const [left, right] = [one, other].map((all) => (all as Record<string, unknown>)[name])
      return JSON.stringify(left) !== JSON.stringify(right)
    })
  return differ(before, after)
    .flatMap((name) =>
      name === 'saml'
        ? differ(before.saml ?? {}, after.saml ?? {}).map((inner) => `settings.saml.${inner}`)
        : [`settings.${name}`],
    )
    .sort()
}

const unreadableProblem = (fields: readonly string[]) =>
  problem('CONFLICT', {
    message: `Settings of this connection cannot be read by this version of the server: ${fields.join(', ')}. Give them again with the change, null for none, to use it.`,
    details: { reason: 'unreadable_settings', settings: fields },
  })

/**
 * The settings to store by a change of a connection of which some cannot be read: those that the change does not name stay as they
 * are stored. To enable it, the change gives those again that this version knows, and the others go.
 * @param stored as they are now. `sent`: the settings of the change; undefined: it sends none @throws Problem CONFLICT `unreadable_settings`
 */
export function settingsToStore(
  unreadable: readonly string[],
  settings: object,
  stored: unknown,
  {
    sent,
    enables,
    replaces,
  }: { sent: Readonly<Record<string, unknown>> | undefined; enables: boolean; replaces: boolean },
): { stored: object | undefined; dropped: readonly string[] } {
  if (unreadable.length === 0) return { stored: settings, dropped: [] }
  if (sent === undefined) {
    if (enables) throw unreadableProblem(unreadable)
    return { stored: undefined, dropped: [] }
  }
  const raw = isRecord(stored) ? stored : {}
  const rawSaml = isRecord(raw.saml) ? raw.saml : {}
  const left = unreadable.filter((field) => !isNamed(sent, field))
  const known = left.filter(isKnown)
  if (enables && known.length > 0) throw unreadableProblem(known)
  if (enables || replaces) return { stored: settings, dropped: unreadable }
  const kept = (inside: string, all: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => left.includes(`${inside}.${name}`)))
  const saml = {
    ...('saml' in settings && isRecord(settings.saml) ? settings.saml : {}),
    ...kept('settings.saml', rawSaml),
  }
  return {
    stored: {
      ...settings,
      ...kept('settings', raw),
      ...(Object.keys(saml).length > 0 && { saml }),
    },
    dropped: unreadable.filter((field) => !left.includes(field)),
  }
}

/** Whether this version has the setting, as whose value it cannot read what is stored. */
function isKnown(field: string): boolean {
  const [, name = '', inner] = field.split('.')
  return Object.hasOwn(inner === undefined ? ConnectionSettings.shape : SamlSettings.shape, inner ?? name)
}

function isNamed(sent: Readonly<Record<string, unknown>>, field: string): boolean {
  const [, name = '', inner] = field.split('.')
  if (name === '') return true
  if (inner === undefined) return name in sent
  return sent.saml === null || (isRecord(sent.saml) && inner in sent.saml)
}

/** For set-up links, through which the settings of a draft are entered. */
export const enteredSettings = { missing: missingIn, assertReachable } as const
