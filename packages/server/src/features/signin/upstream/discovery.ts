/**
 * Discovery documents and key sets of issuers (OpenID Connect Discovery §4, RFC 7517), held in memory. While they are, no
 * sign-in waits for them: they are fetched again in the background, keys after five minutes. A key that is not in the set
 * causes one further request a minute at most for each connection; hostile key ids cause no more.
 */
import { z } from 'zod'
import { BadDocument } from '../../../base/outbound/index.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { mayBePrivate, unreachable, unreadable } from '../../../core/connections/requests.ts'
import { FederationFault, providerOf } from '../../../core/providers/index.ts'
import type { OidcProvider } from '../../../core/providers/provider.ts'
import type { Tools } from '../../../core/tools.ts'

/** As openid-client writes it when it requests it. */
const Address = z
  .url({ protocol: /^https?$/ })
  .max(2000)
  .transform((text) => new URL(text).href)
const Names = z.array(z.string().max(200)).max(200)

/** What is used of the document. Members that are wrong in themselves and not needed are as if absent. */
const Metadata = z.object({
  issuer: z.string().min(1).max(1000),
  authorization_endpoint: Address,
  token_endpoint: Address,
  jwks_uri: Address,
  userinfo_endpoint: Address.optional().catch(undefined),
  revocation_endpoint: Address.optional().catch(undefined),
  token_endpoint_auth_methods_supported: Names.optional().catch(undefined),
  authorization_response_iss_parameter_supported: z.boolean().optional().catch(undefined),
})
export type Metadata = z.infer<typeof Metadata>

const KeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().optional().catch(undefined) })).max(200),
})
export type KeySet = z.infer<typeof KeySet>

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

type Needs = Pick<Tools, 'config' | 'outbound'>

/** The issuer's metadata, whose issuer is the connection's. @throws FederationFault */
export async function getMetadata(
  tools: Needs,
  connection: UsableConnection,
  provider: OidcProvider,
): Promise<Metadata> {
  const url = provider.discovery(connection.settings)
  const accepted = provider.documentIssuers(connection.settings)
  return await found(url, 'discovery document', () =>
    tools.outbound.documents.find({
      owner: connection.id,
      kind: 'metadata',
      url,
      allowPrivate: mayBePrivate(tools, connection, url),
      // one of another issuer is not held
      read: (json) => ofIssuer(parse(Metadata, json), accepted),
      refreshAfter: 60 * MINUTE,
      expireAfter: DAY,
    }),
  )
}

function ofIssuer(metadata: Metadata, accepted: readonly string[]): Metadata {
  if (accepted.includes(metadata.issuer)) return metadata
  const detail = `the discovery document states the issuer ${metadata.issuer}, expected ${accepted[0]}`
  throw new FederationFault('wrong_issuer', detail)
}

/** The set with the key of that id, if the issuer has one; without an id, the set in memory. @throws FederationFault */
export async function getKeys(
  tools: Needs,
  connection: UsableConnection,
  { jwks_uri: url }: Metadata,
  kid: string | null,
): Promise<KeySet> {
  const wanted = wantedKeys(tools, connection, url)
  const held = await found(url, 'key set', () => tools.outbound.documents.find(wanted))
  if (kid === null || held.keys.some((key) => key.kid === kid)) return held
  return (await findNewKeys(tools, connection, url)) ?? held
}

/** The set fetched again; null where that was done less than a minute ago. @throws FederationFault */
export const findNewKeys = (
  tools: Needs,
  connection: UsableConnection,
  url: string,
): Promise<KeySet | null> =>
  found(url, 'key set', () => tools.outbound.documents.renew(wantedKeys(tools, connection, url)))

const wantedKeys = (tools: Needs, connection: UsableConnection, url: string) => ({
  owner: connection.id,
  kind: 'keys',
  url,
  allowPrivate: mayBePrivate(tools, connection, url),
  read: (json: unknown) => parse(KeySet, json),
  refreshAfter: 5 * MINUTE,
  expireAfter: 60 * MINUTE,
})

/** Reads what a connection needs of its issuer, as it is saved or tested; without an issuer there is nothing. @throws FederationFault */
export async function checkDiscovery(tools: Needs, connection: UsableConnection): Promise<void> {
  const provider = providerOf(connection.provider)
  if (provider.kind !== 'oidc') return
  await getKeys(tools, connection, await getMetadata(tools, connection, provider), null)
}

/** The issuer as its discovery document states it. @throws FederationFault */
export async function getIssuer(
  tools: Needs,
  connection: UsableConnection,
  provider: OidcProvider,
): Promise<string> {
  const { issuer } = await getMetadata(tools, connection, provider)
  return issuer
}

async function found<T>(url: string, what: string, find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (error instanceof FederationFault) throw error
    if (!(error instanceof BadDocument)) throw unreachable(error, url)
    throw unreadable(error, `${what} of ${new URL(url).host}`)
  }
}

function parse<T>(schema: z.ZodType<T>, json: unknown): T {
  const { success, data, error } = schema.safeParse(json)
  if (success) return data
  const at = error.issues[0]?.path.join('.')
  throw new BadDocument(at ? `the member ${at} is missing or wrong` : 'it is no JSON object')
}
