/**
 * Clients and resources in memory, by what a request names: a client's id, a resource's identifier. Read with one statement,
 * with its secrets; invalidated by NOTIFY (migration 0042), and read from the database while the LISTEN connection is down.
 * Leaves changing them to oidc/clients.
 */
import { type CompiledQuery, sql } from 'kysely'
import type { Changes } from '../../base/changes.ts'
import type { Db, Statements } from '../../base/db/types.ts'
import type { Eventual } from '../../base/eventual.ts'
import { deepFrozen } from '../../base/frozen.ts'
import { createRowCache } from '../../base/row-cache.ts'
import type { Config } from '../../config.ts'
import { readsDocument } from './document-ids.ts'
import type { StoredClientSecret } from './secrets.ts'
import { type ClientSettings, readClientSettings } from './settings.ts'
import type { ClientsTable, ResourcesTable } from './tables.ts'

export interface Client {
  id: string
  /** Null: of the server. */
  organizationId: string | null
  source: ClientsTable['source']
  name: string
  /** `disabled` too while a stored setting cannot be read (`unreadable`). */
  status: 'active' | 'disabled'
  settings: ClientSettings
  unreadable: readonly string[]
  /** Also those that have expired. */
  secrets: readonly StoredClientSecret[]
  /** Of clients that registered themselves. */
  expiresAt: Date | null
}

/** An API that access tokens are for (RFC 8707). */
export interface Resource {
  id: string
  /** Null: of the server. */
  organizationId: string | null
  identifier: string
  name: string
  scopes: readonly { name: string; description: string }[]
  claims: ResourcesTable['claims']
  /** Seconds; null: that of the client, or of the server. */
  tokenLifetime: number | null
}

export interface Clients {
  /** Null: there is none, or its organization is deleted. Immediate where memory has it. Whether it is usable: `isUsableClient`. */
  find(id: string): Eventual<Client | null>
  /** By its identifier, compared as text. */
  findResource(identifier: string): Eventual<Resource | null>
}

/** The most clients, and the most resources, in memory, about 4 kB each. */
const MOST = 5000
/** Longer than any id or identifier: not looked up. */
const LONGEST = 2000

interface ClientRow {
  id: string
  organization_id: string | null
  source: ClientsTable['source']
  name: string
  status: 'active' | 'disabled'
  settings: unknown
  expires_at: Date | null
  secrets: { id: string; hash: string; expires_at: number | null }[]
}

const clientQuery = (db: Statements): CompiledQuery<ClientRow> =>
  sql<ClientRow>`
    select c.id, c.organization_id, c.source, c.name, c.status, c.settings, c.expires_at,
      coalesce((select jsonb_agg(jsonb_build_object('id', s.id, 'hash', encode(s.hash, 'hex'),
          'expires_at', extract(epoch from s.expires_at) * 1000) order by s.id)
        from client_secrets s where s.client_id = c.id), '[]') as secrets
    from clients c left join organizations o on o.id = c.organization_id
    where c.id = ${''} and o.deleted_at is null`.compile(db)

type ResourceRow = Pick<
  ResourcesTable,
  'id' | 'identifier' | 'organization_id' | 'name' | 'claims' | 'token_lifetime_seconds'
> & { scopes: { name: string; description: string }[] }

const resourceQuery = (db: Statements): CompiledQuery<ResourceRow> =>
  sql<ResourceRow>`
    select r.id, r.identifier, r.organization_id, r.name, r.scopes, r.claims, r.token_lifetime_seconds
    from resources r left join organizations o on o.id = r.organization_id
    where r.identifier = ${''} and o.deleted_at is null`.compile(db)

function clientOf(row: ClientRow): Client {
  const { settings, unreadable } = readClientSettings(row.settings)
  return {
    id: row.id,
    organizationId: row.organization_id,
    source: row.source,
    name: row.name,
    status: unreadable.length > 0 ? 'disabled' : row.status,
    settings: deepFrozen(settings),
    unreadable,
    secrets: row.secrets.map(({ id, hash, expires_at }) => ({
      id,
      hash: Buffer.from(hash, 'hex'),
      expiresAt: expires_at === null ? null : new Date(expires_at),
    })),
    expiresAt: row.expires_at,
  }
}

const resourceOf = (row: ResourceRow): Resource => ({
  id: row.id,
  organizationId: row.organization_id,
  identifier: row.identifier,
  name: row.name,
  scopes: deepFrozen(row.scopes),
  claims: row.claims,
  tokenLifetime: row.token_lifetime_seconds,
})

export function createClients({
  db,
  changes,
  config,
  most = config.cachedCredentials === 0 ? 0 : MOST,
}: {
  db: Pick<Db, 'hot' | 'run'>
  changes: Changes
  config: Pick<Config, 'cachedCredentials' | 'clientIdDocuments'>
  most?: number
}): Clients {
  const clientStatement = clientQuery(db.hot)
  const resourceStatement = resourceQuery(db.hot)
  const clients = createRowCache<Client>({
    changes,
    most,
    async read(id) {
      const [row] = await db.run(clientStatement, [id])
      // an app whose document is not read any more is unknown
      if (row?.source === 'document' && !readsDocument(config.clientIdDocuments, id)) return undefined
      return row && clientOf(row)
    },
    subjectOf: (client) => client,
  })
  const resources = createRowCache<Resource>({
    changes,
    most,
    async read(identifier) {
      const [row] = await db.run(resourceStatement, [identifier])
      return row && resourceOf(row)
    },
    subjectOf: (resource) => resource,
  })
  // PostgreSQL's text has no U+0000, and half a character is none
  const isName = (text: string): boolean =>
    text.length <= LONGEST && !text.includes('\0') && text.isWellFormed()
  return {
    find: (id) => clients.find(id) ?? (isName(id) ? clients.load(id) : null),
    findResource: (identifier) =>
      resources.find(identifier) ?? (isName(identifier) ? resources.load(identifier) : null),
  }
}

/** Whether it may do anything: it is active, and has not expired. */
export const isUsableClient = ({ status, expiresAt }: Client, now: Date): boolean =>
  status === 'active' && (expiresAt === null || expiresAt > now)
