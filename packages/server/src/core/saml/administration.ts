/**
 * The metadata of SAML identity providers as their administrators fetch it: when a connection is saved of which nothing but the
 * URL is known, and at any time. A document is fetched while nothing is locked, and applied only if the connection still names
 * that URL.
 */
import type { Tx } from '../../base/db/types.ts'
import { invalid, type Problem, problem } from '../../base/errors.ts'
import type { ProviderConnection } from '../connections/index.ts'
import { type ConnectionSettings, FederationFault } from '../providers/index.ts'
import type { Tools } from '../tools.ts'
import {
  type FetchedMetadata,
  fetchIdpMetadata,
  isSecureUrl,
  mergeMetadata,
  recordMetadataCheck,
} from './refresh.ts'

/** What came of a fetch: a document, or why there is none. */
export type Fetch = FetchedMetadata | FederationFault

/** Records a fetch that was made for a change. System scope. */
export const recordFetch = (tx: Tx, id: string, fetched: Fetch, now: Date): Promise<void> =>
  recordMetadataCheck(
    tx,
    id,
    fetched instanceof FederationFault
      ? { fault: fetched, changed: [] }
      : { fault: null, changed: Object.keys(fetched.settings) },
    now,
  )

/** Fetches the document of a metadata URL where the provider's entity id or its certificates are unknown. */
export async function fetchMissing(
  tools: Pick<Tools, 'config' | 'outbound'>,
  of: Pick<ProviderConnection, 'organizationId' | 'settings'>,
  now: Date,
): Promise<Fetch | undefined> {
  const {
    metadata_url: url,
    entity_id: entityId,
    certificates = [],
    pending_certificates: pending = [],
  } = of.settings.saml ?? {}
  const isKnown = entityId !== undefined && certificates.length + pending.length > 0
  return url === undefined || isKnown ? undefined : await fetchMetadata(tools, of, url, now)
}

/** Fetches a document. A failure is returned. */
export async function fetchMetadata(
  tools: Pick<Tools, 'config' | 'outbound'>,
  of: Pick<ProviderConnection, 'organizationId' | 'settings'>,
  url: string,
  now: Date,
): Promise<Fetch> {
  try {
    return { url, settings: await fetchIdpMetadata(tools, of, url, now) }
  } catch (error) {
    if (error instanceof FederationFault) return error
    throw error
  }
}

/** The settings with what the document says, unless they name another URL by now. */
export function withFetched(settings: ConnectionSettings, fetched: Fetch | undefined): ConnectionSettings {
  const { saml } = settings
  if (!fetched || fetched instanceof FederationFault || saml?.metadata_url !== fetched.url) return settings
  return { ...settings, saml: mergeMetadata(saml, fetched.settings, isSecureUrl(fetched.url)).settings }
}

/** The refusal of a fetch by request: a provider that does not answer may do so later. */
export function metadataProblem({ fault, sentence: message }: FederationFault): Problem {
  return fault === 'unreachable'
    ? problem('UNAVAILABLE', { message })
    : invalid('settings.saml.metadata_url', fault, message)
}
