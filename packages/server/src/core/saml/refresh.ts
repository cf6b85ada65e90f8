/**
 * Fetching the metadata of identity providers: daily, and when an administrator requests it. Over https, what it says is
 * taken. Over http anyone on the way could have written it: new certificates wait for an administrator's approval, and its
 * endpoints are taken only while none are known. A failure keeps what is there, and is shown with the connection.
 */
import { sql } from 'kysely'
import type { Call } from '../../base/call.ts'
import type { Db, Statements, Tx } from '../../base/db/types.ts'
import { DOCUMENT_TIMEOUT, type OutboundRequest } from '../../base/outbound/index.ts'
import { readCertificate } from '../../base/x509.ts'
import { audit } from '../audit/index.ts'
import { findConnection, type ProviderConnection } from '../connections/index.ts'
import { assertAddress, isReachable, unreachable } from '../connections/requests.ts'
import { FederationFault } from '../providers/index.ts'
import { SamlSettings } from '../providers/settings.ts'
import type { Tools } from '../tools.ts'
import { MAX_METADATA_BYTES, readIdpMetadata, usableSettings } from './idp-metadata.ts'

/** What a fetched document changes. A pure function. */
export function mergeMetadata(
  current: SamlSettings,
  fetched: SamlSettings,
  isSecure: boolean,
): { settings: SamlSettings; changed: string[]; refused: string | null } {
  const known = current.certificates ?? []
  const listed = fetched.certificates ?? []
  if (isSecure) {
    const {
      pending_certificates: _,
      slo_url: _url,
      slo_binding: _binding,
      slo_response_url: _response,
      ...kept
    } = current
    // an administrator's decision to sign requests stays where the metadata does not want it
    const settings = { ...kept, ...fetched }
    return { settings, changed: differences(current, settings), refused: null }
  }
  const pending = listed.filter((one) => !known.includes(one))
  const isKnown = known.length > 0 || current.sso_url !== undefined
  const endpoints = ENDPOINTS.filter(
    (name) => isKnown && endpointOf(current, name) !== endpointOf(fetched, name),
  )
  // what is approved are certificates: the endpoints that were shown with them stay until then
  const base = isKnown
    ? { entity_id: fetched.entity_id, ...current, certificates: known }
    : { ...current, ...fetched, certificates: [] }
  const { pending_certificates: _, ...rest } = base
  const settings: SamlSettings = { ...rest, ...(pending.length > 0 && { pending_certificates: pending }) }
  return {
    settings,
    changed: differences(current, settings),
    refused:
      endpoints.length === 0
        ? null
        : `The metadata names other endpoints (${endpoints.join(', ')}). They are not taken from an http address: use https, or change them by hand.`,
  }
}

const ENDPOINTS = ['sso_url', 'sso_binding', 'slo_url', 'slo_binding', 'slo_response_url'] as const

/** A binding that is not named is Redirect. */
const endpointOf = (settings: SamlSettings, name: (typeof ENDPOINTS)[number]): string | undefined => {
  if (name === 'sso_binding') return settings.sso_binding ?? 'redirect'
  return name === 'slo_binding' && settings.slo_url ? (settings.slo_binding ?? 'redirect') : settings[name]
}

const differences = (before: SamlSettings, after: SamlSettings): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) =>
      JSON.stringify(before[name as keyof SamlSettings]) !==
      JSON.stringify(after[name as keyof SamlSettings]),
  )

type FetchTools = Pick<Tools, 'config' | 'outbound'>

/**
 * Fetches and reads the document of a connection that is saved or refreshed.
 * @throws FederationFault unreachable, bad_answer, and those of readIdpMetadata
 */
export async function fetchIdpMetadata(
  tools: FetchTools,
  connection: Pick<ProviderConnection, 'organizationId' | 'settings'>,
  url: string,
  now: Date,
): Promise<SamlSettings> {
  const wanted: OutboundRequest = {
    method: 'GET',
    url,
    headers: {
      'user-agent': 'Latchkey',
      accept: 'application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9',
    },
    timeoutMs: DOCUMENT_TIMEOUT,
    maxBytes: MAX_METADATA_BYTES,
    allowPrivate: isReachable(tools, connection, url),
  }
  const answer = await tools.outbound.request(wanted).catch((error: unknown) => {
    throw unreachable(error, url)
  })
  if (answer.status !== 200)
    throw new FederationFault(
      'bad_answer',
      `The address of the metadata answered with status ${answer.status}.`,
    )
  const settings = readIdpMetadata(answer.text, {
    entityId: connection.settings.saml?.entity_id ?? null,
    now,
  })
  // as those that are entered
  for (const address of [settings.sso_url, settings.slo_url, settings.slo_response_url])
    if (address !== undefined) assertAddress(tools, connection, address, { isOfBrowsers: true })
  return settings
}

export interface MetadataCheck {
  /** The settings that changed; empty for none. */
  changed: readonly string[]
  fault: FederationFault | null
}

/**
 * Fetches the metadata of a connection with a `metadata_url`, and stores what changed with an audit event. A change that was
 * made meanwhile takes precedence.
 */
export async function refreshIdpMetadata(
  tools: FetchTools & { db: Db },
  call: Call,
  connection: ProviderConnection,
): Promise<MetadataCheck> {
  const { db } = tools
  const current = connection.settings.saml ?? {}
  const url = current.metadata_url
  if (url === undefined) return { changed: [], fault: null }
  let fetched: SamlSettings
  try {
    fetched = await fetchIdpMetadata(tools, connection, url, call.now)
  } catch (error) {
    if (!(error instanceof FederationFault)) throw error
    await recordMetadataCheck(db.hot, connection.id, { fault: error, changed: [] }, call.now)
    return { changed: [], fault: error }
  }
  return await db.tx('system', (tx) => storeFetchedMetadata(tx, call, connection, { url, settings: fetched }))
}

/** A document of metadata that was fetched, and from where. */
export interface FetchedMetadata {
  url: string
  settings: SamlSettings
}

/** Stores what a fetched document changes in a connection as it was read, with an audit event. System scope. */
export async function storeFetchedMetadata(
  tx: Tx,
  call: Call,
  connection: ProviderConnection,
  { url, settings: fetched }: FetchedMetadata,
): Promise<MetadataCheck> {
  const current = connection.settings.saml ?? {}
  const { settings, changed, refused } = mergeMetadata(current, fetched, isSecureUrl(url))
  const fault = refused === null ? null : new FederationFault('bad_settings', refused)
  const isChanged = changed.length > 0 && (await replaceSamlSettings(tx, connection, settings, call.now))
  if (isChanged)
    await audit(tx, call, changeEvent(call, connection, { changed, ...certificateChange(current, settings) }))
  const check = { fault, changed: isChanged ? changed : [] }
  await recordMetadataCheck(tx, connection.id, check, call.now)
  return check
}

/** Over https, what a document says is taken; over http, its certificates wait for approval. */
export const isSecureUrl = (url: string): boolean => url.startsWith('https:')

const fingerprintsOf = (certificates: readonly string[] = []): string[] =>
  certificates.flatMap((one) => readCertificate(one)?.fingerprint ?? [])

const certificateChange = (before: SamlSettings, after: SamlSettings) => ({
  certificates: fingerprintsOf(after.certificates?.filter((one) => !before.certificates?.includes(one))),
  removed: fingerprintsOf(before.certificates?.filter((one) => !after.certificates?.includes(one))),
  pending: fingerprintsOf(after.pending_certificates),
})

const changeEvent = (
  call: Call,
  { id, organizationId }: ProviderConnection,
  details: Record<string, unknown>,
  type: 'connection.metadata.changed' | 'connection.certificates.approved' = 'connection.metadata.changed',
) => ({
  type,
  userId: call.principal?.userId ?? null,
  username: call.principal?.username ?? null,
  organizationId,
  details: { connection_id: id, ...details },
})

/** @returns false where the connection was changed since it was read */
async function replaceSamlSettings(
  tx: Tx,
  connection: ProviderConnection,
  saml: SamlSettings,
  now: Date,
): Promise<boolean> {
  const json = JSON.stringify(usableSettings(saml))
  const known = Object.keys(SamlSettings.shape).filter(
    (name) => !connection.unreadable.includes(`settings.saml.${name}`),
  )
  const { numUpdatedRows } = await tx
    .updateTable('connections')
    .set({
      // what this version cannot read stays, unless the document gives it again, and so does the fact that it cannot be read
      settings: sql`jsonb_set(settings, '{saml}',
        (coalesce(settings -> 'saml', '{}') - ${known}::text[]) || ${json}::jsonb)`,
      version: connection.version + 1,
      updated_at: now,
    })
    .where('id', '=', connection.id)
    .where('version', '=', connection.version)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Records a fetch. System scope. */
export async function recordMetadataCheck(
  db: Statements,
  connectionId: string,
  { fault, changed }: MetadataCheck,
  now: Date,
): Promise<void> {
  const row = {
    checked_at: now,
    fault: fault?.fault ?? null,
    detail: fault?.detail?.slice(0, 500) ?? null,
    ...(changed.length > 0 && { changed_at: now }),
  }
  await db
    .insertInto('saml_metadata')
    .values({ connection_id: connectionId, changed_at: null, ...row })
    .onConflict((on) => on.column('connection_id').doUpdateSet(row))
    .execute()
}

/** The last fetch of a connection's metadata; null before the first. System scope. */
export const findMetadataCheck = async (db: Statements, connectionId: string) =>
  (await db
    .selectFrom('saml_metadata')
    .selectAll()
    .where('connection_id', '=', connectionId)
    .executeTakeFirst()) ?? null

/**
 * Takes the certificates that wait for approval: those of the given fingerprints, so that what is approved is what was shown.
 * System scope. @returns how many; 0 where none of them waits
 */
export async function approveCertificates(
  tx: Tx,
  call: Call,
  connectionId: string,
  fingerprints: readonly string[],
): Promise<number> {
  await tx.selectFrom('connections').select('id').where('id', '=', connectionId).forUpdate().execute()
  const connection = await findConnection(tx, connectionId)
  const { certificates = [], pending_certificates: pending = [], ...saml } = connection?.settings.saml ?? {}
  const isApproved = (one: string): boolean => fingerprints.includes(readCertificate(one)?.fingerprint ?? '')
  const approved = pending.filter(isApproved)
  if (connection === null || approved.length === 0) return 0
  const waiting = pending.filter((one) => !isApproved(one))
  const settings: SamlSettings = {
    ...saml,
    // newest first; the oldest make room
    certificates: [...approved, ...certificates].slice(0, 10),
    ...(waiting.length > 0 && { pending_certificates: waiting }),
  }
  await replaceSamlSettings(tx, connection, settings, call.now)
  await audit(
    tx,
    call,
    changeEvent(
      call,
      connection,
      { certificates: fingerprintsOf(approved) },
      'connection.certificates.approved',
    ),
  )
  return approved.length
}
