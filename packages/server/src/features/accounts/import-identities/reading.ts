/**
 * Reads the identities of records: which connection of this server asserts each, and by which issuer. The connections of a
 * batch are selected at once; a discovery document is requested where no setting states its issuer exactly.
 */
import { visibleText } from '../../../base/fields.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault, keyIssuerOf, PROVIDER_FAULTS, providerOf } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getIssuer } from '../../signin/upstream/index.ts'
import { type IdentityRecord, keyOf, type ReadIdentity } from './fields.ts'
import { type MatchedConnection, selectMatchedConnections } from './sql.ts'

type ReadTools = Pick<Tools, 'config' | 'db' | 'outbound'>

/** Why an identity cannot be written. */
export interface IdentityFault {
  code: 'unknown_connection' | 'unknown_issuer' | 'wrong_issuer'
  message: string
}

export type IdentityReader = (
  identities: readonly IdentityRecord[],
) => Promise<{ identities: ReadIdentity[]; faults: IdentityFault[] }>

/** @param records all identities that it will read */
export async function createIdentityReader(
  tools: ReadTools,
  records: readonly IdentityRecord[],
): Promise<IdentityReader> {
  const names = [...new Set(records.map(({ connection }) => connection))]
  const named =
    names.length === 0 ? [] : await tools.db.tx('system', (tx) => selectMatchedConnections(tx, names))
  const connections = new Map(named.map((one) => [one.connection.slug, one]))
  const issuers = new Map<string, Promise<string | null>>()
  /** The issuer of a connection's discovery document, requested once; null where it cannot be read. */
  const documented = ({ connection }: MatchedConnection): Promise<string | null> => {
    const known = issuers.get(connection.id) ?? findDocumented(tools, connection)
    issuers.set(connection.id, known)
    return known
  }
  return async (identities) => {
    const read = new Map<string, ReadIdentity>()
    const faults: IdentityFault[] = []
    for (const record of identities) {
      const found = await readIdentity(record, connections.get(record.connection), documented)
      if ('code' in found) faults.push(found)
      // what is repeated counts once
      else if (!read.has(found.key)) read.set(found.key, found)
    }
    return { identities: [...read.values()], faults }
  }
}

async function readIdentity(
  record: IdentityRecord,
  named: MatchedConnection | undefined,
  documented: (named: MatchedConnection) => Promise<string | null>,
): Promise<ReadIdentity | IdentityFault> {
  const { connection: name, organization, subject } = record
  const isOther = organization !== undefined && named?.organization !== organization
  if (!named || isOther) {
    const where = organization === undefined ? 'here' : `of the organization ${organization}`
    return { code: 'unknown_connection', message: `There is no connection ${name} ${where}.` }
  }
  const { connection } = named
  const issuer = await issuerOf(record, named, documented)
  if (typeof issuer !== 'string') return issuer
  const scope = connection.organizationId ?? ''
  return {
    connection,
    scope,
    issuer,
    subject,
    key: keyOf({ scope, issuer, subject }),
    email: record.email === undefined ? null : visibleText(record.email, 254),
    emailVerified: record.email_verified === true,
    name: record.name === undefined ? null : visibleText(record.name, 200),
    linkedAt: record.linked_at ?? null,
    lastUsedAt: record.last_used_at ?? null,
  }
}

async function issuerOf(
  { connection: name, issuer: stated }: IdentityRecord,
  named: MatchedConnection,
  documented: (named: MatchedConnection) => Promise<string | null>,
): Promise<string | IdentityFault> {
  const { provider, settings } = named.connection
  const issuers = keyIssuerOf(provider, settings)
  if (stated !== undefined) {
    const found = issuers.find(stated)
    if (found !== null) return found
    return { code: 'wrong_issuer', message: `${stated} is not the issuer of the connection ${name}.` }
  }
  const issuer = issuers.fixed ?? (issuers.isDocumented ? await documented(named) : null)
  if (issuer !== null) return issuer
  const message = issuers.isDocumented
    ? `${PROVIDER_FAULTS.unreachable} Name the issuer of the connection ${name} in the record.`
    : `The connection ${name} has no issuer yet, or one for each tenant: name it in the record.`
  return { code: 'unknown_issuer', message }
}

async function findDocumented(tools: ReadTools, connection: UsableConnection): Promise<string | null> {
  const provider = providerOf(connection.provider)
  if (provider.kind !== 'oidc') return null
  try {
    return await getIssuer(tools, connection, provider)
  } catch (error) {
    if (error instanceof FederationFault) return null
    throw error
  }
}
