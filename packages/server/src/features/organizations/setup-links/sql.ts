/** The SQL of set-up links. */
import { type Insertable, type Selectable, sql } from 'kysely'
import type { Db, Tx } from '../../../base/db/types.ts'
import type { SetupLinksTable } from './tables.ts'

/** What callers may read: everything but the hash of the secret. */
const COLUMNS = [
  'id',
  'organization_id',
  'intent',
  'provider',
  'choice',
  'connection_id',
  'domain_ids',
  'made_by',
  'created_at',
  'expires_at',
  'last_used_at',
  'completed_at',
  'revoked_at',
] as const
export type SetupLink = Pick<Selectable<SetupLinksTable>, (typeof COLUMNS)[number]>

/** Those of an organization that are neither revoked nor expired: open ones first, then those that show what was set up. */
export const selectLinks = (tx: Tx, organizationId: string, now: Date): Promise<SetupLink[]> =>
  tx
    .selectFrom('setup_links')
    .select(COLUMNS)
    .where('organization_id', '=', organizationId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('completed_at', (order) => order.asc().nullsFirst())
    .orderBy('id')
    .limit(200)
    .execute()

/** Whether the id is taken. As the system. */
export const hasLink = async (tx: Tx, id: string): Promise<boolean> =>
  (await tx.selectFrom('setup_links').select('id').where('id', '=', id).executeTakeFirst()) !== undefined

export async function insertLink(tx: Tx, row: Insertable<SetupLinksTable>): Promise<SetupLink> {
  return await tx.insertInto('setup_links').values(row).returning(COLUMNS).executeTakeFirstOrThrow()
}

/** By the hash of its token. As the system. */
export const selectLink = (
  tx: Tx,
  id: string,
  secretHash: Buffer,
): Promise<(SetupLink & { organization_name: string; organization_deleted_at: Date | null }) | undefined> =>
  tx
    .selectFrom('setup_links as l')
    .innerJoin('organizations as o', 'o.id', 'l.organization_id')
    .select(COLUMNS.map((column) => `l.${column}` as const))
    .select(['o.name as organization_name', 'o.deleted_at as organization_deleted_at'])
    .where('l.id', '=', id)
    .where('l.secret_hash', '=', secretHash)
    .executeTakeFirst()

/** With a row lock. As the system. */
export const lockLink = (tx: Tx, id: string): Promise<SetupLink | undefined> =>
  tx.selectFrom('setup_links').select(COLUMNS).where('id', '=', id).forUpdate().executeTakeFirst()

export async function updateLink(
  tx: Tx,
  id: string,
  change: Partial<
    Pick<SetupLink, 'choice' | 'connection_id' | 'domain_ids' | 'completed_at' | 'last_used_at'>
  >,
): Promise<void> {
  await tx.updateTable('setup_links').set(change).where('id', '=', id).execute()
}

/** One conditional statement. @returns false where it is revoked or another organization's */
export async function revokeLink(tx: Tx, organizationId: string, id: string, now: Date): Promise<boolean> {
  const row = await tx
    .updateTable('setup_links')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('organization_id', '=', organizationId)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Marks a use, if the last one was marked before. */
export async function markUsed(tx: Tx, id: string, now: Date, before: Date): Promise<void> {
  await tx
    .updateTable('setup_links')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', before)]))
    .execute()
}

/** Deletes links that have been expired since `before`. */
export async function purgeLinks(db: Db, before: Date): Promise<void> {
  await sql`delete from setup_links where expires_at < ${before}`.execute(db.hot)
}
