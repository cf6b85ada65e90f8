/**
 * Connections: finding them by the name in a path, and what of them the sign-in uses. Leaves changing them to
 * organizations/connections, and their protocols to signin/upstream and signin/saml.
 *
 * Invariant: the secret is decrypted where it is used, and is in no answer.
 */
import type { Selectable } from 'kysely'
import type { Keyring } from '../../base/crypto.ts'
import type { Statements } from '../../base/db/types.ts'
import type { ConnectionSettings, ProviderId } from '../providers/index.ts'
import { readStoredSettings } from '../providers/settings.ts'
import type { SealedColumn } from '../secrets/index.ts'
import type { ConnectionsTable } from './tables.ts'

export interface ProviderConnection {
  id: string
  /** Null: of the server. */
  organizationId: string | null
  /** Its name in paths: of an organization's connection its id. */
  slug: string
  provider: ProviderId
  name: string
  status: 'draft' | 'active' | 'disabled'
  clientId: string | null
  hasSecret: boolean
  settings: ConnectionSettings
  /** Stored settings that this version cannot read, as fields of the API: the connection is not used until they are changed. */
  unreadable: readonly string[]
  /** Whether it is disabled for that, and active again once they can be read. */
  resumes: boolean
  origin: 'environment' | 'api' | 'setup_link'
  version: number
  /** Who answers for the roles that it gives. Null: the operator, or a user whose account was deleted. */
  madeBy: string | null
  /** Whether that is the operator. */
  byOperator: boolean
  testedAt: Date | null
  createdAt: Date
  updatedAt: Date
}

/** A connection with its secret encrypted, as the protocols use it. */
export interface UsableConnection extends ProviderConnection {
  sealedSecret: string | null
  /** The first of the versions from which this one differs by the name alone. */
  sameFrom: number
}

export function connectionOf(row: Omit<Selectable<ConnectionsTable>, 'settings_read'>): UsableConnection {
  const { settings, unreadable } = readStoredSettings(row.settings)
  return {
    id: row.id,
    organizationId: row.organization_id,
    slug: row.slug,
    provider: row.provider as ProviderId,
    name: row.name,
    // without a setting that restricts it, it could let in more than was meant
    status: unreadable.length > 0 && row.status === 'active' ? 'disabled' : row.status,
    clientId: row.client_id,
    hasSecret: row.client_secret !== null,
    sealedSecret: row.client_secret,
    settings,
    unreadable,
    // before a job has marked the row, it is disabled here already
    resumes: row.unreadable_since !== null || (unreadable.length > 0 && row.status === 'active'),
    origin: row.origin,
    version: row.version,
    sameFrom: row.same_from !== null && row.same_to === row.version ? row.same_from : row.version,
    madeBy: row.made_by,
    // an earlier version leaves it when a user changes the connection
    byOperator: row.made_by === null && row.by_operator,
    testedAt: row.tested_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Connections, without those of an organization that is deleted, also before it is purged. */
export const existingConnections = (db: Statements) =>
  db
    .selectFrom('connections')
    .selectAll('connections')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('organizations')
            .select('organizations.id')
            .whereRef('organizations.id', '=', 'connections.organization_id')
            .where('organizations.deleted_at', 'is not', null),
        ),
      ),
    )

/** The connection that a path names; null for none. System scope. */
export async function findConnectionNamed(db: Statements, slug: string): Promise<UsableConnection | null> {
  const row = await existingConnections(db).where('slug', '=', slug).executeTakeFirst()
  return row ? connectionOf(row) : null
}

export async function findConnection(db: Statements, id: string): Promise<UsableConnection | null> {
  const row = await existingConnections(db).where('id', '=', id).executeTakeFirst()
  return row ? connectionOf(row) : null
}

/** The active connections of the server (null) or of an organization, oldest first. System scope. */
export async function listActiveConnections(
  db: Statements,
  organizationId: string | null,
): Promise<UsableConnection[]> {
  const active = existingConnections(db).where('status', '=', 'active')
  const rows = await (organizationId === null
    ? active.where('organization_id', 'is', null)
    : active.where('organization_id', '=', organizationId)
  )
    .orderBy('id')
    .limit(100)
    .execute()
  return rows.map(connectionOf).filter(isActive)
}

export const isActive = ({ status }: ProviderConnection): boolean => status === 'active'

/** Connections by their ids, of which some may be deleted; also those of deleted organizations. System scope. */
export async function listConnectionsOf(db: Statements, ids: readonly string[]): Promise<UsableConnection[]> {
  const rows = await db.selectFrom('connections').selectAll().where('id', 'in', ids).execute()
  return rows.map(connectionOf)
}

/** The active connections that know a user, oldest identity first. System scope. */
export async function listOwnConnections(db: Statements, userId: string): Promise<UsableConnection[]> {
  const rows = await existingConnections(db)
    .where('status', '=', 'active')
    .where('id', 'in', (query) =>
      query
        .selectFrom('identities')
        .select('connection_id')
        .where('user_id', '=', userId)
        .where('connection_id', 'is not', null)
        .$castTo<{ connection_id: string }>(),
    )
    .orderBy('id')
    .limit(100)
    .execute()
  return rows.map(connectionOf).filter(isActive)
}

/** Marks a connection as tested, unless it was changed since the test began. System scope. @returns whether it did */
export async function markTested(db: Statements, id: string, version: number, now: Date): Promise<boolean> {
  const row = await db
    .updateTable('connections')
    .set({ tested_at: now })
    .where('id', '=', id)
    .where('version', '=', version)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** The client secret, or the private key that one is made with; null where there is none. */
export const secretOf = (
  keyring: Pick<Keyring, 'decrypt'>,
  { sealedSecret }: Pick<UsableConnection, 'sealedSecret'>,
): string | null => (sealedSecret === null ? null : keyring.decrypt('connections', sealedSecret))

export const sealedConnectionSecrets: SealedColumn = {
  purpose: 'connections',
  async list(db, after, limit) {
    const rows = await db
      .selectFrom('connections')
      .select(['id', 'client_secret'])
      .where('client_secret', 'is not', null)
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id, client_secret }) => ({ id, sealed: client_secret ?? '' }))
  },
  async replace(db, id, from, to) {
    const { numUpdatedRows } = await db
      .updateTable('connections')
      .set({ client_secret: to })
      .where('id', '=', id)
      .where('client_secret', '=', from)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },
}
