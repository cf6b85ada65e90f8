/**
 * What the kept tokens of a connection are revoked with, once it is deleted or keeps none any more: its client, its secret and
 * where the provider is, for as long as a job can need them.
 */
import { isDeepStrictEqual } from 'node:util'
import { later } from '../../../base/clock.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { connectionOf, type UsableConnection } from '../../../core/connections/index.ts'
import type { SealedColumn } from '../../../core/secrets/index.ts'

/** Longer than the jobs that revoke tokens are retried. */
const KEPT = 7 * 86_400_000

/** Keeps it as it is now, beside what it was when it was released before, which tokens may wait for. System scope. */
export async function storeReleased(tx: Tx, connection: UsableConnection, now: Date): Promise<void> {
  await keepFormer(tx, connection)
  const row = {
    organization_id: connection.organizationId,
    provider: connection.provider,
    client_id: connection.clientId,
    client_secret: connection.sealedSecret,
    settings: JSON.stringify(connection.settings),
    released_at: now,
  }
  await tx
    .insertInto('released_connections')
    .values({ id: connection.id, ...row })
    .onConflict((on) => on.column('id').doUpdateSet(row))
    .execute()
}

async function keepFormer(tx: Tx, { id, clientId, sealedSecret, settings }: UsableConnection): Promise<void> {
  const row = await tx.selectFrom('released_connections').selectAll().where('id', '=', id).executeTakeFirst()
  const isSame =
    row?.client_id === clientId &&
    row.client_secret === sealedSecret &&
    isDeepStrictEqual(row.settings, settings)
  if (!row || isSame) return
  const former = { ...row, id: `${id}~${row.released_at.getTime()}`, former_of: id }
  await tx
    .insertInto('released_connections')
    .values({ ...former, settings: JSON.stringify(row.settings) })
    .onConflict((on) => on.column('id').doNothing())
    .execute()
}

/**
 * A connection as it was when tokens were released. System scope.
 * @param cameAt when the tokens came: by what the connection was until its first release since; null: as it was last
 */
export async function findReleased(
  db: Statements,
  id: string,
  cameAt: Date | null,
): Promise<UsableConnection | null> {
  const rows = await db
    .selectFrom('released_connections')
    .selectAll()
    .where(({ eb, or }) => or([eb('id', '=', id), eb('former_of', '=', id)]))
    .orderBy('released_at')
    .execute()
  const row = cameAt === null ? rows.at(-1) : rows.find(({ released_at }) => released_at >= cameAt)
  if (!row) return null
  const { released_at: at, former_of: _, ...parts } = row
  return connectionOf({
    ...parts,
    id,
    slug: id,
    name: '',
    status: 'disabled',
    origin: 'api',
    version: 1,
    same_from: null,
    same_to: null,
    made_by: null,
    by_operator: false,
    tested_at: null,
    unreadable_since: null,
    created_at: at,
    updated_at: at,
  })
}

/** Deletes those that no job needs any more. */
export async function purgeReleased(db: Statements, now: Date): Promise<void> {
  await db
    .deleteFrom('released_connections')
    .where('released_at', '<', later(now, -KEPT))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('identities')
            .select('identities.id')
            .whereRef('identities.connection_id', '=', 'released_connections.id')
            .where('identities.tokens', 'is not', null),
        ),
      ),
    )
    .execute()
}

export const sealedReleasedSecrets: SealedColumn = {
  purpose: 'connections',
  async list(db, after, limit) {
    const rows = await db
      .selectFrom('released_connections')
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
      .updateTable('released_connections')
      .set({ client_secret: to })
      .where('id', '=', id)
      .where('client_secret', '=', from)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },
}
