/** The SQL of changing connections and of reading their diagnostics. */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { Tables } from '../../../base/db/tables.ts'
import type { Tx } from '../../../base/db/types.ts'
import { connectionOf, type UsableConnection } from '../../../core/connections/index.ts'
import { LEADING_DOMAINS } from '../../../core/connections/offered.ts'
import type { PublicKeyRow } from '../../../core/saml/certificates.ts'

/** What callers may read of a row: everything but the secret. */
const COLUMNS = [
  'id',
  'organization_id',
  'slug',
  'provider',
  'name',
  'status',
  'client_id',
  'settings',
  'unreadable_since',
  'origin',
  'version',
  'made_by',
  'by_operator',
  'tested_at',
  'created_at',
  'updated_at',
] as const
export type ReadableRow = Pick<Selectable<Tables['connections']>, (typeof COLUMNS)[number]>

/** More than the limits of organizations and of the server. */
const LISTED = 200

/** The connections of an organization, or of the server (null), oldest first; as a caller, those that row-level security permits. */
export const selectReadable = (
  tx: Tx,
  organizationId: string | null,
  id: string | null = null,
): Promise<ReadableRow[]> => {
  const all = tx.selectFrom('connections').select(COLUMNS).orderBy('id').limit(LISTED)
  const own =
    organizationId === null
      ? all.where('organization_id', 'is', null)
      : all.where('organization_id', '=', organizationId)
  return (id === null ? own : own.where('id', '=', id)).execute()
}

export interface ConnectionFlags {
  has_secret: boolean
  /** Whether identities of users are linked. */
  has_identities: boolean
  /** The verified domains of its organization that lead to it. */
  domains: string[]
}

/** What callers may not read themselves. As the system. */
export async function selectFlags(
  tx: Tx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ConnectionFlags>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<ConnectionFlags & { id: string }>`
    select c.id, c.client_secret is not null as has_secret,
      coalesce((select true from identities i where i.connection_id = c.id limit 1), false) as has_identities,
      ${LEADING_DOMAINS} as domains
    from connections c where c.id = any(${[...ids]}::text[])`.execute(tx)
  return new Map(rows.map((row) => [row.id, row]))
}

/** With a row lock. As the system. */
export async function lockConnection(
  tx: Tx,
  organizationId: string | null,
  id: string,
): Promise<UsableConnection | null> {
  const one = tx.selectFrom('connections').selectAll().where('id', '=', id).forUpdate()
  const row = await (organizationId === null
    ? one.where('organization_id', 'is', null)
    : one.where('organization_id', '=', organizationId)
  ).executeTakeFirst()
  return row ? connectionOf(row) : null
}

/** As they are stored, also what cannot be read. As the system. */
export async function selectStoredSettings(tx: Tx, id: string): Promise<unknown> {
  const row = await tx.selectFrom('connections').select('settings').where('id', '=', id).executeTakeFirst()
  return row?.settings
}

/** What is known of SAML connections besides their settings: our certificates, and the last fetch of metadata. */
export interface SamlFacts {
  keys: readonly PublicKeyRow[]
  check: Selectable<Tables['saml_metadata']> | null
}

/** As the system. */
export async function selectSamlFacts(
  tx: Tx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SamlFacts>> {
  if (ids.length === 0) return new Map()
  const keys = await tx
    .selectFrom('connection_keys')
    .select(['connection_id', 'use', 'stage', 'certificate'])
    .where('connection_id', 'in', ids)
    .orderBy('id')
    .execute()
  const checks = await tx.selectFrom('saml_metadata').selectAll().where('connection_id', 'in', ids).execute()
  return new Map(
    ids.map((id) => [
      id,
      {
        keys: keys.filter((key) => key.connection_id === id),
        check: checks.find((check) => check.connection_id === id) ?? null,
      },
    ]),
  )
}

export async function countConnections(tx: Tx, organizationId: string | null): Promise<number> {
  const { count } = await tx
    .selectFrom('connections')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('organization_id', organizationId === null ? 'is' : '=', organizationId)
    .executeTakeFirstOrThrow()
  return count
}

/** @returns false where the slug is taken */
export async function insertConnection(tx: Tx, row: Insertable<Tables['connections']>): Promise<boolean> {
  const inserted = await tx
    .insertInto('connections')
    .values(row)
    .onConflict((on) => on.column('slug').doNothing())
    .returning('id')
    .executeTakeFirst()
  return inserted !== undefined
}

export async function storeConnection(
  tx: Tx,
  id: string,
  change: Updateable<Tables['connections']>,
): Promise<void> {
  await tx.updateTable('connections').set(change).where('id', '=', id).execute()
}

/** What a change of the name alone stores, so that what waits for its user does not begin again. */
export const renamedFrom = ({ version, sameFrom }: Pick<UsableConnection, 'version' | 'sameFrom'>) => ({
  same_from: sameFrom,
  same_to: version + 1,
})

export async function removeConnection(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('connections').where('id', '=', id).execute()
}

export type DiagnosisRow = Selectable<Tables['connection_events']>

/** The newest first. As a caller, those of connections that row-level security permits. */
export const selectDiagnoses = (tx: Tx, connectionId: string, limit: number): Promise<DiagnosisRow[]> =>
  tx
    .selectFrom('connection_events')
    .selectAll()
    .where('connection_id', '=', connectionId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()

/** The server-wide connections of these slugs, and all that the environment has made, with row locks. As the system. */
export async function lockOfEnvironment(tx: Tx, slugs: readonly string[]): Promise<UsableConnection[]> {
  const rows = await tx
    .selectFrom('connections')
    .selectAll()
    .where('organization_id', 'is', null)
    .where((eb) => eb.or([eb('slug', 'in', ['', ...slugs]), eb('origin', '=', 'environment')]))
    .orderBy('id')
    .forUpdate()
    .execute()
  return rows.map(connectionOf)
}

/** Serializes changes of the server-wide connections, so that concurrent ones are counted (advisory lock until the commit). */
export async function lockServerConnections(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey server connections', 0))`.execute(tx)
}

/** By id or slug. As the system. */
export async function findConnectionIdNamed(
  tx: Tx,
  organizationId: string | null,
  name: string,
): Promise<string | null> {
  const named = tx
    .selectFrom('connections')
    .select('id')
    .where((eb) => eb.or([eb('id', '=', name), eb('slug', '=', name)]))
  const row = await (organizationId === null
    ? named.where('organization_id', 'is', null)
    : named.where('organization_id', '=', organizationId)
  ).executeTakeFirst()
  return row?.id ?? null
}
