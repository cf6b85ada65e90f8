/** The SQL of identities in imports and exports: each statement is about a whole batch. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
import { connectionOf, type UsableConnection } from '../../../core/connections/index.ts'
import { type KeyedIdentity, keyOf, type ReadIdentity } from './fields.ts'

/** A connection with the slug of its organization, if it has one. */
export interface MatchedConnection {
  connection: UsableConnection
  organization: string | null
}

/** Of the server and of organizations that are not deleted. */
export async function selectMatchedConnections(
  db: Statements,
  slugs: readonly string[],
): Promise<MatchedConnection[]> {
  const rows = await db
    .selectFrom('connections')
    .leftJoin('organizations', 'organizations.id', 'connections.organization_id')
    .selectAll('connections')
    .select('organizations.slug as organization')
    .where('connections.slug', '=', sql<string>`any(${slugs}::text[])`)
    .where('organizations.deleted_at', 'is', null)
    .execute()
  return rows.map((row) => ({ connection: connectionOf(row), organization: row.organization }))
}

/** The users of those identities that are linked, by the text of the key. */
export async function selectIdentityOwners(
  tx: Tx,
  keys: readonly KeyedIdentity[],
): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map()
  const { rows } = await sql<KeyedIdentity & { user_id: string }>`
    select i.scope, i.issuer, i.subject, i.user_id
    from unnest(
      ${keys.map(({ scope }) => scope)}::text[],
      ${keys.map(({ issuer }) => issuer)}::text[],
      ${keys.map(({ subject }) => subject)}::text[]
    ) as k (scope, issuer, subject)
    join identities i on i.scope = k.scope and i.issuer = k.issuer and i.subject = k.subject`.execute(tx)
  return new Map(rows.map((row) => [keyOf(row), row.user_id]))
}

/** An identity, and the user whose it becomes. */
export interface NewIdentity {
  userId: string
  identity: ReadIdentity
}

const rowOf = ({ userId, identity }: NewIdentity, now: Date) => ({
  id: newId('idn'),
  user_id: userId,
  connection_id: identity.connection.id,
  organization_id: identity.connection.organizationId,
  scope: identity.scope,
  issuer: identity.issuer,
  subject: identity.subject,
  provider: identity.connection.provider,
  email: identity.email,
  email_verified: identity.emailVerified,
  name: identity.name,
  tokens: null,
  linked_at: identity.linkedAt ?? now,
  last_used_at: identity.lastUsedAt,
})

/** So many rows at once that the parameters of a statement, at most 65,535, suffice for each table of an import. */
export function* inSlices<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += 2000) yield rows.slice(at, at + 2000)
}

/** @throws a unique violation where one is linked meanwhile */
export async function insertIdentities(tx: Tx, identities: readonly NewIdentity[], now: Date): Promise<void> {
  for (const some of inSlices(identities.map((one) => rowOf(one, now))))
    await tx.insertInto('identities').values(some).execute()
}

/** @returns whether all were inserted; false where one is linked meanwhile */
export async function insertMissingIdentities(
  tx: Tx,
  identities: readonly NewIdentity[],
  now: Date,
): Promise<boolean> {
  let inserted = 0
  for (const some of inSlices(identities.map((one) => rowOf(one, now)))) {
    const rows = await tx
      .insertInto('identities')
      .values(some)
      .onConflict((on) => on.columns(['scope', 'issuer', 'subject']).doNothing())
      .returning('id')
      .execute()
    inserted += rows.length
  }
  return inserted === identities.length
}

/** As an export states it; times are text. */
export interface ExportedIdentity {
  connection: string
  organization: string | null
  issuer: string
  subject: string
  email: string | null
  email_verified: boolean
  name: string | null
  linked_at: string
  last_used_at: string | null
}

/** The identities of the user `u` as JSON, of connections that exist, without the tokens that are kept. */
export const EXPORTED_IDENTITIES = sql<ExportedIdentity[]>`coalesce((
  select json_agg(json_build_object('connection', c.slug, 'organization', o.slug, 'issuer', i.issuer,
      'subject', i.subject, 'email', i.email, 'email_verified', i.email_verified, 'name', i.name,
      'linked_at', i.linked_at, 'last_used_at', i.last_used_at)
      order by i.linked_at, i.issuer, i.subject)
  from identities i
  join connections c on c.id = i.connection_id
  left join organizations o on o.id = c.organization_id
  where i.user_id = u.id and o.deleted_at is null), '[]')`
